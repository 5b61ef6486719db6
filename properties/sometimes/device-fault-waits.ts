import { STEP } from "../../spec/words.ts";
import type { Sometimes } from "../property.ts";

const D2 = STEP["hmm_range_fault.d2"];

/** A device fault begins while its interval is invalidating, and sleeps. */
export const deviceFaultWaits: Sometimes = {
  id: "device-fault-waits",
  kind: "sometimes",
  of: "no-entry-after-callback",
  spec: ["RF-11"],
  statement: "A device fault begins while its interval is invalidating, and sleeps.",
  possible: ({ rangeProtocol }) => rangeProtocol === "sequence",
  met(_was, _move, now) {
    for (let task = 0; task < now.tasks; task++) if (now.taskStep[task] === D2) return true;
    return false;
  },
};
