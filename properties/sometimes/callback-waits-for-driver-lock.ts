import { STEP } from "../../spec/words.ts";
import type { Sometimes } from "../property.ts";

const I2 = STEP["invalidate.i2"];

/** A notification runs callbacks while a task of a device holds the driver lock of a mirror of that address space. */
export const callbackWaitsForDriverLock: Sometimes = {
  id: "callback-waits-for-driver-lock",
  kind: "sometimes",
  of: "lock-discipline",
  spec: ["DEV-7"],
  statement: "A notification runs callbacks while a task of a device holds the driver lock of a mirror of that address space.",
  met(_was, _move, now) {
    for (let task = 0; task < now.tasks; task++) {
      if (now.taskStep[task] !== I2) continue;
      for (let file = 0; file < now.files; file++) if (now.fileMutex[file] !== -1 && now.mmActive[now.fileMm[file]!]! > 0) return true;
    }
    return false;
  },
};
