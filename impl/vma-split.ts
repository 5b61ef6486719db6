/** Splitting mappings, and taking them out. */
import { PTE } from "../spec/words.ts";
import type { Arena } from "./arena.ts";
import { blockOf, PTRS_PER_PTE, splitBlock } from "./huge.ts";
import { VMA } from "./layout.ts";
import { notifyNow } from "./notifier.ts";
import { taskRow } from "./tasks.ts";
import { copyVma, findVma, openRow, removeRows, vmaFrom, vmasEnd } from "./vmas.ts";
import { nextStamp } from "./vma-stamps.ts";

/**
 * A mapping is about to be split inside a block of 512 pages that lies wholly in it: the block can no longer be mapped as a whole, so its mapping is
 * split, and the mirrors are told about all of it, whether it is a huge page or not.
 */
function splitBlockInside(h: Arena, mm: number, row: number, at: number): void {
  const first = blockOf(at);
  if (at === first || first < h.vma[row + VMA.start]! || first + PTRS_PER_PTE > h.vma[row + VMA.end]!) return;
  if ((h.pt.get(mm, at) & PTE.huge) !== 0) splitBlock(h, mm, at);
  else notifyNow(h, mm, first, first + PTRS_PER_PTE);
}

/** Splits the mapping that a page lies inside of, so that one begins there. */
export function splitAt(h: Arena, mm: number, at: number): void {
  const row = findVma(h, mm, at);
  if (row < 0 || h.vma[row + VMA.start] === at) return;
  splitBlockInside(h, mm, row, at);
  const stamp = nextStamp(h);
  openRow(h, mm, row);
  const upper = row + VMA.words;
  h.vma[row + VMA.end] = at;
  h.vma[row + VMA.stamp] = stamp;
  h.vma[upper + VMA.pgoff]! += at - h.vma[upper + VMA.start]!;
  h.vma[upper + VMA.start] = at;
  h.vma[upper + VMA.stamp] = stamp;
}

/** Takes the mappings of a range out, splitting those at its ends, and keeps them in the array of a task. Answers how many. */
export function detachVmas(h: Arena, t: number, mm: number, start: number, end: number): number {
  splitAt(h, mm, start);
  splitAt(h, mm, end);
  const first = vmaFrom(h, mm, start);
  if (first < 0) return 0;
  const behind = vmasEnd(h, mm);
  let last = first;
  for (let to = taskRow(h, t) + h.detached; last < behind && h.vma[last + VMA.end]! <= end; last += VMA.words, to += VMA.words)
    copyVma(h.vma, last, h.task, to);
  removeRows(h, mm, first, last);
  return (last - first) / VMA.words;
}
