/** The driver's fault: batches of a range, each walked and installed. */
import type { Errno, FileId } from "../../spec/vocabulary.ts";
import type { Of } from "../activation.ts";
import { mmOf } from "../locks.ts";
import { because, die, enter, goto, leave } from "../rule.ts";
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

/** The steps of the driver's fault. */
export const deviceFaultSteps: Steps<"dmirror_fault"> = {
  get: {
    spec: ["MIR-8", "IDL-10", "DMR-13", "TRC-15"],
    apply(s, t, a) {
      const mm = mmOf(s, a.mm);
      if (mm.users > 0) {
        mm.users++;
        return goto(a, "range");
      }
      if (s.profile.goneMirrorFault !== null || !s.profile.driver.hangsOnGoneMirror) {
        because(t, "errno", s.profile.driver.hangsOnGoneMirror ? "DMR-13" : "IDL-10");
        return leave(t, "EFAULT");
      }
      // Success without an entry: the caller looks, finds nothing, and asks again, for ever.
      die(t, "hang: the fault on a mirrored address space that is gone answers success, and the access repeats for ever", "DMR-13");
    },
  },
  range: {
    spec: ["IDL-8", "DMR-1"],
    apply(s, t, a) {
      // Who faults page by page leaves out those that it can reach already.
      while (s.profile.driver.faultBatch === 1 && a.at < a.end && reaches(s, a)) a.at++;
      if (a.at >= a.end) return goto(a, "put");
      enter(t, a, "walked", hmmRangeFault(s, a.file, a.at, batchEnd(s, a), true, a.write));
    },
  },
  walked: {
    spec: ["RF-14", "DMR-1"],
    apply(s, _t, a) {
      // v14: the address space lock was dropped, so the mapping may be another one now.
      if (a.got === "EAGAIN") return goto(a, "range");
      if (a.got !== null) {
        a.error = a.got as Errno;
        return goto(a, "put");
      }
      a.at = batchEnd(s, a);
      goto(a, "range");
    },
  },
  put: { spec: ["RCL-12"], apply: (s, t, a) => putMm(s, t, a, a.mm, "done") },
  done: { spec: ["DEV-5"], apply: (_s, t, a) => leave(t, a.error) },
};

function reaches(s: Work, a: Of<"dmirror_fault">): boolean {
  const entry = fileOf(s, a.file).dpt[a.at] ?? null;
  return entry !== null && (!a.write || entry.tag === "write");
}

function batchEnd(s: Work, a: Of<"dmirror_fault">): number {
  const end = Math.min(a.at + s.profile.driver.faultBatch, a.end);
  const vma = s.profile.singleVma ? findVma(mmOf(s, a.mm), a.at) : null;
  return vma ? Math.min(end, vma.end) : end;
}
