/** snapshot: a walk that faults nothing, and what it shows of each page. */
import { because, enter, fail, goto, ok } from "../rule.ts";
import type { Steps } from "../rule.ts";
import type { Of } from "../activation.ts";
import type { TaskWork } from "../state.ts";
import type { Errno } from "../../spec/vocabulary.ts";
import { putMm } from "./exit.ts";
import { hmmRangeFault } from "./hmm-range-fault.ts";
import { openStep, useMirrored } from "./driver-call.ts";

const BATCH = 64;

/** The steps of a snapshot. */
export const snapshotSteps: Steps<"snapshot"> = {
  open: openStep,
  check: {
    spec: ["MIR-11", "DEV-9", "TRC-15"],
    apply(s, t, a) {
      if (!useMirrored(s, t, a)) return;
      goto(a, "walk");
    },
  },
  walk: {
    spec: ["SNAP-1", "SNAP-11", "DMR-1"],
    apply(s, t, a) {
      if (a.at >= a.end || a.error !== null) return putMm(s, t, a, a.mm, "reply");
      const start = a.at;
      // v14's snapshot is one call for one mapping.
      a.at = s.profile.singleVma ? a.end : Math.min(start + BATCH, a.end);
      enter(t, a, "walked", hmmRangeFault(s, a.file, start, a.at, false, false));
    },
  },
  walked: {
    spec: ["SNAP-12"],
    apply(_s, _t, a) {
      a.error = a.got as Errno | null;
      goto(a, "walk");
    },
  },
  reply: {
    spec: ["SNAP-1", "SNAP-12"],
    apply: (_s, t, a) => (a.error === null ? done(t, a) : fail(t, a.error, "SNAP-12")),
  },
};

function done(t: TaskWork, a: Of<"snapshot">): void {
  because(t, "status", "SNAP-1");
  because(t, "cpages", "SNAP-1");
  ok(t, { cpages: a.end - a.start, entries: a.entries });
}
