/** I4: no page is in two frames at once. */
import { dptePfn, DPTE, MAP, PTE } from "../../spec/words.ts";
import { isExcused } from "../ghost/excuses.ts";
import { isListed } from "../mirror-entry.ts";
import type { Always } from "../property.ts";
import { AREA } from "../sweep.ts";
import type { Sweep } from "../sweep.ts";

/** The CPU and all devices reach one frame of a page. */
export const oneFramePerPage: Always = {
  id: "one-frame-per-page",
  kind: "always",
  spec: ["PTE-1", "MIG-49", "MIG-39", "FRK-2", "CPU-7", "DUP-5"],
  statement:
    "Of one page the CPU and all devices reach one frame at most, replicas aside; of shared memory it is the frame in the page cache.",
  check(now) {
    for (let mm = 0; mm < now.mms; mm++) {
      for (let v = 0; v < now.pages; v++) {
        const pte = now.pte[mm * now.pages + v]!;
        const byCpu = (pte & PTE.kind_mask) === PTE.present ? pte >>> PTE.payload_shift : -1;
        if (byCpu >= 0 && isShared(now.area[mm * now.pages + v]!)) {
          const cached = pageCache(now, mm, v);
          if (cached !== byCpu) return `mm ${mm} page ${v}: the CPU reaches frame ${byCpu}, the page cache holds ${cached}`;
        }
        const other = reachedByDevice(now, mm, v, byCpu);
        if (other !== null) return other;
      }
    }
    return null;
  },
};

const isShared = (area: number): boolean => area >= 0 && (area & AREA.map_mask) >>> AREA.map_shift === MAP.shared;

/** The frame that the page cache has for a page of a shared mapping. */
function pageCache({ view, area, linear, pages }: Sweep, mm: number, v: number): number {
  return view.shmemPage(view.vmaObject(mm, area[mm * pages + v]! >>> AREA.vma_shift), linear[mm * pages + v]!);
}

function reachedByDevice(now: Sweep, mm: number, v: number, byCpu: number): string | null {
  let reached = byCpu;
  for (let file = 0; file < now.files; file++) {
    if (now.fileMm[file] !== mm) continue;
    const dpte = now.dpte[file * now.pages + v]!;
    if ((dpte & DPTE.valid) === 0 || !isListed(now, file) || isExcused(now, file, v)) continue;
    const pfn = dptePfn(dpte);
    if (pfn < 0 || pfn === reached || now.copies[pfn]! > 0) continue;
    if (reached >= 0) return `mm ${mm} page ${v}: file ${file} reaches frame ${pfn}, the CPU or another file frame ${reached}`;
    reached = pfn;
  }
  return null;
}
