/** Faulting pages in for the kernel: what populate does, page by page, until each is there as asked. Answers SIGBUS or OOM at a page that cannot be had. */
import { FRAME, PTE, STEP, pteKind, ptePayload } from "../../spec/words.ts";
import type { Arena } from "../arena.ts";
import { mark } from "../frames.ts";
import { OOM, R, SIGBUS } from "../layout.ts";
import { enter, goto, leave } from "../tasks.ts";
import type { ImplSteps } from "../tasks.ts";
import { enterFault } from "./fault.ts";

/** Whether an entry gives what a kernel user asks for, without a fault. */
export function follows(pte: number, write: boolean): boolean {
  const kind = pteKind(pte);
  return kind === PTE.present ? !write || (pte & PTE.write) !== 0 : kind === PTE.zero && !write;
}

/** A kernel user that will write marks the page dirty, not the entry. */
export function touch(h: Arena, pte: number, write: boolean): void {
  if (write && pteKind(pte) === PTE.present && (pte & PTE.dirty) === 0) mark(h, ptePayload(pte), FRAME.dirty);
}

/** Enters the faulting in of `[start, end)`. */
export function enterPopulate(
  h: Arena,
  t: number,
  r: number,
  resume: number,
  mm: number,
  start: number,
  end: number,
  write: boolean,
): void {
  const a = enter(h, t, r, resume, STEP["populate.next"]);
  h.task[a + R.mm] = mm;
  h.task[a + R.start] = start;
  h.task[a + R.end] = end;
  h.task[a + R.at] = start;
  h.task[a + R.write] = write ? 1 : 0;
}

/** The steps of faulting a range in for the kernel. */
export const populateSteps: ImplSteps = {
  next: {
    apply(h, t, r) {
      const mm = h.task[r + R.mm]!;
      const end = h.task[r + R.end]!;
      const write = h.task[r + R.write] !== 0;
      let at = h.task[r + R.at]!;
      for (; at < end; at++) {
        const pte = h.pt.get(mm, at);
        if (!follows(pte, write)) break;
        touch(h, pte, write);
      }
      if (at >= end) return leave(h, t);
      h.task[r + R.at] = at;
      enterFault(h, t, r, STEP["populate.done"], mm, at, write);
    },
  },
  done: {
    apply(h, t, r) {
      const got = h.task[r + R.got]!;
      if (got === SIGBUS || got === OOM) leave(h, t, got);
      else goto(h, r, STEP["populate.next"]);
    },
  },
};
