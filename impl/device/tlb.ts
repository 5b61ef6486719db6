/**
 * The translation cache of a device: for each open file a few entries of its page table, found by the low bits of the page. Whoever changes an
 * entry of the page table must flush it here; a cache of no entries behaves like one that always misses.
 */
import type { Arena } from "../arena.ts";
import { TLB } from "../layout.ts";

const rowOf = (h: Arena, file: number, vpn: number): number => (file * h.capacity.tlb + (vpn & (h.capacity.tlb - 1))) * TLB.words;

/** The entry by which a file reaches a page: from the cache, or from its page table, and then cached. */
export function translate(h: Arena, file: number, vpn: number): number {
  if (h.capacity.tlb === 0) return h.dpt.get(file, vpn);
  const at = rowOf(h, file, vpn);
  if (h.tlb[at + TLB.vpn] === vpn + 1) return h.tlb[at + TLB.entry]!;
  const entry = h.dpt.get(file, vpn);
  if (entry !== 0) {
    h.tlb[at + TLB.vpn] = vpn + 1;
    h.tlb[at + TLB.entry] = entry;
  }
  return entry;
}

/** Forgets the entry of one page. */
export function flushPage(h: Arena, file: number, vpn: number): void {
  if (h.capacity.tlb === 0) return;
  const at = rowOf(h, file, vpn);
  if (h.tlb[at + TLB.vpn] !== vpn + 1) return;
  h.tlb[at + TLB.vpn] = 0;
  h.tlb[at + TLB.entry] = 0;
}
