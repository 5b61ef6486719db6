/** Shared memory lies in its page cache, everything else does not. */
import { FRAME, MAP, MAPPING, PTE } from "../../spec/words.ts";
import type { Always } from "../property.ts";
import { AREA, taken } from "../sweep.ts";
import type { Sweep } from "../sweep.ts";
import { pteText } from "../text.ts";

/** A page cache and its frames name each other, and a mapping maps pages of its own kind. */
export const memoryObjects: Always = {
  id: "memory-objects",
  kind: "always",
  spec: ["VMA-4", "CPU-7", "FRK-2", "FILE-1", "FILE-3", "MIG-30"],
  statement:
    "A frame in a page cache is system memory that names object and index; a shared mapping maps frames of memory objects only, a private mapping none of them.",
  check(now) {
    const { view } = now;
    const objects = view.shmemCount();
    for (let object = 0; object < objects; object++) {
      const n = view.shmemPages(object);
      for (let i = 0; i < n; i++) {
        const pfn = view.shmemPage(object, i);
        if (pfn >= 0 && !isPageOf(now, pfn, object, i))
          return `page ${i} of memory object ${object} is frame ${pfn}, which names ${now.mapping[pfn]} index ${now.index[pfn]}`;
      }
    }
    for (let at = 0; at < now.mms * now.pages; at++) {
      const area = now.area[at]!;
      const pte = now.pte[at]!;
      if (pte === 0 || area < 0) continue;
      if (!fits((area & AREA.map_mask) >>> AREA.map_shift, now, pte))
        return `mm ${Math.floor(at / now.pages)} page ${at % now.pages}: ${pteText(pte)} in a mapping of kind ${(area & AREA.map_mask) >>> AREA.map_shift}`;
    }
    return null;
  },
};

function isPageOf(now: Sweep, pfn: number, object: number, i: number): boolean {
  const word = now.frame[pfn]!;
  const isShmem = (word & FRAME.mapping_mask) >>> FRAME.mapping_shift === MAPPING.shmem;
  return isShmem && (word & FRAME.kind_mask) === FRAME.system && taken(now, pfn) && now.mapping[pfn] === object && now.index[pfn] === i;
}

/** Whether an entry may be in a mapping of this kind. */
function fits(map: number, now: Sweep, pte: number): boolean {
  const kind = pte & PTE.kind_mask;
  const named =
    kind === PTE.zero || kind === PTE.swap ? -1 : (now.frame[pte >>> PTE.payload_shift]! & FRAME.mapping_mask) >>> FRAME.mapping_shift;
  if (map === MAP.shared) return named === MAPPING.shmem && (kind === PTE.present || kind === PTE.migration);
  if (map === MAP.device) return kind === PTE.present && named === MAPPING.none;
  return named !== MAPPING.shmem && named !== MAPPING.none;
}
