/** The fault on shared anonymous memory: a page of the memory object is mapped, and on a read its neighbours that exist already. */
import { vpn as toVpn } from "../../spec/vocabulary.ts";
import type { MmId, Pfn } from "../../spec/vocabulary.ts";
import { allocSystem, frameOf, hold, mapHolder, setFrame } from "../frames.ts";
import { PTRS_PER_PTE } from "../huge.ts";
import { mmOf } from "../locks.ts";
import { known } from "../rule.ts";
import type { Vma, Work } from "../state.ts";

/** Pages that a read fault looks at, from an aligned border (or the begin of the mapping) on: 64 KiB. */
const FAULT_AROUND = 16;

/** Maps the page of the memory object at `at`, and on a read its neighbours that exist. */
export function faultShared(s: Work, mm: MmId, vma: Vma, at: number, write: boolean): void {
  const object = known(s.shmems[known(vma.object, "object")], "object");
  if (!write) {
    const first = Math.max(at - (at % FAULT_AROUND), vma.start);
    const end = Math.min(first + FAULT_AROUND, vma.end, at - (at % PTRS_PER_PTE) + PTRS_PER_PTE);
    for (let v = first; v < end; v++) {
      const pfn = object.pages[vma.pgoff + v - vma.start] ?? null;
      if (pfn !== null && frameOf(s, pfn).locked === null && mmOf(s, mm).ptes[v]?.kind === "none") map(s, mm, vma, v, pfn, false);
    }
  }
  if (mmOf(s, mm).ptes[at]?.kind !== "none") return;
  map(s, mm, vma, at, pageOf(s, vma, at), write);
}

/** The page of the memory object is there and somebody has locked it: who faults it waits. */
export function sharedPageLocked(s: Work, vma: Vma, at: number): boolean {
  const pfn = vma.map === "shared" ? (s.shmems[known(vma.object, "object")]?.pages[vma.pgoff + at - vma.start] ?? null) : null;
  return pfn !== null && frameOf(s, pfn).locked !== null;
}

function pageOf(s: Work, vma: Vma, at: number): Pfn {
  const id = known(vma.object, "object");
  const object = known(s.shmems[id], "object");
  const index = vma.pgoff + at - vma.start;
  const cached = object.pages[index] ?? null;
  if (cached !== null) return cached;
  const pfn = allocSystem(s, [{ kind: "page-cache" }]);
  setFrame(s, pfn, { mapping: { kind: "shmem", object: id }, index });
  object.pages[index] = pfn;
  return pfn;
}

/** Shared memory has no write-notify: an entry gets the mapping's write permission at once. */
function map(s: Work, mm: MmId, vma: Vma, at: number, pfn: Pfn, write: boolean): void {
  hold(s, pfn, mapHolder(mm, toVpn(at)));
  if (write) setFrame(s, pfn, { dirty: true });
  mmOf(s, mm).ptes[at] = { kind: "present", pfn, write: vma.flags.write, dirty: write, huge: false };
}
