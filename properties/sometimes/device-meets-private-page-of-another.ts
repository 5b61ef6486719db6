import { LOCAL, PTE, STEP } from "../../spec/words.ts";
import type { Sometimes } from "../property.ts";

const D5 = STEP["hmm_range_fault.d5"];

/** A range walk for one device comes to a private page of another. */
export const deviceMeetsPrivatePageOfAnother: Sometimes = {
  id: "device-meets-private-page-of-another",
  kind: "sometimes",
  of: "ownership",
  spec: ["RF-9"],
  statement: "A range walk for one device comes to a private page of another.",
  met(was, move) {
    if (move.step !== D5) return false;
    const pte = was.pte[move.local[LOCAL.mm]! * was.pages + move.local[LOCAL.at]!] ?? 0;
    return (pte & PTE.kind_mask) === PTE.device_private && was.frameDev[pte >>> PTE.payload_shift] !== was.fileDev[move.local[LOCAL.file]!];
  },
};
