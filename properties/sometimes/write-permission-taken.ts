import { PTE, pteMaps, pteWrites } from "../../spec/words.ts";
import type { Sometimes } from "../property.ts";

/** An entry loses its write permission and keeps its frame. */
export const writePermissionTaken: Sometimes = {
  id: "write-permission-taken",
  kind: "sometimes",
  of: "permission",
  spec: ["PTE-2"],
  statement: "An entry loses its write permission and keeps its frame.",
  met(was, _move, now) {
    for (let at = 0; at < was.mms * was.pages; at++) {
      const before = was.pte[at]!;
      if (
        pteMaps(before) &&
        pteWrites(before) &&
        pteMaps(now.pte[at]!) &&
        now.pte[at]! >>> PTE.payload_shift === before >>> PTE.payload_shift &&
        !pteWrites(now.pte[at]!)
      )
        return true;
    }
    return false;
  },
};
