import { MAP, PTE, pteMaps } from "../../spec/words.ts";
import type { Sometimes } from "../property.ts";
import { AREA } from "../sweep.ts";

/** A child maps a page of an anon_vma of its parent. */
export const inheritedPage: Sometimes = {
  id: "inherited-page",
  kind: "sometimes",
  of: "reverse-map",
  spec: ["INV-18"],
  statement: "A child maps a page of an anon_vma of its parent.",
  met(_was, _move, now) {
    for (let at = 0; at < now.mms * now.pages; at++) {
      const pte = now.pte[at]!;
      const area = now.area[at]!;
      if (!pteMaps(pte) || area < 0 || (area & AREA.map_mask) >>> AREA.map_shift !== MAP.private) continue;
      const own = now.view.vmaAnon(Math.floor(at / now.pages), area >>> AREA.vma_shift);
      if (own >= 0 && now.mapping[pte >>> PTE.payload_shift] !== own) return true;
    }
    return false;
  },
};
