/** The matrix of the mutants: which property kills each, after how many steps, in which time. */
import { NOT_MUTANTS } from "../mutants/not-mutants.ts";
import type { Mutant } from "../mutants/mutant.ts";

import { counted, labelled, wrap } from "./layout.ts";
import type { MutantResult } from "./mutant-run.ts";

const COLUMNS = [18, 6, 30, 6, 8, 8, 6] as const;

const row = (cells: readonly (string | number)[]): string =>
  cells
    .map((cell, i) => (i >= 3 ? String(cell).padStart(COLUMNS[i] ?? 0) : String(cell).padEnd(COLUMNS[i] ?? 0)))
    .join(" ")
    .trimEnd();

/** The head of the matrix. */
export const MATRIX_HEAD = row(["mutant", "side", "broken property", "calls", "steps", "ms", "runs"]);

/** One line of the matrix. */
export function matrixRow({ id, side, property, operations, steps, kill_ms, runs }: MutantResult): string {
  if (property === null) return row([id, side, "SURVIVED", "", "", kill_ms, runs]);
  return row([id, side, property.slice(0, 30), operations === 0 ? "" : operations, steps === 0 ? "" : steps, kill_ms, runs]);
}

/** The middle one of some numbers. */
export function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}

/** What the results come to. */
export function summary(results: readonly MutantResult[], seconds: number): string[] {
  const killed = results.filter(({ property }) => property !== null);
  const minimised = killed.filter(({ operations }) => operations > 0);
  const survivors = results.filter(({ property }) => property === null);
  const lines = [
    `${killed.length} of ${counted(results.length, "mutant")} killed in ${seconds.toFixed(0)} s`,
    `median ${median(killed.map(({ kill_ms }) => kill_ms))} ms to the violation, ${median(minimised.map(({ operations }) => operations))} calls and ${median(minimised.map(({ steps }) => steps))} steps in the minimal run`,
  ];
  if (survivors.length > 0) lines.push(`survived: ${survivors.map(({ id, side }) => `${id} (${side})`).join(", ")}`);
  return lines;
}

/** The list of all mutants, and of the rows that are none. */
export function listing(mutants: readonly Mutant[]): string[] {
  const lines = mutants.flatMap((mutant) => {
    const sides = [mutant.model && "model", mutant.impl && "impl"].filter(Boolean).join("+");
    return wrap(mutant.title, 86).map((part, i) =>
      i === 0 ? `${mutant.id.padEnd(18)} ${sides.padEnd(10)} ${part.padEnd(86)} ${mutant.killedBy}` : `${" ".repeat(30)}${part}`,
    );
  });
  return [
    ...lines,
    "",
    `${mutants.length} mutants. Rows of the list that cannot exist in this specification:`,
    ...NOT_MUTANTS.flatMap(({ row: name, why }) => labelled(name, why, 0, 6)),
  ];
}
