import { PTE } from "../../spec/words.ts";
import type { Sometimes } from "../property.ts";

/** A device-private entry is dropped. */
export const devicePageDropped: Sometimes = {
  id: "device-page-dropped",
  kind: "sometimes",
  of: "drops-are-complete",
  spec: ["MIG-50"],
  statement: "A device-private entry is dropped.",

  met(was, _move, now) {
    for (let at = 0; at < was.mms * was.pages; at++)
      if ((was.pte[at]! & PTE.kind_mask) === PTE.device_private && now.pte[at] === 0) return true;
    return false;
  },
};
