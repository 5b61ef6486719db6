/** I3, S7: a page holds what was written to it last. */
import { FRAME, MAP, MAPPING, PTE, STEP } from "../../spec/words.ts";
import { SOFT, UNKNOWN } from "../ghost/values.ts";
import type { Values } from "../ghost/values.ts";
import type { Always } from "../property.ts";
import { AREA } from "../sweep.ts";
import type { Sweep } from "../sweep.ts";
import { pteText } from "../text.ts";

const M9 = STEP["migrate.m9"];

/** Whoever reads a page would read the value that was written last. */
export const valueIntegrity: Always = {
  id: "value-integrity",
  kind: "always",
  spec: [
    "CPU-10",
    "FRM-4",
    "MIG-25",
    "MIG-27",
    "MIG-44",
    "MIG-26",
    "MIG-28",
    "MIG-50",
    "MIG-55",
    "FRK-6",
    "RCL-8",
    "RCL-9",
    "DEV-4",
    "CPU-5",
    "MEM-36",
  ],
  statement:
    "Behind every entry, in every page cache and in every swap slot lie the bytes that were written last to that page, and zeroes where nothing was written since it was dropped.",
  known: [
    {
      defect: "DMR-14",
      spec: ["DMR-14"],
      when: "a device that does not mark what it writes has written the page, and reclaim has dropped it",
      applies: ({ driver }) => !driver.marksDirty,
      check: (now) => differing(now, SOFT.unmarked),
    },
  ],
  check: (now) => differing(now, 0),
};

/** The first page with other contents than expected, of those whose mark "unmarked" is `marks`. */
function differing(now: Sweep, marks: number): string | null {
  if (now.ghost === null) return null;
  const { values } = now.ghost;
  for (let at = 0; at < now.mms * now.pages; at++) {
    const pte = now.pte[at]!;
    // Most pages of a small state are empty, and nothing was written there.
    if (pte === 0 && values.first[at] === 0 && values.fill[at] === 0) continue;
    if ((values.soft[at]! & SOFT.unmarked) !== marks) continue;
    const wrong = behind(now, values, at, pte);
    if (wrong !== null) return wrong;
  }
  return objects(now, values, marks);
}

function behind(now: Sweep, values: Values, at: number, pte: number): string | null {
  const kind = pte & PTE.kind_mask;
  if (kind <= PTE.zero) {
    const area = now.area[at]!;
    const read = area >= 0 && (area & AREA.map_mask) >>> AREA.map_shift === MAP.private;
    return read ? compare(now, values, at, 0, 0) : null;
  }
  let pfn = pte >>> PTE.payload_shift;
  if (kind === PTE.swap) {
    const cache = now.view.slotCache(pfn);
    if (cache < 0) return compare(now, values, at, now.view.slotFirst(pfn), now.view.slotFill(pfn));
    pfn = cache;
  }
  // What a page of shared memory holds is compared once, where its object holds it.
  if ((now.frame[pfn]! & FRAME.mapping_mask) >>> FRAME.mapping_shift === MAPPING.shmem) return null;
  const wrong = compare(now, values, at, now.first[pfn]!, now.fill[pfn]!);
  return wrong !== null && kind === PTE.migration && hasMoved(now, values, at, pfn) ? null : wrong;
}

/** Between m8 and m9 the page is the destination, and a driver that maps it at once may have written to it already. */
function hasMoved(now: Sweep, values: Values, at: number, src: number): boolean {
  const task = now.locked[src]!;
  if (!now.view.profile.driver.mapsAfterMigration || now.taskStep[task] !== M9) return false;
  for (let dst = 0; dst < now.frames; dst++) {
    if (dst === src || now.locked[dst] !== task || ((now.frame[dst]! ^ now.frame[src]!) & FRAME.mapping_mask) !== 0) continue;
    if (now.mapping[dst] !== now.mapping[src] || now.index[dst] !== now.index[src]) continue;
    if (compare(now, values, at, now.first[dst]!, now.fill[dst]!) === null) return true;
  }
  return false;
}

function compare(now: Sweep, values: Values, at: number, first: number, fill: number): string | null {
  const expectedFirst = values.first[at]!;
  const expectedFill = values.fill[at]!;
  if ((first === expectedFirst || expectedFirst === UNKNOWN) && (fill === expectedFill || expectedFill === UNKNOWN)) return null;
  return `mm ${Math.floor(at / now.pages)} page ${at % now.pages}: ${pteText(now.pte[at]!)} holds ${first}/${fill}, last written ${expectedFirst}/${expectedFill}`;
}

function objects(now: Sweep, values: Values, marks: number): string | null {
  const { view, pages } = now;
  const count = view.shmemCount();
  for (let object = 0; object < count; object++) {
    const n = view.shmemPages(object);
    for (let i = 0; i < n; i++) {
      const at = object * pages + i;
      const pfn = view.shmemPage(object, i);
      const first = pfn < 0 ? 0 : now.first[pfn]!;
      const fill = pfn < 0 ? 0 : now.fill[pfn]!;
      const expectedFirst = values.objectFirst[at]!;
      const expectedFill = values.objectFill[at]!;
      if ((first === expectedFirst || expectedFirst === UNKNOWN) && (fill === expectedFill || expectedFill === UNKNOWN)) continue;
      if ((values.objectSoft[at]! & SOFT.unmarked) !== marks) continue;
      return `memory object ${object} page ${i}, frame ${pfn}, holds ${first}/${fill}, last written ${expectedFirst}/${expectedFill}`;
    }
  }
  return null;
}
