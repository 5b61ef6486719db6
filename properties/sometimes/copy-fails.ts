import { CHOICES, STEP } from "../../spec/words.ts";
import type { Sometimes } from "../property.ts";

const M7_COPY = STEP["migrate.m7_copy"];
const FAILED = CHOICES.indexOf("failed");

/** The copy of a page fails. */
export const copyFails: Sometimes = {
  id: "copy-fails",
  kind: "sometimes",
  of: "no-leaked-contents",
  spec: ["MIG-55"],
  statement: "The copy of a page fails.",
  met(_was, move) {
    return move.step === M7_COPY && move.choice === FAILED;
  },
};
