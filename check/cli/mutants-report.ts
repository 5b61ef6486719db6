/** The matrix of the mutants: which property kills each, after how many steps, in which time. */
import { PROPERTIES } from "../../properties/registry.ts";
import { REFINES } from "../failure.ts";
import type { Mutant } from "../mutants/mutant.ts";
import { NOT_MUTANTS } from "../mutants/not-mutants.ts";
import { killerOf, sidesChanged } from "../mutants/side.ts";
import { colorsFor } from "./colors.ts";
import { counted, labelled, wrap } from "./layout.ts";
import type { MutantResult } from "./mutant-run.ts";

/** Widths of the columns; the first three are text. */
const WIDTHS = [10, 6, 30, 6, 6, 7, 8] as const;
const TEXTS = 3;
const TITLE = 86;

function row(cells: readonly (string | number)[]): string {
  return cells
    .map((cell, i) => (i < TEXTS ? cut(String(cell), WIDTHS[i] ?? 0) : String(cell).padStart(WIDTHS[i] ?? 0)))
    .join(" ")
    .trimEnd();
}

const cut = (text: string, width: number): string => (text.length > width ? `${text.slice(0, width - 3)}...` : text.padEnd(width));

/** The head of the matrix. */
export const MATRIX_HEAD = row(["mutant", "side", "broken property", "calls", "steps", "runs", "ms"]);

/** One line of the matrix. */
export function matrixRow({ id, side, property, operations, steps, kill_ms, runs }: MutantResult): string {
  const colors = colorsFor(process.stdout, process.env);
  const cells = [operations === 0 ? "-" : operations, steps === 0 ? "-" : steps, runs, kill_ms];
  const line = row([id, side, property ?? "SURVIVED", ...cells]);
  return property === null ? colors.red(line) : line;
}

/** The middle one of some numbers, the lower one of two. */
export function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor((numbers.length - 1) / 2)] ?? 0;
}

/** What the results come to. */
export function summary(results: readonly MutantResult[], seconds: number): string[] {
  const colors = colorsFor(process.stdout, process.env);
  const killed = results.filter(({ property }) => property !== null);
  const minimal = killed.filter(({ operations }) => operations > 0);
  const survivors = results.filter(({ property }) => property === null);
  const middle = (of: (result: MutantResult) => number): number => median(minimal.map(of));
  const word = survivors.length === 0 ? colors.green("killed") : colors.red("killed");
  const lines = labelled(word, `${killed.length} of ${counted(results.length, "mutant")} in ${seconds.toFixed(0)} s`);
  if (minimal.length > 1)
    lines.push(
      ...labelled(
        "median",
        `${median(killed.map(({ kill_ms }) => kill_ms))} ms to the violation; ${counted(
          middle(({ operations }) => operations),
          "call",
        )} and ${counted(
          middle(({ steps }) => steps),
          "step",
        )} in the minimal run`,
      ),
    );
  if (survivors.length > 0) lines.push(...labelled("survived", survivors.map(({ id, side }) => `${id} (${side})`).join(", ")));
  return lines;
}

/** What one mutant is, and what it is to be killed by. */
export function description(mutant: Mutant): string[] {
  const killers = [...new Set(sidesChanged(mutant).map((side) => killerOf(mutant, side)))];
  return [
    ...labelled(mutant.id, mutant.title),
    ...labelled("origin", mutant.origin),
    ...labelled("breaks", mutant.breaks.join(" ")),
    ...killers.flatMap((id) => labelled("killed by", `${id}: ${statementOf(id)}`)),
  ];
}

function statementOf(id: string): string {
  return id === REFINES.id ? REFINES.statement : (PROPERTIES.find((property) => property.id === id)?.statement ?? "");
}

/** The list of all mutants, and of the rows that are none. */
export function listing(mutants: readonly Mutant[]): string[] {
  const lines = mutants.flatMap((mutant) => {
    const sides = sidesChanged(mutant).join("+");
    return wrap(mutant.title, TITLE).map((part, i) =>
      i === 0
        ? `${mutant.id.padEnd(10)} ${sides.padEnd(10)} ${part.padEnd(TITLE)} ${mutant.killedBy}`.trimEnd()
        : `${" ".repeat(22)}${part}`,
    );
  });
  return [
    ...lines,
    "",
    `${mutants.length} mutants. Rows of the list of bugs that cannot exist in a system of this specification:`,
    ...NOT_MUTANTS.flatMap(({ row: name, why }) => labelled(name, why, 0, 11)),
  ];
}
