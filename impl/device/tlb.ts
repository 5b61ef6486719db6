/**
 * The translation cache of a device: for each open file a few entries of its page table, found by the low bits of the page. Whoever changes an
 * entry of the page table must flush it here; a cache of no entries behaves like one that always misses.
 */
import type { Arena } from "../arena.ts";
import { TLB } from "../layout.ts";
import { drainPage } from "./command.ts";

const rowOf = (h: Arena, file: number, vpn: number): number => (file * h.capacity.tlb + (vpn & (h.capacity.tlb - 1))) * TLB.words;

/** The cached entry of a page, or 0: a miss. */
export function lookup(h: Arena, file: number, vpn: number): number {
  if (h.capacity.tlb === 0) return 0;
  const at = rowOf(h, file, vpn);
  return h.tlb[at + TLB.vpn] === vpn + 1 ? h.tlb[at + TLB.entry]! : 0;
}

/** Walks the page table of a file for a page, and caches what is there. */
export function walk(h: Arena, file: number, vpn: number): number {
  const entry = h.dpt.get(file, vpn);
  if (entry === 0 || h.capacity.tlb === 0) return entry;
  const at = rowOf(h, file, vpn);
  h.tlb[at + TLB.vpn] = vpn + 1;
  h.tlb[at + TLB.entry] = entry;
  return entry;
}

/** The entry by which a file reaches a page: from the cache, or from its page table, and then cached. */
export function translate(h: Arena, file: number, vpn: number): number {
  const entry = lookup(h, file, vpn);
  return entry === 0 ? walk(h, file, vpn) : entry;
}

/** Forgets the entry of one page. What is in flight through it ends first. */
export function flushPage(h: Arena, file: number, vpn: number): void {
  drainPage(h, file, vpn);
  if (h.capacity.tlb === 0) return;
  const at = rowOf(h, file, vpn);
  if (h.tlb[at + TLB.vpn] !== vpn + 1) return;
  h.tlb[at + TLB.vpn] = 0;
  h.tlb[at + TLB.entry] = 0;
}
