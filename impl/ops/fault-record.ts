/** What the steps of a CPU fault keep in their record, and the look that each of them begins with. */
import type { Arena } from "../arena.ts";
import { R } from "../layout.ts";

/** Record of `handle_mm_fault`. */
export const FAULT = { pte: R.x0, copy: R.x1 } as const;

/** The re-check under the page table lock: the entry is the one that the fault looked at. */
export function same(h: Arena, r: number): boolean {
  return h.pt.get(h.task[r + R.mm]!, h.task[r + R.start]!) === h.task[r + FAULT.pte];
}
