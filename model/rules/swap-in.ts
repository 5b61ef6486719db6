/** A fault on a swap entry: the page comes from the swap cache or from its slot. */
import type { MmId, Vpn } from "../../spec/vocabulary.ts";
import { allocSystem, dropSlot, frameOf, freeSwapCache, hold, mapHolder, setFrame } from "../frames.ts";
import { mmOf } from "../locks.ts";
import { known } from "../rule.ts";
import type { Pte, Vma, Work } from "../state.ts";

type SwapPte = Extract<Pte, { kind: "swap" }>;

/** The page is in the swap cache and somebody has locked it: who swaps it in waits. */
export function swapCacheLocked(s: Work, pte: SwapPte): boolean {
  const cache = s.slots[pte.slot]?.cache ?? null;
  return cache !== null && frameOf(s, cache).locked !== null;
}

/** Maps the page of a swap entry and gives up one user of its slot. */
export function swapIn(s: Work, mm: MmId, vma: Vma, at: Vpn, pte: SwapPte, write: boolean): void {
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
  const unmapped = frameOf(s, pfn).holders.every((h) => h.kind === "swap-cache");
  hold(s, pfn, mapHolder(mm, at));
  dropSlot(s, pte.slot);
  // A write takes a page that nobody else has out of the swap cache; after a read it stays there, maybe without users.
  const freed = write && unmapped && slot.count === 1;
  if (freed) freeSwapCache(s, pfn);
  const only = freed || pte.exclusive;
  if (only && s.profile.anonExclusive) setFrame(s, pfn, { anonExclusive: true });
  const upgraded = only && vma.flags.write && (write || s.profile.swapInMapsWritable);
  mmOf(s, mm).ptes[at] = { kind: "present", pfn, write: upgraded, dirty: upgraded && write, huge: false };
}
