/** The reverse map: where a page may be mapped. */
import { MAP, MAPPING, STEP } from "../spec/words.ts";
import type { Arena } from "./arena.ts";
import { G, MM, R, TASK, VMA } from "./layout.ts";
import { taskRow } from "./tasks.ts";
import { vmasEnd, vmasFirst } from "./vmas.ts";

/** Offset and stamp of each place that a walk has found, in its order. */
let keys = new Int32Array(0);

/**
 * The record of the unmapping that has taken mappings of an address space out and not emptied them yet, or -1: their pages are still found through
 * them. Who unmaps holds the address space lock for writing, so there is one at most.
 */
export function detachedRecord(h: Arena, mm: number): number {
  const t = h.mm[mm * h.mmWords + MM.writer]! - 1;
  if (t < 0) return -1;
  const row = taskRow(h, t);
  for (let level = h.task[row + TASK.depth]! - 1; level >= 0; level--) {
    const r = row + TASK.records + level * R.words;
    if (h.task[r + R.step] === STEP["do_munmap.zap"] && h.task[r + R.mm] === mm) return r;
  }
  return -1;
}

/** Where the array of detached mappings of a task begins. */
export const detachedFirst = (h: Arena, t: number): number => taskRow(h, t) + h.detached;

/** The place of a page of this identity in a mapping, or -1. */
function placeIn(words: Int32Array, row: number, kind: number, id: number, index: number): number {
  const v = words[row + VMA.start]! + index - words[row + VMA.pgoff]!;
  if (v < words[row + VMA.start]! || v >= words[row + VMA.end]!) return -1;
  if (kind !== MAPPING.anon) return words[row + VMA.map] === MAP.shared && words[row + VMA.object] === id + 1 ? v : -1;
  const links = words[row + VMA.links]!;
  for (let i = 0; i < links; i++) if (words[row + VMA.chain + i] === id) return v;
  return -1;
}

/** Sorts a place into the `n` that are there: by offset, then by stamp; of equal ones the one that was found first comes first. */
function place(out: Int32Array, at: number, n: number, mm: number, v: number, pgoff: number, stamp: number): void {
  let i = n;
  for (; i > 0; i--) {
    const before = keys[2 * i - 2]!;
    if (before < pgoff || (before === pgoff && keys[2 * i - 1]! <= stamp)) break;
    keys[2 * i] = before;
    keys[2 * i + 1] = keys[2 * i - 1]!;
    out[at + 2 * i] = out[at + 2 * i - 2]!;
    out[at + 2 * i + 1] = out[at + 2 * i - 1]!;
  }
  keys[2 * i] = pgoff;
  keys[2 * i + 1] = stamp;
  out[at + 2 * i] = mm;
  out[at + 2 * i + 1] = v;
}

/** The walk through the mappings in `[first, end)` of a table. */
function walk(
  words: Int32Array,
  first: number,
  end: number,
  mm: number,
  kind: number,
  id: number,
  index: number,
  out: Int32Array,
  at: number,
  found: number,
): number {
  let n = found;
  for (let row = first; row < end; row += VMA.words) {
    const v = placeIn(words, row, kind, id, index);
    if (v >= 0) place(out, at, n++, mm, v, words[row + VMA.pgoff]!, words[row + VMA.stamp]!);
  }
  return n;
}

/**
 * Writes where a page of this identity may be mapped, as pairs of address space and page in the order of the walk, from `out[at]` on: each mapping
 * whose anon_vma chain (or object) and offsets cover it. Answers how many pairs.
 */
export function rmapTargets(h: Arena, kind: number, id: number, index: number, out: Int32Array, at: number): number {
  let n = 0;
  if (kind === MAPPING.none) return n;
  const most = h.detached - h.targets;
  if (keys.length < most) keys = new Int32Array(most);
  for (let mm = 0; mm < h.global[G.mms]!; mm++) {
    n = walk(h.vma, vmasFirst(h, mm), vmasEnd(h, mm), mm, kind, id, index, out, at, n);
    const r = detachedRecord(h, mm);
    if (r < 0) continue;
    const first = detachedFirst(h, h.mm[mm * h.mmWords + MM.writer]! - 1);
    n = walk(h.task, first, first + h.task[r + R.x0]! * VMA.words, mm, kind, id, index, out, at, n);
  }
  return n;
}
