/** A mirror changes under its driver lock. */
import { STEP } from "../../spec/words.ts";
import type { Step } from "../property.ts";
import { dpteText, stepText } from "../text.ts";

const M7_COPY = STEP["migrate.m7_copy"];

/** Nobody changes the entries of a mirror while another task holds its driver lock. */
export const driverLockGuardsMirror: Step = {
  id: "driver-lock-guards-mirror",
  kind: "step",
  spec: ["DEV-7", "INV-1"],
  statement:
    "While a task holds the driver lock of a mirror, no other task changes its entries, except that a driver drops its own entry of a page that it brings home.",
  check(was, move, now) {
    if (move.step === M7_COPY) return null;
    const files = Math.min(was.files, now.files);
    for (let file = 0; file < files; file++) {
      const holder = was.fileMutex[file]!;
      if (holder === -1 || holder === move.task) continue;
      for (let at = file * was.pages; at < (file + 1) * was.pages; at++) {
        if (was.dpte[at] !== now.dpte[at])
          return `page ${at % was.pages} of file ${file}: ${stepText(move.step)} of task ${move.task} made ${dpteText(now.dpte[at]!)} of ${dpteText(was.dpte[at]!)} under the lock of task ${holder}`;
      }
    }
    return null;
  },
};
