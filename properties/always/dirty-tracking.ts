/** I14: no modification is forgotten. */
import { FRAME, MAPPING } from "../../spec/words.ts";
import { SOFT } from "../ghost/values.ts";
import type { Always } from "../property.ts";
import type { Sweep } from "../sweep.ts";

/** What is clean has its contents elsewhere, so that reclaim may drop it. */
export const dirtyTracking: Always = {
  id: "dirty-tracking",
  kind: "always",
  spec: ["FRM-7", "MIG-17", "EXC-9", "IDL-11", "RCL-3", "RCL-14", "MEM-47"],
  statement:
    "A page that neither its frame nor an entry marks dirty holds what its swap slot holds, as long as anybody can find it; a page of shared memory that nobody marks dirty holds zeroes.",
  known: [
    {
      defect: "DMR-14",
      spec: ["DMR-14"],
      when: "a device that does not mark what it writes has written the page",
      applies: ({ driver }) => !driver.marksDirty,
      check: (now) => forgotten(now, SOFT.unmarked),
    },
  ],
  check: (now) => forgotten(now, 0),
};

/** The first clean page with other contents than its backing, of those with these marks. */
function forgotten(now: Sweep, marks: number): string | null {
  for (let pfn = 0; pfn < now.frames; pfn++) {
    const word = now.frame[pfn]!;
    if ((word & (FRAME.dirty | FRAME.free)) !== 0 || now.dirtied[pfn] !== 0) continue;
    const slot = now.slot[pfn]!;
    const shared = (word & FRAME.mapping_mask) >>> FRAME.mapping_shift === MAPPING.shmem && now.cached[pfn]! > 0;
    if ((slot < 0 && !shared) || isSpoiled(now, pfn) || marksOf(now, pfn, slot) !== marks) continue;
    // Nobody finds a page of the swap cache again that is mapped nowhere and whose slot has no users.
    if (slot >= 0 && now.view.frameMaps(pfn) === 0 && now.view.slotUsers(slot) === 0) continue;
    const first = slot < 0 ? 0 : now.view.slotFirst(slot);
    const fill = slot < 0 ? 0 : now.view.slotFill(slot);
    if (now.first[pfn] === first && now.fill[pfn] === fill) continue;
    const backing = slot < 0 ? "its memory object" : `swap slot ${slot}`;
    return `frame ${pfn} is clean and holds ${now.first[pfn]}/${now.fill[pfn]}, ${backing} ${first}/${fill}`;
  }
  return null;
}

function marksOf(now: Sweep, pfn: number, slot: number): number {
  const values = now.ghost?.values;
  if (values === undefined) return 0;
  return slot >= 0 ? values.slotSoft[slot]! : values.objectSoft[now.mapping[pfn]! * now.pages + now.index[pfn]!]! & SOFT.unmarked;
}

const isSpoiled = (now: Sweep, pfn: number): boolean => now.ghost !== null && now.ghost.values.spoiled[pfn] === 1;
