import { FRAME, STEP } from "../../spec/words.ts";
import type { Sometimes } from "../property.ts";

const COPY = STEP["fork.copy"];

/** A process with a pinned page forks. */
export const pinnedPageForked: Sometimes = {
  id: "pinned-page-forked",
  kind: "sometimes",
  of: "fork-leaves-pinned-pages",
  spec: ["FRK-6"],
  statement: "A process with a pinned page forks.",
  possible: ({ anonExclusive }) => anonExclusive,
  met(was, move) {
    if (move.step !== COPY) return false;
    for (let pfn = 0; pfn < was.frames; pfn++)
      if (was.pins[pfn]! > 0 && was.entries[pfn] === 1 && (was.frame[pfn]! & FRAME.anon_exclusive) !== 0) return true;
    return false;
  },
};
