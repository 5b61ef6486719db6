/** I15, S10: device memory goes when nobody uses it any more. */
import { CHUNK, FRAME } from "../../spec/words.ts";
import type { Always } from "../property.ts";
import type { Sweep } from "../sweep.ts";

/** Every device frame lies in a range that is there, and nothing refers to an address without memory. */
export const pgmapLifeTime: Always = {
  id: "pgmap-life-time",
  kind: "always",
  spec: ["MEM-28", "MEM-29", "MEM-31", "MEM-6", "MEM-8", "MEM-2"],
  statement:
    "The device frames are exactly those of the ranges that are online or being removed, and nothing holds, names or locks an address without memory.",
  check(now) {
    const { view } = now;
    let inRanges = 0;
    const devices = view.deviceCount();
    for (let dev = 0; dev < devices; dev++) {
      const chunks = view.chunkCount(dev);
      for (let chunk = 0; chunk < chunks; chunk++) {
        const state = view.chunkState(dev, chunk);
        if (state !== CHUNK.online && state !== CHUNK.removing) continue;
        const first = view.chunkFirst(dev, chunk);
        const npages = view.chunkPages(dev, chunk);
        inRanges += npages;
        for (let pfn = first; pfn < first + npages; pfn++)
          if (now.frameDev[pfn] !== dev) return `frame ${pfn} of chunk ${chunk} of device ${dev} is of device ${now.frameDev[pfn]}`;
      }
    }
    let onDevices = 0;
    for (let pfn = 0; pfn < now.frames; pfn++) {
      if (now.frameDev[pfn] !== -1) onDevices++;
      if ((now.frame[pfn]! & FRAME.kind_mask) === FRAME.absent && isUsed(now, pfn))
        return `frame ${pfn} is gone and has ${now.refs[pfn]} references, ${now.entries[pfn]! + now.migrations[pfn]!} entries, lock ${now.locked[pfn]}`;
    }
    return onDevices === inRanges ? null : `${onDevices} frames are device memory, ${inRanges} lie in ranges`;
  },
};

function isUsed(now: Sweep, pfn: number): boolean {
  return (
    now.refs[pfn] !== 0 ||
    now.entries[pfn] !== 0 ||
    now.migrations[pfn] !== 0 ||
    now.locked[pfn] !== -1 ||
    now.listed[pfn] !== 0 ||
    now.copies[pfn] !== 0
  );
}
