/** What keeps a page from being duplicated now: somebody who may write it, or a notification that began before there was a copy to find. */
import { DPTE, PTE, TAG, dptePfn, dpteTag, pteMaps, ptePayload } from "../../spec/words.ts";
import type { Arena } from "../arena.ts";
import { indexOf, mappingKind, mappingOf, reachOf } from "../frames.ts";
import { G, MM } from "../layout.ts";
import { rmapTargets } from "../rmap.ts";

/** Where the page may be mapped, as pairs of address space and page. No state: it is filled and read within one question. */
let places = new Int32Array(64);

/** Fills `places`, and answers how many pairs. */
function find(h: Arena, page: number): number {
  if (places.length < h.detached - h.targets) places = new Int32Array(h.detached - h.targets);
  return rmapTargets(h, mappingKind(h, page), mappingOf(h, page), indexOf(h, page), places, 0);
}

/** Whether no notification is active in any address space that maps the page: one that begins later finds the replica. */
export function quiet(h: Arena, page: number): boolean {
  const n = find(h, page);
  for (let i = 0; i < n; i++) if (h.mm[places[2 * i]! * h.mmWords + MM.active]! > 0) return false;
  return true;
}

/** Whether an entry of a device may write the page. */
function writableByDevice(h: Arena, page: number): boolean {
  if (reachOf(h, page) === 0) return false;
  for (let file = 0; file < h.global[G.files]!; file++)
    for (let v = h.dpt.next(file, 0, h.pages); v < h.pages; v = h.dpt.next(file, v + 1, h.pages)) {
      const dpte = h.dpt.get(file, v);
      if ((dpte & DPTE.valid) !== 0 && dptePfn(dpte) === page && dpteTag(dpte) !== TAG.read) return true;
    }
  return false;
}

/** Whether an entry of the CPU or of a device may write the page. */
export function writable(h: Arena, page: number): boolean {
  const n = find(h, page);
  for (let i = 0; i < n; i++) {
    const pte = h.pt.get(places[2 * i]!, places[2 * i + 1]!);
    if (pteMaps(pte) && ptePayload(pte) === page && (pte & PTE.write) !== 0) return true;
  }
  return writableByDevice(h, page);
}
