import { LOCAL, STEP } from "../../spec/words.ts";
import type { Sometimes } from "../property.ts";

const GET = STEP["dmirror_fault.get"];

/** A device faults through a file whose address space is gone. */
export const goneMirrorFaulted: Sometimes = {
  id: "gone-mirror-faulted",
  kind: "sometimes",
  of: "no-crash",
  spec: ["MIR-8"],
  statement: "A device faults through a file whose address space is gone.",
  met(_was, move, now) {
    return move.step === GET && now.view.mmUsers(now.fileMm[move.local[LOCAL.file]!]!) === 0;
  },
};
