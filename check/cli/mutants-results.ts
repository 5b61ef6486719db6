/** Results that an interrupted `hmmspec mutants --all` has left, to go on from there. */
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { MutantResult } from "./mutant-run.ts";
import { VERSION } from "./version.ts";

/** The folder in which results are kept, below the current one. */
export const RESULTS_FOLDER = ".mutants";
const FILE = join(RESULTS_FOLDER, "results.jsonl");

interface Line {
  readonly version: string;
  readonly seed: number;
  readonly result: MutantResult;
}

/** Begins anew. */
export function forgetResults(): void {
  writeFileSync(FILE, "");
}

/** Keeps one result. */
export function keepResult(seed: number, result: MutantResult): void {
  const line: Line = { version: VERSION, seed, result };
  appendFileSync(FILE, `${JSON.stringify(line)}\n`);
}

/**
 * The mutants that were killed before, with the same seed by the same version. Survivors are none of them: they are to be run again. A line that
 * was cut off by the end of that run counts for nothing.
 */
export function keptResults(seed: number): MutantResult[] {
  let text: string;
  try {
    text = readFileSync(FILE, "utf8");
  } catch {
    return [];
  }
  return text.split("\n").flatMap((line): MutantResult[] => {
    try {
      const read = JSON.parse(line) as Line;
      return read.version === VERSION && read.seed === seed && read.result.property !== null ? [read.result] : [];
    } catch {
      return [];
    }
  });
}
