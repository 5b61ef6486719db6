import { DPTE, STEP } from "../../spec/words.ts";
import type { Sometimes } from "../property.ts";

const I2 = STEP["invalidate.i2"];

/** A callback erases an entry of a mirror. */
export const callbackErasesEntry: Sometimes = {
  id: "callback-erases-entry",
  kind: "sometimes",
  of: "announced-downgrades",
  spec: ["INV-5"],
  statement: "A callback erases an entry of a mirror.",
  met(was, move, now) {
    if (move.step !== I2) return false;
    for (let at = 0; at < was.files * was.pages; at++) if ((was.dpte[at]! & DPTE.valid) !== 0 && now.dpte[at] === 0) return true;
    return false;
  },
};
