/**
 * Reclaim of one page: unmap everywhere, then swap, drop or keep.
 *
 * Record: `pfn`, `x0` swap slot or -1, from r1 on.
 */
import { FRAME, MAPPING, STEP } from "../../spec/words.ts";
import type { Arena } from "../arena.ts";
import { CHOICE, GO } from "../choices.ts";
import {
  flagsOf,
  getPage,
  headOf,
  indexOf,
  lockPage,
  mappingKind,
  mappingOf,
  mapsOf,
  mark,
  pinsOf,
  putPage,
  refsOf,
  slotOf,
  unlockPage,
  unmark,
} from "../frames.ts";
import { FB, R } from "../layout.ts";
import { addToSwap, swapOut } from "../swap.ts";
import { enter, goto, leave, push } from "../tasks.ts";
import type { ImplSteps } from "../tasks.ts";
import { inPageCache } from "./migrate-metadata.ts";
import { RMAP_MODE, WALK } from "./rmap-record.ts";
import { enterRmapWalk } from "./rmap-walk.ts";

const R1 = STEP["reclaim.r1"];
const R2 = STEP["reclaim.r2"];
const R3 = STEP["reclaim.r3"];
const SWAP_OR_NOT = (1 << CHOICE.noSwap) | (1 << CHOICE.swap);

/** Enters the reclaim of a page; the caller continues with `resume`. */
export function enterReclaim(h: Arena, t: number, r: number, resume: number, pfn: number): void {
  h.task[enter(h, t, r, resume, R1) + R.pfn] = pfn;
}

/** Begins the reclaim of a page as a task of its own. */
export function beginReclaim(h: Arena, t: number, pfn: number): void {
  h.task[push(h, t, R1) + R.pfn] = pfn;
}

const TAKEN_BY_PAGEOUT = FRAME.kind_mask | FRAME.lru | FB.locked_mask | FB.head;

/** Whether MADV_PAGEOUT takes a page: on the LRU, mapped once, unlocked, not part of a compound page. */
export function canReclaim(h: Arena, pfn: number): boolean {
  return (flagsOf(h, pfn) & TAKEN_BY_PAGEOUT) === (FRAME.system | FRAME.lru) && mapsOf(h, pfn) === 1;
}

/** A private page whose contents must outlive its frame: not a lazily freed one. */
const needsSlot = (h: Arena, pfn: number): boolean => mappingKind(h, pfn) === MAPPING.anon && (flagsOf(h, pfn) & FRAME.swap_backed) !== 0;

/** The page goes back to the LRU. */
function keep(h: Arena, t: number, pfn: number): void {
  mark(h, pfn, FRAME.lru);
  unlockPage(h, pfn);
  putPage(h, pfn);
  leave(h, t);
}

/** Takes a page of a memory object out of the page cache. */
function dropFromCache(h: Arena, pfn: number): void {
  h.shmem[mappingOf(h, pfn) * h.shmemWords + 1 + indexOf(h, pfn)] = 0;
  putPage(h, pfn);
}

/** The steps of reclaim. */
export const reclaimSteps: ImplSteps = {
  r1: {
    // With swap space an anonymous page gets a slot; the recorded kernels have none.
    choices: (h, _t, r) => (needsSlot(h, h.task[r + R.pfn]!) ? SWAP_OR_NOT : GO),
    apply(h, t, r, choice) {
      const pfn = h.task[r + R.pfn]!;
      const flags = flagsOf(h, pfn);
      if (choice === CHOICE.noSwap || (flags & FRAME.lru) === 0 || headOf(h, pfn) >= 0) return leave(h, t);
      // A page that is pinned for DMA is not even unmapped.
      if (needsSlot(h, pfn) && h.profile.anonExclusive && pinsOf(h, pfn) > 0) return leave(h, t);
      if (!lockPage(h, pfn, t)) return leave(h, t);
      getPage(h, pfn);
      unmark(h, pfn, FRAME.lru);
      let slot = -1;
      if (choice === CHOICE.swap) {
        slot = slotOf(h, pfn);
        if (slot < 0) slot = addToSwap(h, pfn);
      }
      h.task[r + R.x0] = slot;
      const walk = enterRmapWalk(h, t, r, R2, pfn, RMAP_MODE.unmap);
      h.task[walk + WALK.slot] = slot;
      h.task[walk + WALK.lazyFree] = slot < 0 && mappingKind(h, pfn) === MAPPING.anon ? 1 : 0;
    },
  },
  r2: {
    apply(h, t, r) {
      const pfn = h.task[r + R.pfn]!;
      if (mapsOf(h, pfn) > 0) keep(h, t, pfn);
      else goto(h, r, R3);
    },
  },
  r3: {
    apply(h, t, r) {
      const pfn = h.task[r + R.pfn]!;
      const slot = h.task[r + R.x0]!;
      const shmem = mappingKind(h, pfn) === MAPPING.shmem;
      const caches = (slotOf(h, pfn) >= 0 ? 1 : 0) + (inPageCache(h, pfn) ? 1 : 0);
      // A dirty page of a shared memory object has nowhere to be written to; a clean one is dropped.
      if (refsOf(h, pfn) - caches > 1 || (shmem && (flagsOf(h, pfn) & FRAME.dirty) !== 0)) return keep(h, t, pfn);
      if (slot >= 0) swapOut(h, pfn, slot);
      else if (shmem) dropFromCache(h, pfn);
      // The last reference: the frame is free again, and its lock goes with it.
      putPage(h, pfn);
      leave(h, t);
    },
  },
};
