import { STEP } from "../../spec/words.ts";
import type { Sometimes } from "../property.ts";

const ACCESS = STEP["cpu_access.access"];

/** The CPU loads a value that was written. */
export const cpuLoadsWrittenPage: Sometimes = {
  id: "cpu-loads-written-page",
  kind: "sometimes",
  of: "cpu-access",
  spec: ["CPU-10"],
  statement: "The CPU loads a value that was written.",
  met(_was, move) {
    return move.step === ACCESS && move.ret?.status === "ok" && (move.ret.value ?? 0) > 0;
  },
};
