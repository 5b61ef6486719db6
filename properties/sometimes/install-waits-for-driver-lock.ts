import { LOCAL, STEP } from "../../spec/words.ts";
import type { Sometimes } from "../property.ts";
import { LOCALS } from "../sweep.ts";

const D8 = STEP["hmm_range_fault.d8"];

/** A device fault would install what it has found while another task holds the driver lock. */
export const installWaitsForDriverLock: Sometimes = {
  id: "install-waits-for-driver-lock",
  kind: "sometimes",
  of: "driver-lock-guards-mirror",
  spec: ["DEV-7"],
  statement: "A device fault would install what it has found while another task holds the driver lock.",

  met(_was, _move, now) {
    for (let task = 0; task < now.tasks; task++) {
      if (now.taskStep[task] !== D8) continue;
      const holder = now.fileMutex[now.local[task * LOCALS + LOCAL.file]!]!;
      if (holder !== -1 && holder !== task) return true;
    }
    return false;
  },
};
