/**
 * munmap, and the unmapping that mmap and mremap do first.
 *
 * Record of `do_munmap`: `x0` mappings that were taken out and are not emptied yet; they lie in the array of the task.
 */
import type { ModelCall } from "../../spec/vocabulary.ts";
import { STEP } from "../../spec/words.ts";
import type { Arena } from "../arena.ts";
import { setPte } from "../frames.ts";
import { splitHuge } from "../huge.ts";
import { R, VMA } from "../layout.ts";
import { canWrite, writeLock, writeUnlock } from "../locks.ts";
import { EVENT, invalidate, invalidateEnd } from "../notifier.ts";
import { reap } from "../reap.ts";
import { detachedFirst } from "../rmap.ts";
import { dropPte } from "../swap.ts";
import { enter, fail, goto, leave, ok } from "../tasks.ts";
import type { ImplSteps } from "../tasks.ts";
import { detachVmas } from "../vma-split.ts";
import { vmaFrom } from "../vmas.ts";
import { pushRangeCall } from "./begin-range-call.ts";
import { mayRelease, releaseFiles } from "./release.ts";

/** Begins munmap. */
export function beginMunmap(h: Arena, t: number, call: Extract<ModelCall, { op: "munmap" }>): void {
  pushRangeCall(h, t, STEP["munmap.lock"], call);
}

/** Enters the unmapping of `[start, end)` for a caller that holds the address space lock for writing. */
export function enterDoMunmap(h: Arena, t: number, r: number, resume: number, mm: number, start: number, end: number): void {
  const a = enter(h, t, r, resume, STEP["do_munmap.detach"]);
  h.task[a + R.mm] = mm;
  h.task[a + R.start] = start;
  h.task[a + R.end] = end;
}

/** Clears the entries of a range and drops what they held. */
export function zap(h: Arena, mm: number, start: number, end: number): void {
  splitHuge(h, mm, start);
  splitHuge(h, mm, end);
  for (let v = h.pt.next(mm, start, end); v < end; v = h.pt.next(mm, v + 1, end)) {
    const pte = h.pt.get(mm, v);
    setPte(h, mm, v, 0);
    dropPte(h, pte);
  }
}

/** The steps of munmap. */
export const munmapSteps: ImplSteps = {
  lock: {
    enabled: (h, _t, r) => canWrite(h, h.task[r + R.mm]!),
    apply(h, t, r) {
      if (h.task[r + R.start] === h.task[r + R.end]) return fail(h, t, "EINVAL");
      writeLock(h, h.task[r + R.mm]!, t);
      goto(h, r, STEP["munmap.unmap"]);
    },
  },
  unmap: {
    apply(h, t, r) {
      enterDoMunmap(h, t, r, STEP["munmap.unlock"], h.task[r + R.mm]!, h.task[r + R.start]!, h.task[r + R.end]!);
    },
  },
  unlock: {
    apply(h, _t, r) {
      writeUnlock(h, h.task[r + R.mm]!);
      goto(h, r, STEP["munmap.fput"]);
    },
  },
  fput: {
    enabled: mayRelease,
    apply(h, t, r) {
      if (!releaseFiles(h, t, r, STEP["munmap.fput"])) ok(h, t);
    },
  },
};

/** The steps of the unmapping itself. */
export const doMunmapSteps: ImplSteps = {
  detach: {
    apply(h, t, r) {
      const mm = h.task[r + R.mm]!;
      const start = h.task[r + R.start]!;
      const end = h.task[r + R.end]!;
      const row = vmaFrom(h, mm, start);
      if (row < 0 || h.vma[row + VMA.start]! >= end) return leave(h, t);
      h.task[r + R.x0] = detachVmas(h, t, mm, start, end);
      invalidate(h, t, r, STEP["do_munmap.zap"], mm, start, end, EVENT.UNMAP);
    },
  },
  zap: {
    apply(h, t, r) {
      const first = detachedFirst(h, t);
      const last = first + h.task[r + R.x0]! * VMA.words;
      for (let row = first; row < last; row += VMA.words) zap(h, h.task[r + R.mm]!, h.task[row + VMA.start]!, h.task[row + VMA.end]!);
      h.task.fill(0, first, last);
      h.task[r + R.x0] = 0;
      goto(h, r, STEP["do_munmap.end"]);
    },
  },
  end: {
    apply(h, t, r) {
      invalidateEnd(h, h.task[r + R.mm]!);
      reap(h);
      leave(h, t);
    },
  },
};
