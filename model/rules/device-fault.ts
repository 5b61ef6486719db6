/** The driver's fault: batches of a range, each walked and installed. */
import type { Errno, FileId } from "../../spec/vocabulary.ts";
import type { Of } from "../activation.ts";
import { mmOf } from "../locks.ts";
import { enter, goto, leave, reply } from "../rule.ts";
import type { Steps } from "../rule.ts";
import type { Work } from "../state.ts";
import { findVma } from "../vmas.ts";
import { putMm } from "./exit.ts";
import { hmmRangeFault } from "./hmm-range-fault.ts";
import { fileOf } from "./invalidate.ts";

/** Makes `[start, end)` accessible to the device; answers `null` or an errno. */
export function deviceFault(s: Work, file: FileId, start: number, end: number, write: boolean): Of<"dmirror_fault"> {
  return { op: "dmirror_fault", pc: "get", mm: fileOf(s, file).mm, start, end, file, at: start, write, error: null, got: null };
}

export const deviceFaultSteps: Steps<"dmirror_fault"> = {
  get: {
    spec: [],
    apply(s, t, a) {
      const mm = mmOf(s, a.mm);
      if (mm.users > 0) {
        mm.users++;
        return goto(a, "range");
      }
      if (s.profile.goneMirrorFault !== null || !s.profile.driver.hangsOnGoneMirror) return leave(t, "EFAULT");
      // Success without an entry: the caller looks, finds nothing, and asks again, for ever.
      reply(t, {
        status: "crash",
        log: "hang: the fault on a mirrored address space that is gone answers success, and the access repeats for ever",
      });
    },
  },
  range: {
    spec: [],
    apply(s, t, a) {
      if (a.at >= a.end) return goto(a, "put");
      enter(t, a, "walked", hmmRangeFault(s, a.file, a.at, batchEnd(s, a), true, a.write));
    },
  },
  walked: {
    spec: [],
    apply(s, _t, a) {
      if (a.got !== null) {
        a.error = a.got as Errno;
        return goto(a, "put");
      }
      a.at = batchEnd(s, a);
      goto(a, "range");
    },
  },
  put: { spec: [], apply: (s, t, a) => putMm(s, t, a, a.mm, "done") },
  done: { spec: [], apply: (_s, t, a) => leave(t, a.error) },
};

function batchEnd(s: Work, a: Of<"dmirror_fault">): number {
  const end = Math.min(a.at + s.profile.driver.faultBatch, a.end);
  const vma = s.profile.singleVma ? findVma(mmOf(s, a.mm), a.at) : null;
  return vma ? Math.min(end, vma.end) : end;
}
