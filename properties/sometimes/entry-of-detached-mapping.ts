import type { Sometimes } from "../property.ts";

/** An unmapping has taken the mapping of an entry out, and has not come to the entry yet. */
export const entryOfDetachedMapping: Sometimes = {
  id: "entry-of-detached-mapping",
  kind: "sometimes",
  of: "entries-in-mappings",
  spec: ["VMA-3"],
  statement: "An unmapping has taken the mapping of an entry out, and has not come to the entry yet.",
  met(_was, _move, now) {
    for (let at = 0; at < now.mms * now.pages; at++) if (now.pte[at] !== 0 && now.area[at] === -1) return true;
    return false;
  },
};
