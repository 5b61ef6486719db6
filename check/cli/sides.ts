/** The two sides of a subject with a mutant. */
import { RULES } from "../../model/index.ts";
import type { Mutant } from "../mutants/mutant.ts";
import type { Sides } from "../subject.ts";

/** The sides with a mutant of the model, the correct ones without a mutant; or why a mutant cannot be had here. */
export function sidesOf(mutant: Mutant | null): Sides | string {
  if (mutant === null) return {};
  if (mutant.model === undefined)
    return `mutant ${mutant.id} changes a source of the implementation: run it with hmmspec mutants --id ${mutant.id}`;
  return { rules: mutant.model(RULES) };
}
