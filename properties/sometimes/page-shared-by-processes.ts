import { FRAME, MAPPING } from "../../spec/words.ts";
import type { Sometimes } from "../property.ts";

/** Two processes share a private page. */
export const pageSharedByProcesses: Sometimes = {
  id: "page-shared-by-processes",
  kind: "sometimes",
  of: "reference-conservation",
  spec: ["FRK-4"],
  statement: "Two processes share a private page.",
  met(_was, _move, now) {
    for (let pfn = 0; pfn < now.frames; pfn++)
      if (now.entries[pfn]! > 1 && (now.frame[pfn]! & FRAME.mapping_mask) >>> FRAME.mapping_shift === MAPPING.anon) return true;
    return false;
  },
};
