/** A fault on a swap entry: the page comes from the swap cache or from its slot. */
import type { MmId, Vpn } from "../../spec/vocabulary.ts";
import { allocSystem, dropSlot, hold, mapHolder, setFrame } from "../frames.ts";
import { mmOf } from "../locks.ts";
import { known } from "../rule.ts";
import type { Pte, Vma, Work } from "../state.ts";

export function swapIn(s: Work, mm: MmId, vma: Vma, at: Vpn, pte: Extract<Pte, { kind: "swap" }>, write: boolean): void {
  const slot = known(s.slots[pte.slot], "slot");
  let pfn = slot.cache;
  if (pfn === null) {
    pfn = allocSystem(s, [{ kind: "swap-cache" }]);
    const anonVma = known(vma.anonVma, "anon_vma");
    const root = known(s.anonVmas[anonVma], "anon_vma").root;
    setFrame(s, pfn, {
      contents: slot.contents,
      slot: pte.slot,
      index: vma.pgoff + at - vma.start,
      mapping: { kind: "anon", anonVma: pte.exclusive ? anonVma : root },
    });
    s.slots[pte.slot] = { ...slot, cache: pfn };
  }
  hold(s, pfn, mapHolder(mm, at));
  const only = slot.count === 1 || pte.exclusive;
  setFrame(s, pfn, { anonExclusive: only });
  const upgraded = write && only && vma.flags.write;
  // The last user of a slot takes the page out of the swap cache; a page without a slot must count as dirty.
  if (slot.count === 1) setFrame(s, pfn, { dirty: true });
  mmOf(s, mm).ptes[at] = { kind: "present", pfn, write: upgraded, dirty: upgraded, huge: false };
  dropSlot(s, pte.slot);
}
