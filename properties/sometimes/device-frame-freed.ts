import { FRAME } from "../../spec/words.ts";
import type { Sometimes } from "../property.ts";

/** A device frame becomes free. */
export const deviceFrameFreed: Sometimes = {
  id: "device-frame-freed",
  kind: "sometimes",
  of: "device-frame-life-cycle",
  spec: ["MEM-12"],
  statement: "A device frame becomes free.",
  met(was, _move, now) {
    for (let pfn = 0; pfn < was.frames; pfn++)
      if (was.frameDev[pfn] !== -1 && now.listed[pfn] === 1 && (was.frame[pfn]! & FRAME.free) === 0) return true;
    return false;
  },
};
