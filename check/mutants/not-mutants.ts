/** Rows of the list of bugs that no mutant stands for. */
import type { NotAMutant } from "./mutant.ts";

/** Each with what the specification does not have, so that the bug cannot be made in it. */
export const NOT_MUTANTS: readonly NotAMutant[] = [
  {
    row: "B5",
    why: "The specification has no CPU cache beside memory: a store is in the frame at once, so there is nothing that could be flushed too late.",
  },
  {
    row: "B30",
    why: "The walk has no level above PMD, and a callback that was never set is a jump to a random address, not another answer.",
  },
];
