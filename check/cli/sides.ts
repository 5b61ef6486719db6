/** The two sides of a subject with a mutant. */
import { RULES } from "../../model/index.ts";
import type { Sides } from "../subject.ts";
import { loadImplMutant } from "./impl-mutant.ts";
import type { MutantChoice } from "./options.ts";

/** The correct sides, or with a mutant on one of them. */
export async function sidesOf(choice: MutantChoice | null): Promise<Sides> {
  const { mutant, side } = choice ?? {};
  if (mutant === undefined) return {};
  if (side === "model" && mutant.model !== undefined) return { rules: mutant.model(RULES) };
  return mutant.impl === undefined ? {} : { impl: await loadImplMutant(mutant.impl) };
}
