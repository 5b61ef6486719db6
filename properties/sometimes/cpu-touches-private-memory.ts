import { STEP } from "../../spec/words.ts";
import type { Sometimes } from "../property.ts";

const C6 = STEP["handle_mm_fault.c6"];

/** A CPU fault meets a device-private entry. */
export const cpuTouchesPrivateMemory: Sometimes = {
  id: "cpu-touches-private-memory",
  kind: "sometimes",
  of: "un-addressability",
  spec: ["MEM-17"],
  statement: "A CPU fault meets a device-private entry.",
  met(_was, _move, now) {
    for (let task = 0; task < now.tasks; task++) if (now.taskStep[task] === C6) return true;
    return false;
  },
};
