/** Properties of a single state, without the run that has led to it. */
import type { View } from "../spec/system.ts";
import type { Always } from "./property.ts";
import { readState } from "./read-state.ts";
import { newSweep } from "./sweep.ts";
import type { Violation } from "./watch.ts";

/**
 * Asks every property of the state that a view shows. What needs the history of a run (values, brief references, callbacks that have run) is not
 * asked, and an entry that a known defect has left behind is a violation here: see `Watch`.
 */
export function firstViolation(view: View, properties: readonly Always[]): Violation | null {
  const now = newSweep(view, null);
  readState(now);
  for (const { id, spec, statement, check } of properties) {
    const witness = check(now);
    if (witness !== null) return { property: id, spec, statement, witness };
  }
  return null;
}
