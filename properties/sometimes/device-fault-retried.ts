import { STEP } from "../../spec/words.ts";
import type { Sometimes } from "../property.ts";

const D1 = STEP["hmm_range_fault.d1"];
const D4 = STEP["hmm_range_fault.d4"];
const D8 = STEP["hmm_range_fault.d8"];

/** A device fault finds that it was invalidated, and begins again. */
export const deviceFaultRetried: Sometimes = {
  id: "device-fault-retried",
  kind: "sometimes",
  of: "no-entry-after-callback",
  spec: ["RF-12"],
  statement: "A device fault finds that it was invalidated, and begins again.",
  met(_was, move, now) {
    return (move.step === D4 || move.step === D8) && now.taskStep[move.task] === D1;
  },
};
