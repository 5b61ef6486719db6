import { FRAME, STEP } from "../../spec/words.ts";
import type { Sometimes } from "../property.ts";

const M8 = STEP["migrate.m8"];

/** A dirty page moves to another frame. */
export const dirtyPageMigrated: Sometimes = {
  id: "dirty-page-migrated",
  kind: "sometimes",
  of: "dirty-tracking",
  spec: ["MIG-17"],
  statement: "A dirty page moves to another frame.",
  met(was, move, now) {
    if (move.step !== M8) return false;
    for (let pfn = 0; pfn < now.frames; pfn++)
      if (
        (was.frame[pfn]! & FRAME.mapping_mask) === 0 &&
        (now.frame[pfn]! & FRAME.mapping_mask) !== 0 &&
        (now.frame[pfn]! & FRAME.dirty) !== 0
      )
        return true;
    return false;
  },
};
