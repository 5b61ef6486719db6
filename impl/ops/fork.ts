/**
 * fork: mapping by mapping. Private pages are shared read-only by both, shared memory is found again by faults.
 *
 * Record: `at` the next mapping by its place, `x0` child actor, `x1` its address space, `x2` whether it inherits the open files.
 */
import type { ModelCall } from "../../spec/vocabulary.ts";
import { FRAME, MAP, MAPPING, MODE, PTE, STEP, VM, pteKind, pteMaps, ptePayload } from "../../spec/words.ts";
import type { Arena } from "../arena.ts";
import { Full } from "../capacity.ts";
import {
  allocSystem,
  contentsOf,
  flagsOf,
  indexOf,
  lockerOf,
  mapPage,
  mark,
  pinsOf,
  putPage,
  setContents,
  setMapping,
  setPte,
  unmark,
} from "../frames.ts";
import { ACTOR, FILE, G, MM, R, TASK, VMA } from "../layout.ts";
import { canWrite, writeLock, writeUnlock } from "../locks.ts";
import { EVENT, invalidate, invalidateEnd } from "../notifier.ts";
import { newMm } from "../reap.ts";
import { holdSlot } from "../swap.ts";
import { goto, ok, push, taskRow } from "../tasks.ts";
import type { ImplSteps } from "../tasks.ts";
import { copyMapping } from "../vma-copy.ts";
import { findVma, vmasEnd, vmasFirst } from "../vmas.ts";
import { callerMm } from "./begin-range-call.ts";
import { restoredPte } from "./fault-wait.ts";

/** Begins fork. */
export function beginFork(h: Arena, t: number, call: Extract<ModelCall, { op: "fork" }>): void {
  const r = push(h, t, STEP["fork.lock"]);
  h.task[r + R.mm] = callerMm(h, t);
  h.task[r + R.x0] = call.child;
  h.task[r + R.x2] = call.files === "inherit" ? 1 : 0;
}

/** The row of the parent's mapping that is copied. */
const rowOf = (h: Arena, r: number): number => vmasFirst(h, h.task[r + R.mm]!) + h.task[r + R.at]! * VMA.words;

/** A device-exclusive entry is restored first, which needs the page lock. */
function exclusiveLocked(h: Arena, r: number): boolean {
  const mm = h.task[r + R.mm]!;
  const row = rowOf(h, r);
  const end = h.vma[row + VMA.end]!;
  for (let v = h.pt.next(mm, h.vma[row + VMA.start]!, end); v < end; v = h.pt.next(mm, v + 1, end)) {
    const pte = h.pt.get(mm, v);
    if (pteKind(pte) === PTE.device_exclusive && lockerOf(h, ptePayload(pte)) >= 0) return true;
  }
  return false;
}

/** The entry that parent and child have after the copy of a private page: nobody may write without a fault. */
function shareable(pte: number): number {
  switch (pteKind(pte)) {
    case PTE.present:
    case PTE.device_private:
      return pte & ~PTE.write;
    case PTE.migration:
      return (pte & ~PTE.mode_mask) | (MODE.read << PTE.mode_shift);
    case PTE.swap:
      return pte & ~PTE.mode_mask;
    default:
      return pte;
  }
}

/** The parent keeps what is pinned: the child gets a copy at once. */
function copyPinned(h: Arena, child: number, row: number, v: number, pte: number): void {
  const copy = allocSystem(h);
  const pfn = ptePayload(pte);
  mapPage(h, copy);
  putPage(h, copy);
  setContents(h, copy, contentsOf(h, pfn));
  setMapping(h, copy, MAPPING.anon, h.vma[findVma(h, child, v) + VMA.anon]! - 1, indexOf(h, pfn));
  mark(h, copy, FRAME.anon_exclusive);
  const write = (h.vma[row + VMA.flags]! & VM.write) !== 0 ? PTE.write : 0;
  const kept = pte & ((1 << PTE.payload_shift) - 1) & ~PTE.write;
  setPte(h, child, v, kept | write | PTE.dirty | (copy << PTE.payload_shift));
}

/** Copies one entry of the mapping in a row. */
function copyEntry(h: Arena, parent: number, child: number, row: number, v: number): void {
  const cow = h.vma[row + VMA.map] === MAP.private;
  const pte = restoredPte(h, h.pt.get(parent, v), row);
  const pfn = ptePayload(pte);
  if (pteKind(pte) === PTE.present && (flagsOf(h, pfn) & FRAME.anon_exclusive) !== 0 && pinsOf(h, pfn) > 0) {
    setPte(h, parent, v, pte);
    return copyPinned(h, child, row, v, pte);
  }
  const shared = cow ? shareable(pte) : pte;
  setPte(h, parent, v, shared);
  setPte(h, child, v, !cow && pteKind(shared) === PTE.present ? shared & ~PTE.dirty : shared);
  if (pteMaps(shared)) {
    mapPage(h, pfn);
    if (cow) unmark(h, pfn, FRAME.anon_exclusive);
  } else if (pteKind(shared) === PTE.swap) holdSlot(h, pfn);
}

/** Makes the child, with the parent's open files or without any. */
function makeActor(h: Arena, t: number, r: number): void {
  const child = h.task[r + R.x0]!;
  if (child >= h.capacity.actors) throw new Full("actors");
  const to = child * h.actorWords;
  const from = h.task[taskRow(h, t) + TASK.actor]! * h.actorWords;
  h.actor[to + ACTOR.live] = 1;
  h.actor[to + ACTOR.mm] = h.task[r + R.x1]!;
  if (h.task[r + R.x2] !== 0)
    for (let i = ACTOR.files; i < h.actorWords; i++) {
      const file = h.actor[from + i]! - 1;
      if (file < 0) continue;
      h.actor[to + i] = file + 1;
      h.file[file * FILE.words + FILE.users]! += 1;
    }
  h.global[G.actors] = Math.max(h.global[G.actors]!, child + 1);
}

/** The steps of fork. */
export const forkSteps: ImplSteps = {
  lock: {
    enabled: (h, _t, r) => canWrite(h, h.task[r + R.mm]!),
    apply(h, t, r) {
      writeLock(h, h.task[r + R.mm]!, t);
      const child = newMm(h);
      h.task[r + R.x1] = child;
      h.mm[child * h.mmWords + MM.users] = 1;
      h.mm[child * h.mmWords + MM.seq] = 2;
      writeLock(h, child, t);
      goto(h, r, STEP["fork.vma"]);
    },
  },
  vma: {
    apply(h, t, r) {
      const mm = h.task[r + R.mm]!;
      const row = rowOf(h, r);
      if (row >= vmasEnd(h, mm)) return goto(h, r, STEP["fork.files"]);
      copyMapping(h, row, h.task[r + R.x1]!);
      const map = h.vma[row + VMA.map];
      // Entries that a fault will fill again are not copied.
      if (h.vma[row + VMA.anon] === 0 && map !== MAP.device) h.task[r + R.at]! += 1;
      else if (map === MAP.private)
        invalidate(h, t, r, STEP["fork.copy"], mm, h.vma[row + VMA.start]!, h.vma[row + VMA.end]!, EVENT.PROTECTION_PAGE);
      else goto(h, r, STEP["fork.copy"]);
    },
  },
  copy: {
    enabled: (h, _t, r) => !exclusiveLocked(h, r),
    apply(h, _t, r) {
      const mm = h.task[r + R.mm]!;
      const row = rowOf(h, r);
      const end = h.vma[row + VMA.end]!;
      for (let v = h.pt.next(mm, h.vma[row + VMA.start]!, end); v < end; v = h.pt.next(mm, v + 1, end))
        copyEntry(h, mm, h.task[r + R.x1]!, row, v);
      goto(h, r, STEP["fork.end"]);
    },
  },
  end: {
    apply(h, _t, r) {
      if (h.vma[rowOf(h, r) + VMA.map] === MAP.private) invalidateEnd(h, h.task[r + R.mm]!);
      h.task[r + R.at]! += 1;
      goto(h, r, STEP["fork.vma"]);
    },
  },
  files: {
    apply(h, t, r) {
      makeActor(h, t, r);
      writeUnlock(h, h.task[r + R.mm]!);
      writeUnlock(h, h.task[r + R.x1]!);
      ok(h, t);
    },
  },
};
