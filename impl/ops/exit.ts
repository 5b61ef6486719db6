/**
 * exit: the address space goes first, the files after it. Whoever drops the last use of an address space tears it down.
 *
 * Record of `exit`: `x0` child.
 */
import type { ModelCall } from "../../spec/vocabulary.ts";
import { STEP } from "../../spec/words.ts";
import type { Arena } from "../arena.ts";
import { ACTOR, FILE, G, MM, R } from "../layout.ts";
import { EVENT, invalidate, invalidateEnd } from "../notifier.ts";
import { reap } from "../reap.ts";
import { enter, goto, leave, ok, push } from "../tasks.ts";
import type { ImplSteps } from "../tasks.ts";
import { removeRows, vmasEnd, vmasFirst } from "../vmas.ts";
import { zap } from "./munmap.ts";
import { mayRelease, releaseFiles } from "./release.ts";

/** Begins exit. */
export function beginExit(h: Arena, t: number, call: Extract<ModelCall, { op: "exit" }>): void {
  h.task[push(h, t, STEP["exit.exit_mm"]) + R.x0] = call.child;
}

/** Drops a use of an address space, then continues with `resume`. */
export function putMm(h: Arena, t: number, r: number, mm: number, resume: number): void {
  const at = mm * h.mmWords + MM.users;
  h.mm[at]! -= 1;
  if (h.mm[at] === 0) h.task[enter(h, t, r, resume, STEP["exit_mmap.release"]) + R.mm] = mm;
  else goto(h, r, resume);
}

/** The steps of the end of an actor. */
export const exitSteps: ImplSteps = {
  exit_mm: {
    apply(h, t, r) {
      putMm(h, t, r, h.actor[h.task[r + R.x0]! * h.actorWords + ACTOR.mm]!, STEP["exit.exit_files"]);
    },
  },
  exit_files: {
    apply(h, _t, r) {
      const row = h.task[r + R.x0]! * h.actorWords;
      for (let at = row + ACTOR.files; at < row + h.actorWords; at++)
        if (h.actor[at] !== 0) h.file[(h.actor[at]! - 1) * FILE.words + FILE.users]! -= 1;
      h.actor.fill(0, row, row + h.actorWords);
      let n = h.global[G.actors]!;
      while (n > 0 && h.actor[(n - 1) * h.actorWords + ACTOR.live] === 0) n--;
      h.global[G.actors] = n;
      goto(h, r, STEP["exit.fput"]);
    },
  },
  fput: {
    enabled: mayRelease,
    apply(h, t, r) {
      if (!releaseFiles(h, t, r, STEP["exit.fput"])) ok(h, t);
    },
  },
};

/** The steps of the end of an address space. */
export const exitMmapSteps: ImplSteps = {
  release: {
    apply(h, t, r) {
      const event = h.profile.releaseEvent ? EVENT.RELEASE : EVENT.UNMAP;
      invalidate(h, t, r, STEP["exit_mmap.zap"], h.task[r + R.mm]!, 0, h.pages, event);
    },
  },
  zap: {
    apply(h, t, r) {
      const mm = h.task[r + R.mm]!;
      zap(h, mm, 0, h.pages);
      removeRows(h, mm, vmasFirst(h, mm), vmasEnd(h, mm));
      h.mm[mm * h.mmWords + MM.hmm] = 0;
      invalidateEnd(h, mm);
      reap(h);
      leave(h, t);
    },
  },
};
