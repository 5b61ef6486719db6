/**
 * madvise: mapping by mapping; a hole is remembered and answered at the end, except for populate, which may stop there.
 *
 * Record: `at` the next page, `x0` the end of its mapping's part, `x1` the advice, `x2` whether there was a hole.
 */
import { ADVICES } from "../../spec/vocabulary.ts";
import type { Errno, ModelCall } from "../../spec/vocabulary.ts";
import { MAP, STEP, VM, ptePayload } from "../../spec/words.ts";
import type { Arena } from "../arena.ts";
import { R, SIGBUS, OOM, VMA } from "../layout.ts";
import { canRead, canWrite, readLock, readUnlock, writeLock, writeUnlock } from "../locks.ts";
import { EVENT, invalidate, invalidateEnd } from "../notifier.ts";
import { fail, goto, ok } from "../tasks.ts";
import type { ImplSteps } from "../tasks.ts";
import { changeFlags } from "../vma-merge.ts";
import { findVma, vmaFrom } from "../vmas.ts";
import { pushRangeCall } from "./begin-range-call.ts";
import { freeLazily, nextReclaimed, splitForReclaim } from "./madvise-pages.ts";
import { zap } from "./munmap.ts";
import { enterPopulate } from "./populate.ts";
import { enterReclaim } from "./reclaim.ts";

const DONTNEED = ADVICES.indexOf("dontneed");
const FREE = ADVICES.indexOf("free");
const PAGEOUT = ADVICES.indexOf("pageout");
const COLD = ADVICES.indexOf("cold");
const POPULATE_READ = ADVICES.indexOf("populate_r");
const POPULATE_WRITE = ADVICES.indexOf("populate_w");
const HUGE = ADVICES.indexOf("huge");

/** Begins madvise. */
export function beginMadvise(h: Arena, t: number, call: Extract<ModelCall, { op: "madvise" }>): void {
  const r = pushRangeCall(h, t, STEP["madvise.lock"], call);
  h.task[r + R.x1] = ADVICES.indexOf(call.advice);
}

/** Whether it changes mappings, and so takes the address space lock for writing. */
const writes = (h: Arena, r: number): boolean => h.task[r + R.x1] === HUGE;
const populates = (h: Arena, r: number): boolean => h.task[r + R.x1] === POPULATE_READ || h.task[r + R.x1] === POPULATE_WRITE;

function unlock(h: Arena, t: number, r: number): void {
  if (writes(h, r)) writeUnlock(h, h.task[r + R.mm]!);
  else readUnlock(h, h.task[r + R.mm]!, t);
}

function giveUp(h: Arena, t: number, r: number, errno: Errno): void {
  unlock(h, t, r);
  fail(h, t, errno);
}

function nextVma(h: Arena, r: number): void {
  h.task[r + R.at] = h.task[r + R.x0]!;
  goto(h, r, STEP["madvise.next"]);
}

/** What the advice does to the part of one mapping that is in the range, as far as it is done before the mirrors are told. */
function act(h: Arena, t: number, r: number, row: number): void {
  const mm = h.task[r + R.mm]!;
  const at = h.task[r + R.at]!;
  const to = h.task[r + R.x0]!;
  const flags = h.vma[row + VMA.flags]!;
  switch (h.task[r + R.x1]) {
    case FREE:
      if (h.vma[row + VMA.map] !== MAP.private) return giveUp(h, t, r, "EINVAL");
      return invalidate(h, t, r, STEP["madvise.page"], mm, at, to, EVENT.CLEAR);
    case DONTNEED:
      return invalidate(h, t, r, STEP["madvise.page"], mm, at, to, EVENT.CLEAR);
    case HUGE:
      if ((flags & VM.hugepage) === 0) changeFlags(h, mm, at, to, flags | VM.hugepage);
      return nextVma(h, r);
    case COLD:
      for (let v = h.pt.next(mm, at, to); v < to; v = h.pt.next(mm, v + 1, to)) splitForReclaim(h, mm, v, at, to, false);
      return nextVma(h, r);
    case PAGEOUT:
      return goto(h, r, STEP["madvise.page"]);
    default: {
      const write = h.task[r + R.x1] === POPULATE_WRITE;
      if ((flags & (write ? VM.write : VM.read)) === 0) return giveUp(h, t, r, "EINVAL");
      return enterPopulate(h, t, r, STEP["madvise.end"], mm, at, to, write);
    }
  }
}

/** MADV_PAGEOUT: page by page, those that only this mapping maps. */
function pageout(h: Arena, t: number, r: number): void {
  const to = h.task[r + R.x0]!;
  const v = nextReclaimed(h, h.task[r + R.mm]!, h.task[r + R.at]!, to);
  if (v >= to) return nextVma(h, r);
  h.task[r + R.at] = v + 1;
  enterReclaim(h, t, r, STEP["madvise.reclaimed"], ptePayload(h.pt.get(h.task[r + R.mm]!, v)));
}

/** The steps of madvise. */
export const madviseSteps: ImplSteps = {
  lock: {
    enabled: (h, _t, r) => (writes(h, r) ? canWrite(h, h.task[r + R.mm]!) : canRead(h, h.task[r + R.mm]!)),
    apply(h, t, r) {
      if (h.task[r + R.start] === h.task[r + R.end]) return ok(h, t);
      if (writes(h, r)) writeLock(h, h.task[r + R.mm]!, t);
      else readLock(h, h.task[r + R.mm]!, t);
      goto(h, r, STEP["madvise.next"]);
    },
  },
  next: {
    apply(h, t, r) {
      const at = h.task[r + R.at]!;
      const end = h.task[r + R.end]!;
      const row = at < end ? vmaFrom(h, h.task[r + R.mm]!, at) : -1;
      const start = row < 0 ? end : h.vma[row + VMA.start]!;
      if (start >= end) {
        // Behind the last mapping there is a hole, unless the range has ended.
        if (at < end || h.task[r + R.x2] !== 0) return giveUp(h, t, r, "ENOMEM");
        unlock(h, t, r);
        return ok(h, t);
      }
      if (start > at) {
        h.task[r + R.x2] = 1;
        if (populates(h, r) && !h.profile.populatePassesHoles) return giveUp(h, t, r, "ENOMEM");
        h.task[r + R.at] = start;
      }
      h.task[r + R.x0] = Math.min(h.vma[row + VMA.end]!, end);
      goto(h, r, STEP["madvise.act"]);
    },
  },
  act: {
    apply(h, t, r) {
      act(h, t, r, findVma(h, h.task[r + R.mm]!, h.task[r + R.at]!));
    },
  },
  page: {
    apply(h, t, r) {
      const mm = h.task[r + R.mm]!;
      const advice = h.task[r + R.x1];
      if (advice === PAGEOUT) return pageout(h, t, r);
      if (advice === DONTNEED) zap(h, mm, h.task[r + R.at]!, h.task[r + R.x0]!);
      else freeLazily(h, mm, h.task[r + R.at]!, h.task[r + R.x0]!);
      goto(h, r, STEP["madvise.end"]);
    },
  },
  reclaimed: { apply: pageout },
  end: {
    apply(h, t, r) {
      if (populates(h, r)) {
        const got = h.task[r + R.got]!;
        if (got === OOM || got === SIGBUS) return giveUp(h, t, r, got === OOM ? "ENOMEM" : "EFAULT");
      } else invalidateEnd(h, h.task[r + R.mm]!);
      nextVma(h, r);
    },
  },
};
