/** A fault on a swap entry: the page comes from the swap cache or from its slot. */
import { FRAME, MAPPING, PTE, VM, ptePayload } from "../../spec/words.ts";
import { ImplBug } from "../arena.ts";
import type { Arena } from "../arena.ts";
import { allocSystem, lockerOf, mapPage, mark, refsOf, setContents, setMapping, setSlot } from "../frames.ts";
import { ANON, VMA } from "../layout.ts";
import { dropSlot, freeSwapCache, setSlotCache, slotCache, slotContents, slotUsers } from "../swap.ts";

const exclusiveSwap = (pte: number): boolean => (pte & PTE.mode_mask) !== 0;

/** The page is in the swap cache and somebody has locked it: who swaps it in waits. */
export function swapCacheLocked(h: Arena, pte: number): boolean {
  const cache = slotCache(h, ptePayload(pte));
  return cache >= 0 && lockerOf(h, cache) >= 0;
}

/** Reads the page of a swap entry from its slot into a new frame, which is in the swap cache and nowhere else. */
function readSlot(h: Arena, vma: number, vpn: number, pte: number): number {
  const slot = ptePayload(pte);
  const anon = h.vma[vma + VMA.anon]! - 1;
  if (anon < 0) throw new ImplBug(`no anon_vma for page ${vpn}`);
  const pfn = allocSystem(h);
  const index = h.vma[vma + VMA.pgoff]! + vpn - h.vma[vma + VMA.start]!;
  setContents(h, pfn, slotContents(h, slot));
  setSlot(h, pfn, slot);
  setMapping(h, pfn, MAPPING.anon, exclusiveSwap(pte) ? anon : h.anon[anon * ANON.words + ANON.root]!, index);
  setSlotCache(h, slot, pfn);
  return pfn;
}

/** Maps the page of a swap entry, in the mapping of a row, and gives up one user of its slot. */
export function swapIn(h: Arena, mm: number, vma: number, vpn: number, pte: number, write: boolean): void {
  const slot = ptePayload(pte);
  const users = slotUsers(h, slot);
  const cache = slotCache(h, slot);
  const pfn = cache < 0 ? readSlot(h, vma, vpn, pte) : cache;
  // The only holder is the swap cache.
  const unmapped = refsOf(h, pfn) === 1;
  mapPage(h, pfn);
  dropSlot(h, slot);
  // A write takes a page that nobody else has out of the swap cache; after a read it stays there, maybe without users.
  const freed = write && unmapped && users === 1;
  if (freed) freeSwapCache(h, pfn);
  const only = freed || exclusiveSwap(pte);
  if (only && h.profile.anonExclusive) mark(h, pfn, FRAME.anon_exclusive);
  const upgraded = only && (h.vma[vma + VMA.flags]! & VM.write) !== 0 && (write || h.profile.swapInMapsWritable);
  const access = upgraded ? (write ? PTE.write | PTE.dirty : PTE.write) : 0;
  h.pt.set(mm, vpn, PTE.present | access | (pfn << PTE.payload_shift));
}
