/** Stamps of mappings: in which order they were linked to their anon_vma or object, so that the reverse map is walked in it. */
import { MAP } from "../spec/words.ts";
import type { Arena } from "./arena.ts";
import { G, MM, VMA } from "./layout.ts";

/** The stamps in use, ascending, while they are counted. */
let ranks = new Int32Array(0);

/** The first place among `n` ranks whose stamp is not below this one. */
function place(n: number, stamp: number): number {
  let low = 0;
  let high = n;
  while (low < high) {
    const mid = (low + high) >>> 1;
    if (ranks[mid]! >= stamp) high = mid;
    else low = mid + 1;
  }
  return low;
}

/** Puts a stamp among `n` ranks, if it is not there, and answers how many there are then. */
function note(n: number, stamp: number): number {
  const at = place(n, stamp);
  if (at < n && ranks[at] === stamp) return n;
  ranks.copyWithin(at + 1, at, n);
  ranks[at] = stamp;
  return n + 1;
}

/** Numbers all stamps anew, without gaps. */
function renumber(h: Arena, n: number): void {
  for (let mm = 0; mm < h.global[G.mms]!; mm++) {
    const first = mm * h.vmaWords + VMA.stamp;
    const end = first + h.mm[mm * h.mmWords + MM.vmas]! * VMA.words;
    for (let at = first; at < end; at += VMA.words) h.vma[at] = place(n, h.vma[at]!);
  }
}

/** A stamp behind all others, after they were numbered anew so that they stay small. */
export function nextStamp(h: Arena): number {
  const most = h.capacity.mms * h.capacity.vmas;
  if (ranks.length < most) ranks = new Int32Array(most);
  let n = 0;
  for (let mm = 0; mm < h.global[G.mms]!; mm++) {
    const first = mm * h.vmaWords + VMA.stamp;
    const end = first + h.mm[mm * h.mmWords + MM.vmas]! * VMA.words;
    for (let at = first; at < end; at += VMA.words) n = note(n, h.vma[at]!);
  }
  if (n > 0 && ranks[n - 1] !== n - 1) renumber(h, n);
  return n;
}

/** The stamp of fork's copy of a mapping: behind all others, but right behind its parent where the memory is shared. */
export function copyStamp(h: Arena, parent: number): number {
  if (h.vma[parent + VMA.map] === MAP.private) return nextStamp(h);
  const stamp = h.vma[parent + VMA.stamp]!;
  for (let mm = 0; mm < h.global[G.mms]!; mm++) {
    const first = mm * h.vmaWords + VMA.stamp;
    const end = first + h.mm[mm * h.mmWords + MM.vmas]! * VMA.words;
    for (let at = first; at < end; at += VMA.words) if (h.vma[at]! > stamp) h.vma[at]! += 1;
  }
  return stamp + 1;
}
