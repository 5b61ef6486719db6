import type { Sometimes } from "../property.ts";

/** Two processes map a page of the same memory object. */
export const memoryObjectShared: Sometimes = {
  id: "memory-object-shared",
  kind: "sometimes",
  of: "memory-objects",
  spec: ["FRK-2"],
  statement: "Two processes map a page of the same memory object.",
  met(_was, _move, now) {
    for (let pfn = 0; pfn < now.frames; pfn++) if (now.cached[pfn]! > 0 && now.entries[pfn]! > 1) return true;
    return false;
  },
};
