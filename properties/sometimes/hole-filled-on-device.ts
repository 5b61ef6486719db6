import { pteMaps, STEP } from "../../spec/words.ts";
import type { Sometimes } from "../property.ts";

const M8_INSERT = STEP["migrate.m8_insert"];

/** A migration fills a hole with a new page. */
export const holeFilledOnDevice: Sometimes = {
  id: "hole-filled-on-device",
  kind: "sometimes",
  of: "no-leaked-contents",
  spec: ["MIG-25"],
  statement: "A migration fills a hole with a new page.",
  possible: ({ holesMigrate }) => holesMigrate,
  met(was, move, now) {
    if (move.step !== M8_INSERT) return false;
    for (let at = 0; at < was.mms * was.pages; at++) if (was.pte[at] !== now.pte[at] && pteMaps(now.pte[at]!)) return true;
    return false;
  },
};
