/** The reverse map finds every entry of a private page. */
import { MAP, PTE } from "../../spec/words.ts";
import type { Always } from "../property.ts";
import { AREA } from "../sweep.ts";
import type { Sweep } from "../sweep.ts";
import { pteText } from "../text.ts";

/** Whoever looks for the mappings of a private page by its anon_vma and index comes to each entry that names it. */
export const reverseMap: Always = {
  id: "reverse-map",
  kind: "always",
  spec: ["MIG-19", "MIG-20", "INV-15", "INV-18", "MEM-14", "VMA-7", "VMA-11", "VMA-21", "MEM-36"],
  statement:
    "An entry of a private page lies in a mapping whose anon_vma chain has the anon_vma of the page, at the offset that is the index of the page.",
  check(now) {
    for (let mm = 0; mm < now.mms; mm++) {
      for (let v = 0; v < now.pages; v++) {
        const pte = now.pte[mm * now.pages + v]!;
        const kind = pte & PTE.kind_mask;
        if (kind <= PTE.zero || kind === PTE.swap) continue;
        const area = now.area[mm * now.pages + v]!;
        if (area < 0 || (area & AREA.map_mask) >>> AREA.map_shift !== MAP.private) continue;
        const pfn = pte >>> PTE.payload_shift;
        const vma = area >>> AREA.vma_shift;
        const index = now.linear[mm * now.pages + v]!;
        if (now.index[pfn] !== index || !isLinked(now, mm, vma, now.mapping[pfn]!))
          return `mm ${mm} page ${v}: ${pteText(pte)} has anon_vma ${now.mapping[pfn]} index ${now.index[pfn]}, at index ${index} of a mapping that is not linked to it`;
      }
    }
    return null;
  },
};

function isLinked({ view }: Sweep, mm: number, vma: number, anon: number): boolean {
  const n = view.vmaChainLength(mm, vma);
  for (let i = 0; i < n; i++) if (view.vmaChain(mm, vma, i) === anon) return true;
  return false;
}
