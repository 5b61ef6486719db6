/**
 * Unmapping a page everywhere: for each mapping that could hold it the mirrors of that address space are told, whether the page is mapped there or
 * not; then the entry, if it is there, becomes a migration entry, a swap entry, a device-exclusive entry, or nothing. Answers 1 where an exclusive
 * walk met the page writable where the caller expected it, else 0.
 *
 * Record: `WALK`. The places of the page lie in the array of targets of the task while it walks.
 */
import { PTE, STEP, pteKind, pteMaps, ptePayload } from "../../spec/words.ts";
import type { Arena } from "../arena.ts";
import { headOf, indexOf, mapsOf, mappingKind, mappingOf, setPte, unmapPage } from "../frames.ts";
import { PTRS_PER_PTE } from "../huge.ts";
import { R, VMA } from "../layout.ts";
import { EVENT, invalidate, invalidateEnd } from "../notifier.ts";
import { rmapTargets } from "../rmap.ts";
import { enter, goto, leave, taskRow } from "../tasks.ts";
import type { ImplSteps } from "../tasks.ts";
import { findVma } from "../vmas.ts";
import { KEEPS, replacedPte, takeCompound } from "./rmap-replace.ts";
import { RMAP_MODE, WALK } from "./rmap-record.ts";

const NEXT = STEP["rmap_walk.next"];
const CLEAR = STEP["rmap_walk.clear"];
const END = STEP["rmap_walk.end"];

/** Enters a walk over all mappings that could hold a page, and answers its record, for what its mode needs beside. */
export function enterRmapWalk(h: Arena, t: number, r: number, resume: number, pfn: number, mode: number): number {
  const a = enter(h, t, r, resume, NEXT);
  h.task[a + R.pfn] = pfn;
  h.task[a + WALK.mode] = mode;
  h.task[a + WALK.owner] = -1;
  h.task[a + WALK.count] = -1;
  return a;
}

/** Where the notification for one mapping ends: a compound page that is taken for exclusive use is taken as a whole. */
function endOf(h: Arena, r: number, mm: number, vpn: number): number {
  const pfn = h.task[r + R.pfn]!;
  if (h.task[r + WALK.mode] !== RMAP_MODE.exclusive || headOf(h, pfn) !== pfn) return vpn + 1;
  const vma = findVma(h, mm, vpn);
  return vma < 0 ? vpn + 1 : Math.min(vpn + PTRS_PER_PTE, h.vma[vma + VMA.end]!);
}

/** Replaces the entry of the current place, where it maps the page. */
function clear(h: Arena, r: number, mm: number, vpn: number): void {
  const pfn = h.task[r + R.pfn]!;
  const mode = h.task[r + WALK.mode]!;
  const pte = h.pt.get(mm, vpn);
  if (!pteMaps(pte) || ptePayload(pte) !== pfn) return;
  const exclusive = mode === RMAP_MODE.exclusive;
  const next = replacedPte(h, r, pte);
  // A page that stays mapped ends the walk.
  if (next === KEEPS) {
    h.task[r + WALK.count] = h.task[r + WALK.index]! + 1;
    return;
  }
  setPte(h, mm, vpn, next);
  if (exclusive) {
    const expected = h.task[r + WALK.onlyMm] === mm && h.task[r + WALK.onlyVpn] === vpn;
    if (expected && pteKind(pte) === PTE.present && (pte & PTE.write) !== 0) h.task[r + WALK.valid] = 1;
  } else if (mode !== RMAP_MODE.protect) unmapPage(h, pfn);
}

/** The steps of a reverse map walk, once for each mapping. */
export const rmapWalkSteps: ImplSteps = {
  next: {
    apply(h, t, r) {
      const pfn = h.task[r + R.pfn]!;
      const first = taskRow(h, t) + h.targets;
      let n = h.task[r + WALK.count]!;
      if (n < 0) {
        n = rmapTargets(h, mappingKind(h, pfn), mappingOf(h, pfn), indexOf(h, pfn), h.task, first);
        h.task[r + WALK.count] = n;
        h.task[r + WALK.used] = n;
      }
      const i = h.task[r + WALK.index]!;
      if (i >= n) {
        h.task.fill(0, first, first + 2 * h.task[r + WALK.used]!);
        return leave(h, t, h.task[r + WALK.valid]);
      }
      const mm = h.task[first + 2 * i]!;
      const vpn = h.task[first + 2 * i + 1]!;
      const event = h.task[r + WALK.mode] === RMAP_MODE.exclusive ? EVENT.EXCLUSIVE : EVENT.CLEAR;
      invalidate(h, t, r, CLEAR, mm, vpn, endOf(h, r, mm, vpn), event, h.task[r + WALK.owner]);
    },
  },
  clear: {
    apply(h, t, r) {
      const place = taskRow(h, t) + h.targets + 2 * h.task[r + WALK.index]!;
      const mm = h.task[place]!;
      const vpn = h.task[place + 1]!;
      const pfn = h.task[r + R.pfn]!;
      clear(h, r, mm, vpn);
      if (h.task[r + WALK.mode] === RMAP_MODE.exclusive && headOf(h, pfn) === pfn) takeCompound(h, pfn, mm, vpn);
      goto(h, r, END);
    },
  },
  end: {
    apply(h, t, r) {
      const i = h.task[r + WALK.index]!;
      invalidateEnd(h, h.task[taskRow(h, t) + h.targets + 2 * i]!);
      // The walk ends as soon as the page is mapped nowhere: who comes later is not told.
      const mapped = mapsOf(h, h.task[r + R.pfn]!) > h.task[r + WALK.valid]!;
      h.task[r + WALK.index] = mapped ? i + 1 : h.task[r + WALK.count]!;
      goto(h, r, NEXT);
    },
  },
};
