/** snapshot: a walk that faults nothing, and what it shows of each page. */
import { fileFor } from "../files.ts";
import { mmOf } from "../locks.ts";
import { enter, fail, goto, ok } from "../rule.ts";
import type { Steps } from "../rule.ts";
import type { Work } from "../state.ts";
import type { Of } from "../activation.ts";
import { findVma } from "../vmas.ts";
import { hmmRangeFault } from "./hmm-range-fault.ts";
import { fileOf } from "./invalidate.ts";

const BATCH = 64;

export const snapshotSteps: Steps<"snapshot"> = {
  open: {
    spec: [],
    apply(s, t, a) {
      a.file = fileFor(s, t.actor, a.dev);
      a.mm = fileOf(s, a.file).mm;
      goto(a, "check");
    },
  },
  check: {
    spec: [],
    apply: (s, t, a) => (a.start === a.end || mmOf(s, a.mm).users === 0 ? fail(t, "EINVAL") : goto(a, "walk")),
  },
  walk: {
    spec: [],
    apply(s, t, a) {
      if (a.at >= a.end) return goto(a, "reply");
      const start = a.at;
      a.at = batchEnd(s, a);
      enter(t, a, "walk", hmmRangeFault(s, a.file, start, a.at, false, false));
    },
  },
  reply: { spec: [], apply: (_s, t, a) => ok(t, { cpages: a.end - a.start, entries: a.entries }) },
};

function batchEnd(s: Work, a: Of<"snapshot">): number {
  const end = Math.min(a.at + BATCH, a.end);
  const vma = s.profile.singleVma ? findVma(mmOf(s, a.mm), a.at) : null;
  return vma ? Math.min(end, vma.end) : end;
}
