import type { Sometimes } from "../property.ts";

/** A page that was written lies in the memory of a device. */
export const writtenPageOnDevice: Sometimes = {
  id: "written-page-on-device",
  kind: "sometimes",
  of: "value-integrity",
  spec: ["MIG-44"],
  statement: "A page that was written lies in the memory of a device.",
  met(_was, _move, now) {
    for (let pfn = 0; pfn < now.frames; pfn++) if (now.frameDev[pfn] !== -1 && now.entries[pfn]! > 0 && now.first[pfn]! > 0) return true;
    return false;
  },
};
