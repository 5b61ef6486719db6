/** I6, S4: a device frame is free or allocated. */
import { DEVMEM_FLAGS } from "../../spec/vocabulary.ts";
import { CHUNK, FRAME } from "../../spec/words.ts";
import type { Always } from "../property.ts";
import type { Sweep } from "../sweep.ts";

const ALLOW_MIGRATE = 1 << DEVMEM_FLAGS.indexOf("allow_migrate");

/** Free device frames are on the free list of their device, once, and nothing else is. */
export const deviceFrameLifeCycle: Always = {
  id: "device-frame-life-cycle",
  kind: "always",
  spec: ["MEM-6", "MEM-9", "MEM-12", "MEM-13", "MEM-14", "MEM-16", "MEM-33", "MEM-45", "MIG-40"],
  statement:
    "A device frame is allocated, or it is free and on the free list of its own device, once, if its range is online and allows migration; a free frame is held, locked and mapped by nobody.",
  check(now) {
    let expected = 0;
    const devices = now.view.deviceCount();
    for (let dev = 0; dev < devices; dev++) {
      const chunks = now.view.chunkCount(dev);
      for (let chunk = 0; chunk < chunks; chunk++) {
        if (now.view.chunkState(dev, chunk) !== CHUNK.online || (now.view.chunkFlags(dev, chunk) & ALLOW_MIGRATE) === 0) continue;
        const first = now.view.chunkFirst(dev, chunk);
        const end = first + now.view.chunkPages(dev, chunk);
        for (let pfn = first; pfn < end; pfn++) {
          const free = (now.frame[pfn]! & FRAME.free) === 0 ? 0 : 1;
          if (now.listed[pfn] !== free) return listing(now, pfn, free);
          expected += free;
        }
      }
    }
    return strays(now, expected);
  },
};

function listing(now: Sweep, pfn: number, free: number): string {
  return `frame ${pfn} of device ${now.frameDev[pfn]} is ${free === 1 ? "free" : "allocated"} and ${now.listed[pfn]} times on a free list`;
}

/** Frames on a free list that none should hold, and free frames that are not. */
function strays(now: Sweep, expected: number): string | null {
  let listed = 0;
  for (let pfn = 0; pfn < now.frames; pfn++) {
    listed += now.listed[pfn]!;
    const word = now.frame[pfn]!;
    if ((word & FRAME.free) === 0 || (word & FRAME.kind_mask) === FRAME.absent) continue;
    if (now.locked[pfn] !== -1 || now.entries[pfn] !== 0 || now.migrations[pfn] !== 0 || (word & FRAME.mapping_mask) !== 0)
      return `frame ${pfn} is free, locked by ${now.locked[pfn]}, named by ${now.entries[pfn]! + now.migrations[pfn]!} entries, mapping ${now.mapping[pfn]}`;
  }
  if (listed === expected) return null;
  for (let pfn = 0; pfn < now.frames; pfn++) if (now.listed[pfn] !== 0 && (now.frame[pfn]! & FRAME.free) === 0) return listing(now, pfn, 0);
  return `${listed} frames are on free lists, ${expected} should be`;
}
