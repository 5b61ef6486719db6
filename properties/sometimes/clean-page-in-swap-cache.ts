import { FRAME } from "../../spec/words.ts";
import type { Sometimes } from "../property.ts";

/** A page is in the swap cache, mapped and clean. */
export const cleanPageInSwapCache: Sometimes = {
  id: "clean-page-in-swap-cache",
  kind: "sometimes",
  of: "dirty-tracking",
  spec: ["RCL-9"],
  statement: "A page is in the swap cache, mapped and clean.",
  met(_was, _move, now) {
    for (let pfn = 0; pfn < now.frames; pfn++)
      if (now.slot[pfn]! >= 0 && now.entries[pfn]! > 0 && now.dirtied[pfn] === 0 && (now.frame[pfn]! & FRAME.dirty) === 0) return true;
    return false;
  },
};
