/** The fault on shared anonymous memory: a page of the memory object is mapped, and on a read its neighbours that exist already. */
import { FRAME, MAPPING, PTE, VM } from "../../spec/words.ts";
import type { Arena } from "../arena.ts";
import { allocSystem, lockerOf, mapPage, mark, setMapping } from "../frames.ts";
import { PTRS_PER_PTE } from "../huge.ts";
import { VMA } from "../layout.ts";

/** Pages that a read fault looks at, from an aligned border (or the begin of the mapping) on: 64 KiB. */
const FAULT_AROUND = 16;

/** The word of the page cache (frame + 1) for a page of a shared mapping. */
function cacheWord(h: Arena, vma: number, vpn: number): number {
  const object = h.vma[vma + VMA.object]! - 1;
  return object * h.shmemWords + 1 + h.vma[vma + VMA.pgoff]! + vpn - h.vma[vma + VMA.start]!;
}

/** Shared memory has no write-notify: an entry gets the mapping's write permission at once. */
function map(h: Arena, mm: number, vma: number, vpn: number, pfn: number, write: boolean): void {
  mapPage(h, pfn);
  if (write) mark(h, pfn, FRAME.dirty);
  const access = ((h.vma[vma + VMA.flags]! & VM.write) === 0 ? 0 : PTE.write) | (write ? PTE.dirty : 0);
  h.pt.set(mm, vpn, PTE.present | access | (pfn << PTE.payload_shift));
}

/** The page of the memory object behind a shared mapping is there and somebody has locked it: who faults it waits. */
export function sharedPageLocked(h: Arena, vma: number, vpn: number): boolean {
  const pfn = h.shmem[cacheWord(h, vma, vpn)]! - 1;
  return pfn >= 0 && lockerOf(h, pfn) >= 0;
}

/** Maps the page of the memory object at `vpn`, in the mapping of a row, and on a read its neighbours that exist. */
export function faultShared(h: Arena, mm: number, vma: number, vpn: number, write: boolean): void {
  if (!write) {
    const first = Math.max(vpn - (vpn % FAULT_AROUND), h.vma[vma + VMA.start]!);
    const end = Math.min(first + FAULT_AROUND, h.vma[vma + VMA.end]!, vpn - (vpn % PTRS_PER_PTE) + PTRS_PER_PTE);
    for (let v = first; v < end; v++) {
      const pfn = h.shmem[cacheWord(h, vma, v)]! - 1;
      if (pfn >= 0 && lockerOf(h, pfn) < 0 && h.pt.get(mm, v) === 0) map(h, mm, vma, v, pfn, false);
    }
  }
  if (h.pt.get(mm, vpn) !== 0) return;
  const at = cacheWord(h, vma, vpn);
  let pfn = h.shmem[at]! - 1;
  if (pfn < 0) {
    // Its reference is that of the page cache.
    pfn = allocSystem(h);
    const object = h.vma[vma + VMA.object]! - 1;
    setMapping(h, pfn, MAPPING.shmem, object, at - object * h.shmemWords - 1);
    h.shmem[at] = pfn + 1;
  }
  map(h, mm, vma, vpn, pfn, write);
}
