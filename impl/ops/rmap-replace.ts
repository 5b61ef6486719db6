/** What an entry becomes when its page is unmapped. */
import { FRAME, MODE, PTE, pteKind, ptePayload } from "../../spec/words.ts";
import type { Arena } from "../arena.ts";
import { flagsOf, headOf, mapsOf, mark, pinsOf, refsOf, setPte, unmark } from "../frames.ts";
import { PTRS_PER_PTE } from "../huge.ts";
import { R } from "../layout.ts";
import { holdSlot } from "../swap.ts";
import { RMAP_MODE, WALK } from "./rmap-record.ts";

/** No entry: the page stays mapped. */
export const KEEPS = -1;

/** A swap entry of a page that one process had alone. */
const SWAP_EXCLUSIVE = 1 << PTE.mode_shift;

/**
 * The migration entry that remembers how a page was mapped. The rmap walk of v14 (`collect` is false) forgets the write permission of
 * device-private entries.
 */
export function migrationEntry(h: Arena, pfn: number, pte: number, collect: boolean): number {
  const write = (pte & PTE.write) !== 0 && (collect || pteKind(pte) !== PTE.device_private || h.profile.rmapKeepsWrite);
  const exclusive = (flagsOf(h, pfn) & FRAME.anon_exclusive) !== 0;
  const mode = write ? MODE.write : exclusive ? MODE.read_exclusive : MODE.read;
  const dirty = pteKind(pte) === PTE.present ? pte & PTE.dirty : 0;
  return PTE.migration | dirty | (mode << PTE.mode_shift) | (pfn << PTE.payload_shift);
}

/** The entry remembers from now on that one process has the page alone. A page that is pinned for DMA keeps its mark, and its mapping. */
function takeMark(h: Arena, pfn: number): boolean {
  if ((flagsOf(h, pfn) & FRAME.anon_exclusive) === 0) return true;
  if (pinsOf(h, pfn) > 0) return false;
  unmark(h, pfn, FRAME.anon_exclusive);
  return true;
}

/** Unmapping for reclaim. */
function unmapped(h: Arena, r: number, pfn: number): number {
  const slot = h.task[r + WALK.slot]!;
  if (slot >= 0) {
    const exclusive = (flagsOf(h, pfn) & FRAME.anon_exclusive) === 0 ? 0 : SWAP_EXCLUSIVE;
    if (!takeMark(h, pfn)) return KEEPS;
    holdSlot(h, slot);
    return PTE.swap | exclusive | (slot << PTE.payload_shift);
  }
  if (h.task[r + WALK.lazyFree] === 0) return PTE.none;
  // Written again since, or wanted by others (v14 does not look): it stays, and is an ordinary page once more.
  const wanted = h.profile.anonExclusive && refsOf(h, pfn) > mapsOf(h, pfn) + 1;
  if (!wanted && (flagsOf(h, pfn) & FRAME.dirty) === 0) return PTE.none;
  mark(h, pfn, FRAME.swap_backed);
  return KEEPS;
}

/** What an entry that maps the page of a walk becomes, or `KEEPS`. That the page was written goes to its frame. */
export function replacedPte(h: Arena, r: number, pte: number): number {
  const pfn = h.task[r + R.pfn]!;
  if (pteKind(pte) === PTE.present && (pte & PTE.dirty) !== 0) mark(h, pfn, FRAME.dirty);
  switch (h.task[r + WALK.mode]) {
    case RMAP_MODE.migrate: {
      const entry = migrationEntry(h, pfn, pte, false);
      return takeMark(h, pfn) ? entry : KEEPS;
    }
    case RMAP_MODE.exclusive:
      return PTE.device_exclusive | (pte & PTE.write) | (pfn << PTE.payload_shift);
    case RMAP_MODE.protect:
      return pte & ~PTE.write;
    default:
      return unmapped(h, r, pfn);
  }
}

/** The other pages of a compound page whose first one was taken become exclusive, too, although nobody has asked for them. */
export function takeCompound(h: Arena, head: number, mm: number, vpn: number): void {
  const end = Math.min(vpn + PTRS_PER_PTE, h.pages);
  for (let v = h.pt.next(mm, vpn + 1, end); v < end; v = h.pt.next(mm, v + 1, end)) {
    const pte = h.pt.get(mm, v);
    const pfn = ptePayload(pte);
    if (pteKind(pte) !== PTE.present || headOf(h, pfn) !== head) continue;
    if ((pte & PTE.dirty) !== 0) mark(h, pfn, FRAME.dirty);
    setPte(h, mm, v, PTE.device_exclusive | (pte & PTE.write) | (pfn << PTE.payload_shift));
  }
}
