import type { Sometimes } from "../property.ts";

/** The last task in flight ends, and pages and mirrors are left. */
export const quietAgain: Sometimes = {
  id: "quiet-again",
  kind: "sometimes",
  of: "quiescence",
  spec: ["FRM-6"],
  statement: "The last task in flight ends, and pages and mirrors are left.",
  met(was, _move, now) {
    if (was.live === 0 || now.live > 0) return false;
    for (let pfn = 0; pfn < now.frames; pfn++) if (now.entries[pfn]! > 0 && now.reached[pfn]! > 0) return true;
    return false;
  },
};
