/** What madvise does to single pages: splitting the huge page around them, freeing them lazily, choosing those that are reclaimed. */
import { FRAME, MAPPING, PTE, pteKind, ptePayload } from "../../spec/words.ts";
import type { Arena } from "../arena.ts";
import { flagsOf, headOf, kindOf, lockerOf, mappingKind, mapsOf, setPte, slotOf, unmark } from "../frames.ts";
import { blockOf, PTRS_PER_PTE, splitCompound } from "../huge.ts";
import { dropPte, freeSwapCache, slotUsers } from "../swap.ts";
import { canReclaim } from "./reclaim.ts";

/**
 * Splits a huge page that only this mapping has, as MADV_FREE, MADV_COLD and MADV_PAGEOUT do.
 *
 * @param always also where the range `[at, to)` covers all of it
 */
export function splitForReclaim(h: Arena, mm: number, v: number, at: number, to: number, always: boolean): void {
  const pte = h.pt.get(mm, v);
  if (pteKind(pte) !== PTE.present || headOf(h, ptePayload(pte)) < 0 || mapsOf(h, ptePayload(pte)) !== 1) return;
  const whole = at <= blockOf(v) && blockOf(v) + PTRS_PER_PTE <= to;
  if ((pte & PTE.huge) !== 0 && whole && !always) return;
  splitCompound(h, mm, v);
}

/** Whether the frame may be made clean: it is clean already, or nobody else maps it, works on it or finds it in the swap cache, which it leaves then. */
function cleanable(h: Arena, pfn: number): boolean {
  if (kindOf(h, pfn) !== FRAME.system || mappingKind(h, pfn) !== MAPPING.anon) return false;
  const slot = slotOf(h, pfn);
  if ((flagsOf(h, pfn) & FRAME.dirty) === 0 && slot < 0) return true;
  if (lockerOf(h, pfn) >= 0 || mapsOf(h, pfn) !== 1) return false;
  if (slot < 0) return true;
  if (slotUsers(h, slot) > 0) return false;
  freeSwapCache(h, pfn);
  return true;
}

/** MADV_FREE: a page may be dropped as long as nobody writes it again. Pages that are elsewhere are left alone. */
export function freeLazily(h: Arena, mm: number, at: number, to: number): void {
  for (let v = h.pt.next(mm, at, to); v < to; v = h.pt.next(mm, v + 1, to)) {
    splitForReclaim(h, mm, v, at, to, false);
    const pte = h.pt.get(mm, v);
    if (pteKind(pte) === PTE.swap) {
      setPte(h, mm, v, 0);
      dropPte(h, pte);
    }
    if (pteKind(pte) !== PTE.present || !cleanable(h, ptePayload(pte))) continue;
    setPte(h, mm, v, pte & ~PTE.dirty);
    unmark(h, ptePayload(pte), FRAME.dirty | FRAME.swap_backed);
  }
}

/** The first page of `[at, to)` that MADV_PAGEOUT takes, or `to`. Huge pages on the way are split. */
export function nextReclaimed(h: Arena, mm: number, at: number, to: number): number {
  for (let v = h.pt.next(mm, at, to); v < to; v = h.pt.next(mm, v + 1, to)) {
    splitForReclaim(h, mm, v, v, to, true);
    const pte = h.pt.get(mm, v);
    if (pteKind(pte) === PTE.present && canReclaim(h, ptePayload(pte))) return v;
  }
  return to;
}
