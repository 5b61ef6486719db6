import { STEP } from "../../spec/words.ts";
import type { Sometimes } from "../property.ts";

const C7_LOCK = STEP["handle_mm_fault.c7_lock"];

/** A CPU access meets an exclusive entry. */
export const cpuMeetsExclusiveEntry: Sometimes = {
  id: "cpu-meets-exclusive-entry",
  kind: "sometimes",
  of: "cpu-access",
  spec: ["EXC-17"],
  statement: "A CPU access meets an exclusive entry.",
  possible: ({ exclusive }) => exclusive,
  met(_was, _move, now) {
    for (let task = 0; task < now.tasks; task++) if (now.taskStep[task] === C7_LOCK) return true;
    return false;
  },
};
