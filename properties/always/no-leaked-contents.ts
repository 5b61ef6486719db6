/** I16, S12: nobody sees a frame that was not filled. */
import { FRAME } from "../../spec/words.ts";
import type { Always } from "../property.ts";

/** Whatever is mapped or cached was filled. */
export const noLeakedContents: Always = {
  id: "no-leaked-contents",
  kind: "always",
  spec: ["FRM-4", "MIG-25", "MIG-55", "MEM-24", "MIG-34"],
  statement:
    "A frame that an entry maps, that a page cache holds, or a swap slot that an entry refers to, was filled: its bytes are known.",
  check(now) {
    for (let pfn = 0; pfn < now.frames; pfn++) {
      if (now.entries[pfn] === 0 && now.cached[pfn] === 0) continue;
      if (now.first[pfn]! < 0 || now.fill[pfn]! < 0)
        return `frame ${pfn} of kind ${now.frame[pfn]! & FRAME.kind_mask} is mapped ${now.entries[pfn]} times and was never filled`;
    }
    for (let slot = 0; slot < now.slots; slot++) {
      if (now.slotEntries[slot] === 0 || now.view.slotCache(slot) >= 0) continue;
      if (now.view.slotFirst(slot) < 0 || now.view.slotFill(slot) < 0)
        return `swap slot ${slot} has ${now.slotEntries[slot]} users and was never filled`;
    }
    return null;
  },
};
