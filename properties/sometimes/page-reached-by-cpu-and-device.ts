import type { Sometimes } from "../property.ts";

/** The CPU and a device reach a page at the same time. */
export const pageReachedByCpuAndDevice: Sometimes = {
  id: "page-reached-by-cpu-and-device",
  kind: "sometimes",
  of: "one-frame-per-page",
  spec: ["DEV-6"],
  statement: "The CPU and a device reach a page at the same time.",
  met(_was, _move, now) {
    for (let pfn = 0; pfn < now.frames; pfn++) if (now.reached[pfn]! > 0 && now.entries[pfn]! > 0 && now.frameDev[pfn] === -1) return true;
    return false;
  },
};
