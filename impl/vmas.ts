/** The mappings of an address space: rows one behind the other in the order of addresses, found by bisection. */
import { VM } from "../spec/words.ts";
import { newAnonVma } from "./anon-vma.ts";
import type { Arena } from "./arena.ts";
import { Full } from "./capacity.ts";
import { MM, VMA } from "./layout.ts";
import { nextStamp } from "./vma-stamps.ts";

/** Where the mappings of an address space begin. */
export const vmasFirst = (h: Arena, mm: number): number => mm * h.vmaWords;
/** Where the row behind its last mapping begins. */
export const vmasEnd = (h: Arena, mm: number): number => mm * h.vmaWords + h.mm[mm * h.mmWords + MM.vmas]! * VMA.words;

/** The row of the first mapping that ends behind a page, or -1. */
export function vmaFrom(h: Arena, mm: number, v: number): number {
  const base = mm * h.vmaWords;
  const n = h.mm[mm * h.mmWords + MM.vmas]!;
  let low = 0;
  let high = n;
  while (low < high) {
    const mid = (low + high) >>> 1;
    if (h.vma[base + mid * VMA.words + VMA.end]! > v) high = mid;
    else low = mid + 1;
  }
  return low < n ? base + low * VMA.words : -1;
}

/** The row of the mapping that a page lies in, or -1. */
export function findVma(h: Arena, mm: number, v: number): number {
  const row = vmaFrom(h, mm, v);
  return row >= 0 && h.vma[row + VMA.start]! <= v ? row : -1;
}

/** Copies a mapping from one table to another. */
export function copyVma(from: Int32Array, row: number, to: Int32Array, at: number): void {
  for (let i = 0; i < VMA.words; i++) to[at + i] = from[row + i]!;
}

/** Makes room for one more mapping at a row; its words are those of the mapping that was there. */
export function openRow(h: Arena, mm: number, row: number): void {
  const n = mm * h.mmWords + MM.vmas;
  if (h.mm[n]! >= h.capacity.vmas) throw new Full("vmas");
  h.vma.copyWithin(row + VMA.words, row, vmasEnd(h, mm));
  h.mm[n]! += 1;
}

/** Takes the mappings in the rows `[first, last)` out. */
export function removeRows(h: Arena, mm: number, first: number, last: number): void {
  const end = vmasEnd(h, mm);
  h.vma.copyWithin(first, last, end);
  h.vma.fill(0, end - (last - first), end);
  h.mm[mm * h.mmWords + MM.vmas]! -= (last - first) / VMA.words;
}

const SAME_FOR_ANON = VM.account | VM.hugepage;

/** Whether two neighbours may share one anon_vma: they differ in access flags only, and their offsets continue. */
function compatible(h: Arena, a: number, b: number): boolean {
  const { vma } = h;
  return (
    vma[a + VMA.end] === vma[b + VMA.start] &&
    vma[a + VMA.map] === vma[b + VMA.map] &&
    vma[a + VMA.object] === vma[b + VMA.object] &&
    ((vma[a + VMA.flags]! ^ vma[b + VMA.flags]!) & SAME_FOR_ANON) === 0 &&
    vma[b + VMA.pgoff]! - vma[a + VMA.pgoff]! === vma[b + VMA.start]! - vma[a + VMA.start]!
  );
}

/** The anon_vma (+1) that a neighbour lends, or 0: one with a chain of more links descends from another process and keeps its own. */
const lent = (h: Arena, row: number): number => (h.vma[row + VMA.links] === 1 ? h.vma[row + VMA.anon]! : 0);

/**
 * Gives the mapping of a page an anon_vma before its first anonymous page: that of the next or of the previous neighbour where that is possible,
 * else a new one. Answers the row of the mapping, or -1.
 */
export function prepareAnonVma(h: Arena, mm: number, v: number): number {
  const row = findVma(h, mm, v);
  if (row < 0 || h.vma[row + VMA.anon] !== 0) return row;
  const next = row + VMA.words;
  const prev = row - VMA.words;
  let anon = 0;
  if (next < vmasEnd(h, mm) && compatible(h, row, next)) anon = lent(h, next);
  if (anon === 0 && prev >= vmasFirst(h, mm) && compatible(h, prev, row)) anon = lent(h, prev);
  if (anon === 0) anon = newAnonVma(h, -1) + 1;
  const stamp = nextStamp(h);
  h.vma[row + VMA.anon] = anon;
  h.vma[row + VMA.links] = 1;
  h.vma[row + VMA.chain] = anon - 1;
  h.vma[row + VMA.stamp] = stamp;
  return row;
}
