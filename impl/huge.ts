/** Blocks of 512 pages that are mapped as a whole: only as far as madvise(HUGEPAGE) shows them. */
import { FRAME, MAP, MAPPING, PTE, VM, pteKind, ptePayload } from "../spec/words.ts";
import type { Arena } from "./arena.ts";
import {
  allocSystem,
  contentsOf,
  flagsOf,
  headOf,
  indexOf,
  lockerOf,
  mapPage,
  mapsOf,
  mark,
  putPage,
  refsOf,
  setHead,
  setMapping,
  setPte,
  unmark,
} from "./frames.ts";
import { VMA, ZEROES } from "./layout.ts";
import { notifyNow } from "./notifier.ts";
import { dropPte } from "./swap.ts";

/** Pages that one page table maps: the size of a huge page. The window begins at such a border. */
export const PTRS_PER_PTE = 512;

/** The first page of the block of 512 pages that a page lies in. */
export const blockOf = (at: number): number => at - (at % PTRS_PER_PTE);

/** Whether a fault may map a huge page in the mapping of a row: the whole block lies in it and nothing is there yet. */
export function hugeFits(h: Arena, mm: number, row: number, at: number): boolean {
  const { vma } = h;
  if ((vma[row + VMA.flags]! & VM.hugepage) === 0 || vma[row + VMA.map] !== MAP.private) return false;
  const first = blockOf(at);
  const end = first + PTRS_PER_PTE;
  return first >= vma[row + VMA.start]! && end <= vma[row + VMA.end]! && h.pt.next(mm, first, end) === end;
}

/** Maps a huge page of new frames, or for a read the huge zero page. The mapping has its anon_vma already. */
export function mapHuge(h: Arena, mm: number, row: number, at: number, write: boolean): void {
  const { vma } = h;
  const first = blockOf(at);
  const anon = Math.max(0, vma[row + VMA.anon]! - 1);
  const offset = vma[row + VMA.pgoff]! - vma[row + VMA.start]!;
  let head = -1;
  for (let v = first; v < first + PTRS_PER_PTE; v++) {
    if (!write) {
      setPte(h, mm, v, PTE.zero | PTE.huge);
      continue;
    }
    const pfn = allocSystem(h);
    if (head < 0) head = pfn;
    mapPage(h, pfn);
    putPage(h, pfn);
    setMapping(h, pfn, MAPPING.anon, anon, offset + v);
    if (h.profile.anonExclusive) mark(h, pfn, FRAME.anon_exclusive);
    setHead(h, pfn, head);
    setPte(h, mm, v, PTE.present | PTE.write | PTE.dirty | PTE.huge | (pfn << PTE.payload_shift));
  }
}

/** Whether nobody but this mapping has any page of the huge page around `at`. v14 has no marks and counts mappings. */
export function hugeReusable(h: Arena, mm: number, at: number): boolean {
  const first = blockOf(at);
  for (let v = first; v < first + PTRS_PER_PTE; v++) {
    if (v >= h.pages) return true;
    const pte = h.pt.get(mm, v);
    if (pteKind(pte) !== PTE.present || (pte & PTE.huge) === 0) return false;
    const pfn = ptePayload(pte);
    if ((flagsOf(h, pfn) & FRAME.anon_exclusive) !== 0) continue;
    const counted = h.profile.anonExclusive ? refsOf(h, pfn) : mapsOf(h, pfn);
    if (counted !== 1 || lockerOf(h, pfn) >= 0) return false;
  }
  return true;
}

/** Makes a huge page writable as a whole, where it is. */
export function reuseHuge(h: Arena, mm: number, row: number, at: number): void {
  const first = blockOf(at);
  const end = Math.min(first + PTRS_PER_PTE, h.pages);
  const anon = Math.max(0, h.vma[row + VMA.anon]! - 1);
  for (let v = h.pt.next(mm, first, end); v < end; v = h.pt.next(mm, v + 1, end)) {
    const pte = h.pt.get(mm, v);
    if (pteKind(pte) !== PTE.present) continue;
    const pfn = ptePayload(pte);
    if (h.profile.anonExclusive) mark(h, pfn, FRAME.anon_exclusive);
    else unmark(h, pfn, FRAME.anon_exclusive);
    setMapping(h, pfn, MAPPING.anon, anon, indexOf(h, pfn));
    setPte(h, mm, v, pte | PTE.write | PTE.dirty);
  }
}

/** Splits the block mapping that `at` lies inside of (not at its border) into page mappings; the compound page stays one. */
export function splitHuge(h: Arena, mm: number, at: number): void {
  if (at % PTRS_PER_PTE !== 0) splitBlock(h, mm, at);
}

/** Splits the block mapping around `at`, if there is one. */
export function splitBlock(h: Arena, mm: number, at: number): void {
  if (at >= h.pages || (h.pt.get(mm, at) & PTE.huge) === 0) return;
  const first = blockOf(at);
  const end = Math.min(first + PTRS_PER_PTE, h.pages);
  notifyNow(h, mm, first, first + PTRS_PER_PTE);
  for (let v = h.pt.next(mm, first, end); v < end; v = h.pt.next(mm, v + 1, end)) {
    const pte = h.pt.get(mm, v);
    if ((pte & PTE.huge) === 0) continue;
    // The dirty bit goes to the frames, not to the new entries.
    if ((pte & PTE.dirty) !== 0) mark(h, ptePayload(pte), FRAME.dirty);
    setPte(h, mm, v, pte & ~(PTE.huge | PTE.dirty));
  }
}

/** Splits the compound page around `at` into pages of their own; under 6.12 those that hold nothing but zeroes become the zero page. */
export function splitCompound(h: Arena, mm: number, at: number): void {
  splitBlock(h, mm, at);
  const first = blockOf(at);
  const end = Math.min(first + PTRS_PER_PTE, h.pages);
  for (let v = h.pt.next(mm, first, end); v < end; v = h.pt.next(mm, v + 1, end)) {
    const pte = h.pt.get(mm, v);
    if (pteKind(pte) !== PTE.present || headOf(h, ptePayload(pte)) < 0) continue;
    setHead(h, ptePayload(pte), -1);
    if (!h.profile.splitMapsZeroPage || contentsOf(h, ptePayload(pte)) !== ZEROES) continue;
    setPte(h, mm, v, PTE.zero);
    dropPte(h, pte);
  }
}
