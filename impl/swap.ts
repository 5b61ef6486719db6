/** Swap slots and the swap cache, and what an entry gives up when it goes. */
import { FRAME, MAPPING, PTE, pteKind, pteMaps, ptePayload } from "../spec/words.ts";
import type { Arena } from "./arena.ts";
import { Full } from "./capacity.ts";
import { contentsOf, flagsOf, getPage, lockerOf, mapsOf, mappingKind, mark, putPage, setSlot, slotOf, unmapPage } from "./frames.ts";
import { G, SLOT } from "./layout.ts";

const row = (slot: number): number => slot * SLOT.words;

/** Entries that refer to a slot. */
export const slotUsers = (h: Arena, slot: number): number => h.slot[row(slot) + SLOT.users]!;
/** Frame of a slot in the swap cache, or -1. */
export const slotCache = (h: Arena, slot: number): number => h.slot[row(slot) + SLOT.cache]! - 1;
/** Contents that were written to a slot. */
export const slotContents = (h: Arena, slot: number): number => h.slot[row(slot) + SLOT.contents]!;

/** One more entry refers to a slot. */
export function holdSlot(h: Arena, slot: number): void {
  h.slot[row(slot) + SLOT.users]! += 1;
}

/** Enters the frame of a slot in the swap cache (-1: none). References are the caller's. */
export function setSlotCache(h: Arena, slot: number, pfn: number): void {
  h.slot[row(slot) + SLOT.cache] = pfn + 1;
}

/** Puts a page into the swap cache, with a slot that its contents still have to be written to. */
export function addToSwap(h: Arena, pfn: number): number {
  let slot = 0;
  while (slot < h.global[G.slots]! && (slotUsers(h, slot) > 0 || slotCache(h, slot) >= 0)) slot++;
  if (slot >= h.capacity.slots) throw new Full("slots");
  if (slot === h.global[G.slots]) h.global[G.slots] = slot + 1;
  h.slot[row(slot) + SLOT.contents] = 0;
  setSlotCache(h, slot, pfn);
  setSlot(h, pfn, slot);
  mark(h, pfn, FRAME.dirty);
  getPage(h, pfn);
  return slot;
}

/** Writes a dirty page to its slot, and takes it out of the swap cache. */
export function swapOut(h: Arena, pfn: number, slot: number): void {
  const at = row(slot);
  if (slotUsers(h, slot) === 0) h.slot[at + SLOT.contents] = 0;
  else if ((flagsOf(h, pfn) & FRAME.dirty) !== 0) h.slot[at + SLOT.contents] = contentsOf(h, pfn);
  h.slot[at + SLOT.cache] = 0;
  setSlot(h, pfn, -1);
  putPage(h, pfn);
}

/** Drops one user of a slot. */
export function dropSlot(h: Arena, slot: number): void {
  const at = row(slot);
  h.slot[at + SLOT.users]! -= 1;
  const cache = slotCache(h, slot);
  if (cache >= 0) dropUnused(h, cache);
  else if (slotUsers(h, slot) === 0) h.slot[at + SLOT.contents] = 0;
}

/** Takes a page whose slot has no users out of the swap cache; what is in memory is all that there is of it then. */
export function freeSwapCache(h: Arena, pfn: number): void {
  const at = row(slotOf(h, pfn));
  h.slot.fill(0, at, at + SLOT.words);
  setSlot(h, pfn, -1);
  mark(h, pfn, FRAME.dirty);
  putPage(h, pfn);
}

/** A page that is in the swap cache and nowhere else leaves it, unless somebody works on it. */
function dropUnused(h: Arena, pfn: number): void {
  const slot = slotOf(h, pfn);
  if (slot >= 0 && lockerOf(h, pfn) < 0 && mapsOf(h, pfn) === 0 && slotUsers(h, slot) === 0) freeSwapCache(h, pfn);
}

/** Drops what an entry that is gone has held: a mapping with its reference, or a user of a swap slot. */
export function dropPte(h: Arena, pte: number): void {
  if (pteMaps(pte)) {
    const pfn = ptePayload(pte);
    // A private page is not looked for once its last entry is gone, so its dirty bit is dropped with the entry.
    if ((pte & PTE.dirty) !== 0 && pteKind(pte) === PTE.present && mappingKind(h, pfn) === MAPPING.shmem) mark(h, pfn, FRAME.dirty);
    unmapPage(h, pfn);
    dropUnused(h, pfn);
  } else if (pteKind(pte) === PTE.swap) dropSlot(h, ptePayload(pte));
}
