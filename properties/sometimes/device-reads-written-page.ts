import { STEP } from "../../spec/words.ts";
import type { Sometimes } from "../property.ts";

const A1 = STEP["device_access.a1"];

/** A device read answers a value that was written. */
export const deviceReadsWrittenPage: Sometimes = {
  id: "device-reads-written-page",
  kind: "sometimes",
  of: "reads-give-last-write",
  spec: ["CPU-10"],
  statement: "A device read answers a value that was written.",
  met(_was, move) {
    return move.step === A1 && move.ret?.status === "ok" && (move.ret.data?.some((byte) => byte > 0) ?? false);
  },
};
