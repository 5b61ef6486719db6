/** The sides of a mutant: it changes the model, the implementation, or either of them. */
import type { Mutant, Side } from "./mutant.ts";

/** Both sides, in the order in which they are run. */
export const SIDES: readonly Side[] = ["model", "impl"];

/** The sides that a mutant changes. */
export function sidesChanged(mutant: Mutant): readonly Side[] {
  return SIDES.filter((side) => mutant[side] !== undefined);
}

/** What kills a mutant on one side: the id of a property, or `refines`. */
export function killerOf({ killedBy, impl }: Mutant, side: Side): string {
  return side === "impl" ? (impl?.killedBy ?? killedBy) : killedBy;
}

/** How a mutant on one side is named: by its id, with `@impl` behind it where the model could be meant as well. */
export function nameOn(mutant: Mutant, side: Side): string {
  return side === sidesChanged(mutant)[0] ? mutant.id : `${mutant.id}@${side}`;
}

/** The file of its minimal run in a folder of them. */
export function runFile(mutant: Mutant, side: Side): string {
  return `${nameOn(mutant, side).replace("@", "-")}.jsonl`;
}
