/** I5, S3: who holds a frame is counted. */
import { FRAME } from "../../spec/words.ts";
import type { Always } from "../property.ts";
import type { Sweep } from "../sweep.ts";

/** References that one task may have to one frame: for what it collects, and for the fault that made it do so. */
const PER_TASK = 2;

/** The reference count of a frame is the number of those who hold it. */
export const referenceConservation: Always = {
  id: "reference-conservation",
  kind: "always",
  spec: ["FRM-1", "FRM-2", "FRM-6", "RCL-11", "MIG-42", "FILE-2", "EXC-9", "MEM-13", "FRK-4", "MIG-53"],
  statement:
    "A frame has a mapping for each entry that maps it, and a reference for each mapping, pin, cache and replica, and for those that tasks in flight hold.",
  check(now) {
    const brief = now.ghost?.brief.count ?? null;
    const slack = PER_TASK * now.live;
    for (let pfn = 0; pfn < now.frames; pfn++) {
      const refs = now.refs[pfn]!;
      const entries = now.entries[pfn]!;
      if (now.maps[pfn] !== entries) return `frame ${pfn} counts ${now.maps[pfn]} mappings, ${entries} entries map it`;
      if ((now.frame[pfn]! & FRAME.free) !== 0 ? refs !== 0 : refs <= 0)
        return `frame ${pfn} is ${freedom(now, pfn)} with ${refs} references`;
      const least = entries + now.pins[pfn]! + now.cached[pfn]! + now.swapped[pfn]! + now.copies[pfn]! + (brief === null ? 0 : brief[pfn]!);
      if (refs < least || (brief !== null && refs > least + slack)) return holders(now, pfn, least);
    }
    return null;
  },
};

const freedom = (now: Sweep, pfn: number): string => ((now.frame[pfn]! & FRAME.free) === 0 ? "taken" : "free");

function holders(now: Sweep, pfn: number, least: number): string {
  const named = `${now.entries[pfn]} entries, ${now.pins[pfn]} pins, ${now.cached[pfn]! + now.swapped[pfn]!} caches, ${now.copies[pfn]} replicas`;
  return `frame ${pfn} has ${now.refs[pfn]} references, ${least} are accounted for (${named}), ${now.live} tasks in flight`;
}
