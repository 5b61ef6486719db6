/** What a range walk of a mirror keeps in its record and in its array of results, for those who must reach into it. */
import { STEP } from "../spec/words.ts";
import type { Arena } from "./arena.ts";
import { R } from "./layout.ts";

/**
 * Record of `hmm_range_fault`: `x0` request, `x1` sequence number, `x2` valid (v14), `x3` stop, `x4` fault or -1, `x5` answer or -1.
 *
 * A result: `| 31 .. 8: pfn | 6: huge | 5: zero page | 4: write | 3: read | 2 .. 0: kind |`.
 */
export const RANGE = {
  request: R.x0,
  seq: R.x1,
  valid: R.x2,
  stop: R.x3,
  fault: R.x4,
  error: R.x5,
  input: 0,
  none: 1,
  empty: 2,
  special: 3,
  bad: 4,
  found: 5,
  kind_mask: 7,
  read: 1 << 3,
  write: 1 << 4,
  zero: 1 << 5,
  huge: 1 << 6,
  pfn_shift: 8,
} as const;

/** Whether a record is a range walk that v14 takes for overlapped by `[start, end)`: also one that begins where the invalidation ends. */
export function rangeOverlaps(h: Arena, r: number, mm: number, start: number, end: number): boolean {
  const step = h.task[r + R.step]!;
  if (step < STEP["hmm_range_fault.d1"] || step > STEP["hmm_range_fault.d8"] || h.task[r + R.mm] !== mm) return false;
  return end >= h.task[r + R.start]! && start < h.task[r + R.end]!;
}
