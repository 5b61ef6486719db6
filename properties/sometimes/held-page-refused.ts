import { STEP } from "../../spec/words.ts";
import type { Sometimes } from "../property.ts";

const M6 = STEP["migrate.m6"];
const M8 = STEP["migrate.m8"];

/** A migration comes to a page that somebody else holds, and leaves it where it is. */
export const heldPageRefused: Sometimes = {
  id: "held-page-refused",
  kind: "sometimes",
  of: "moves-unheld-pages",
  spec: ["MIG-29"],
  statement: "A migration comes to a page that somebody else holds, and leaves it where it is.",
  met(was, move) {
    if (move.step !== M6 && move.step !== M8) return false;
    const own = move.step === M6 ? 2 : 1;
    for (let pfn = 0; pfn < was.frames; pfn++)
      if (was.locked[pfn] === move.task && was.migrations[pfn]! > 0 && was.refs[pfn]! - was.cached[pfn]! - was.swapped[pfn]! > own)
        return true;
    return false;
  },
};
