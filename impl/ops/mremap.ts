/**
 * mremap to a fixed place: the target is unmapped, the entries are moved as they are, the source is unmapped.
 *
 * Record: `x0` where the range goes, `x1` whether the source turned out to be none that can be moved.
 */
import type { Errno, ModelCall } from "../../spec/vocabulary.ts";
import { MAP, STEP } from "../../spec/words.ts";
import type { Arena } from "../arena.ts";
import { setPte } from "../frames.ts";
import { splitHuge } from "../huge.ts";
import { R, VMA } from "../layout.ts";
import { canWrite, writeLock, writeUnlock } from "../locks.ts";
import { EVENT, invalidate, invalidateEnd } from "../notifier.ts";
import { fail, goto, ok } from "../tasks.ts";
import type { ImplSteps } from "../tasks.ts";
import { insertVma } from "../vma-merge.ts";
import { nextStamp } from "../vma-stamps.ts";
import { copyVma, findVma } from "../vmas.ts";
import { pushRangeCall } from "./begin-range-call.ts";
import { enterDoMunmap } from "./munmap.ts";
import { mayRelease, releaseFiles } from "./release.ts";

/** The mapping at its new place, before it is put there. */
const REGION = new Int32Array(VMA.words);

/** Begins mremap. */
export function beginMremap(h: Arena, t: number, call: Extract<ModelCall, { op: "mremap" }>): void {
  h.task[pushRangeCall(h, t, STEP["mremap.lock"], call) + R.x0] = call.to;
}

function giveUp(h: Arena, t: number, r: number, errno: Errno): void {
  writeUnlock(h, h.task[r + R.mm]!);
  fail(h, t, errno);
}

/** Puts a mapping like the one in a row at the target. */
function insertAtTarget(h: Arena, r: number, row: number): void {
  const { vma } = h;
  const start = h.task[r + R.start]!;
  const to = h.task[r + R.x0]!;
  copyVma(vma, row, REGION, 0);
  REGION[VMA.start] = to;
  REGION[VMA.end] = to + h.task[r + R.end]! - start;
  // A private mapping that was never faulted takes the offset of its new place, so that it can join its neighbours there.
  const untouched = vma[row + VMA.map] === MAP.private && vma[row + VMA.anon] === 0;
  REGION[VMA.pgoff] = untouched ? to : vma[row + VMA.pgoff]! + start - vma[row + VMA.start]!;
  REGION[VMA.stamp] = nextStamp(h);
  insertVma(h, h.task[r + R.mm]!, REGION, false);
}

function moveEntries(h: Arena, r: number): void {
  const mm = h.task[r + R.mm]!;
  const start = h.task[r + R.start]!;
  const end = h.task[r + R.end]!;
  const by = h.task[r + R.x0]! - start;
  splitHuge(h, mm, start);
  splitHuge(h, mm, end);
  for (let v = h.pt.next(mm, start, end); v < end; v = h.pt.next(mm, v + 1, end)) {
    const pte = h.pt.get(mm, v);
    setPte(h, mm, v, 0);
    setPte(h, mm, v + by, pte);
  }
}

/** The steps of mremap. */
export const mremapSteps: ImplSteps = {
  lock: {
    enabled: (h, _t, r) => canWrite(h, h.task[r + R.mm]!),
    apply(h, t, r) {
      const start = h.task[r + R.start]!;
      const end = h.task[r + R.end]!;
      const to = h.task[r + R.x0]!;
      if (start === end) return fail(h, t, "EINVAL");
      writeLock(h, h.task[r + R.mm]!, t);
      if (findVma(h, h.task[r + R.mm]!, start) < 0) return giveUp(h, t, r, "EFAULT");
      if (start < to + end - start && to < end) return giveUp(h, t, r, "EINVAL");
      goto(h, r, STEP["mremap.target"]);
    },
  },
  target: {
    apply(h, t, r) {
      const to = h.task[r + R.x0]!;
      enterDoMunmap(h, t, r, STEP["mremap.move"], h.task[r + R.mm]!, to, to + h.task[r + R.end]! - h.task[r + R.start]!);
    },
  },
  move: {
    apply(h, t, r) {
      const mm = h.task[r + R.mm]!;
      const row = findVma(h, mm, h.task[r + R.start]!);
      if (h.task[r + R.end]! > h.vma[row + VMA.end]!) {
        // The target is unmapped by now, and with it maybe the last mapping of a file.
        h.task[r + R.x1] = 1;
        return goto(h, r, STEP["mremap.unlock"]);
      }
      insertAtTarget(h, r, row);
      invalidate(h, t, r, STEP["mremap.moved"], mm, h.task[r + R.start]!, h.task[r + R.end]!, EVENT.UNMAP);
    },
  },
  moved: {
    apply(h, _t, r) {
      moveEntries(h, r);
      goto(h, r, STEP["mremap.end"]);
    },
  },
  end: {
    apply(h, _t, r) {
      invalidateEnd(h, h.task[r + R.mm]!);
      goto(h, r, STEP["mremap.source"]);
    },
  },
  source: {
    apply(h, t, r) {
      enterDoMunmap(h, t, r, STEP["mremap.unlock"], h.task[r + R.mm]!, h.task[r + R.start]!, h.task[r + R.end]!);
    },
  },
  unlock: {
    apply(h, _t, r) {
      writeUnlock(h, h.task[r + R.mm]!);
      goto(h, r, STEP["mremap.fput"]);
    },
  },
  fput: {
    enabled: mayRelease,
    apply(h, t, r) {
      if (releaseFiles(h, t, r, STEP["mremap.fput"])) return;
      if (h.task[r + R.x1] === 0) ok(h, t);
      else fail(h, t, "EFAULT");
    },
  },
};
