/** PMD-mapped blocks of 512 pages: only as far as madvise(HUGEPAGE) shows them. */
import type { MmId, Pfn } from "../spec/vocabulary.ts";
import { vpn as toVpn } from "../spec/vocabulary.ts";
import { allocSystem, dropPte, frameOf, mapCount, mapHolder, setFrame } from "./frames.ts";
import { mmOf } from "./locks.ts";
import { notifyNow } from "./rules/invalidate.ts";
import { ZERO } from "./state.ts";
import type { Pte, Vma, Work } from "./state.ts";

/** Pages that one page table maps: the size of a huge page. The window begins at such a border. */
export const PTRS_PER_PTE = 512;

/** The first page of the block of 512 pages that `at` lies in. */
export const blockOf = (at: number): number => at - (at % PTRS_PER_PTE);

/** Whether a fault at `at` may map a huge page: the whole block lies in the mapping and nothing is there yet. */
export function hugeFits(s: Work, mm: MmId, vma: Vma, at: number): boolean {
  const first = blockOf(at);
  if (!vma.flags.hugepage || vma.map !== "private" || first < vma.start || first + PTRS_PER_PTE > vma.end) return false;
  const { ptes } = mmOf(s, mm);
  for (let v = first; v < first + PTRS_PER_PTE; v++) if (ptes[v]?.kind !== "none") return false;
  return true;
}

/** Maps a huge page of new frames, or the huge zero page. */
export function mapHuge(s: Work, mm: MmId, vma: Vma, at: number, write: boolean): void {
  const first = blockOf(at);
  const { ptes } = mmOf(s, mm);
  let head: Pfn | null = null;
  for (let v = first; v < first + PTRS_PER_PTE; v++) {
    if (!write) ptes[v] = { ...ZERO, huge: true } as Pte;
    else {
      const pfn = allocSystem(s, [mapHolder(mm, toVpn(v))]);
      head ??= pfn;
      setFrame(s, pfn, {
        mapping: { kind: "anon", anonVma: vma.anonVma ?? 0 },
        index: vma.pgoff + v - vma.start,
        anonExclusive: s.profile.anonExclusive,
        head,
      });
      ptes[v] = { kind: "present", pfn, write: true, dirty: true, huge: true };
    }
  }
}

/** Whether nobody but this mapping has any page of the huge page around `at`. v14 has no marks and counts mappings. */
export function hugeReusable(s: Work, mm: MmId, at: number): boolean {
  const first = blockOf(at);
  return mmOf(s, mm)
    .ptes.slice(first, first + PTRS_PER_PTE)
    .every((pte) => {
      if (pte.kind !== "present" || !pte.huge) return false;
      const frame = frameOf(s, pte.pfn);
      const counted = s.profile.anonExclusive ? frame.holders.length : mapCount(frame);
      return frame.anonExclusive || (counted === 1 && frame.locked === null);
    });
}

/** Makes a huge page writable as a whole, where it is. */
export function reuseHuge(s: Work, mm: MmId, vma: Vma, at: number): void {
  const first = blockOf(at);
  const { ptes } = mmOf(s, mm);
  for (let v = first; v < first + PTRS_PER_PTE; v++) {
    const pte = ptes[v];
    if (pte?.kind !== "present") continue;
    setFrame(s, pte.pfn, { anonExclusive: s.profile.anonExclusive, mapping: { kind: "anon", anonVma: vma.anonVma ?? 0 } });
    ptes[v] = { ...pte, write: true, dirty: true };
  }
}

/** Splits the PMD mapping that `at` lies inside of (not at its border) into page mappings; the compound page stays one. */
export function splitHuge(s: Work, mm: MmId, at: number): void {
  if (at % PTRS_PER_PTE !== 0) splitBlock(s, mm, at);
}

/** Splits the PMD mapping around `at`. */
export function splitBlock(s: Work, mm: MmId, at: number): void {
  const { ptes } = mmOf(s, mm);
  const pte = ptes[at];
  if (!pte || !("huge" in pte) || !pte.huge) return;
  const first = blockOf(at);
  notifyNow(s, mm, first, first + PTRS_PER_PTE);
  for (let v = first; v < first + PTRS_PER_PTE; v++) {
    const old = ptes[v];
    if (!old || !("huge" in old) || !old.huge) continue;
    if (old.kind === "present" && old.dirty) setFrame(s, old.pfn, { dirty: true });
    // The dirty bit goes to the frames, not to the new entries.
    ptes[v] = old.kind === "present" ? { ...old, huge: false, dirty: false } : { ...old, huge: false };
  }
}

/** Splits the compound page around `at` into pages of their own; under 6.12 those that hold nothing but zeroes become the zero page. */
export function splitCompound(s: Work, mm: MmId, at: number): void {
  splitBlock(s, mm, at);
  const first = blockOf(at);
  const { ptes } = mmOf(s, mm);
  for (let v = first; v < first + PTRS_PER_PTE; v++) {
    const pte = ptes[v];
    if (pte?.kind !== "present" || frameOf(s, pte.pfn).head === null) continue;
    setFrame(s, pte.pfn, { head: null });
    const { contents } = frameOf(s, pte.pfn);
    if (!s.profile.splitMapsZeroPage || contents.first !== 0 || contents.fill !== 0) continue;
    ptes[v] = ZERO;
    dropPte(s, mm, v, pte);
  }
}
