/** What the steps of a CPU fault keep in their record, and the look that each of them begins with. */
import type { Arena } from "../arena.ts";
import { R } from "../layout.ts";

/**
 * Record of `handle_mm_fault`, beside `start` (the page) and `write`: the entry that the fault looked at, the copy from c4b on, and the row of the mapping.
 * The row stays where it is: the caller holds the address space lock.
 */
export const FAULT = { pte: R.x0, copy: R.x1, vma: R.x2 } as const;

const { mm: MM, start: START } = R;
const { pte: PTE_AT } = FAULT;

/** The re-check under the page table lock: the entry is the one that the fault looked at. */
export function same({ pt, task }: Arena, r: number): boolean {
  return pt.get(task[r + MM]!, task[r + START]!) === task[r + PTE_AT];
}
