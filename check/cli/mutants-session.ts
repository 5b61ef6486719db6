/** Carries out what `hmmspec mutants --id` or `--all` was asked for: the runs, the matrix as it grows, the minimal runs as files. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { Mutant, Side } from "../mutants/mutant.ts";
import { runFile } from "../mutants/side.ts";
import { colorsFor } from "./colors.ts";
import { counted, labelled } from "./layout.ts";
import type { MutantResult } from "./mutant-run.ts";
import { description, MATRIX_HEAD, matrixRow, summary } from "./mutants-report.ts";
import { forgetResults, keepResult, keptResults } from "./mutants-results.ts";
import { runMutants } from "./mutants-run.ts";
import { statusLine } from "./status-line.ts";

/** A mutant on the side that is to be run. */
export interface Chosen {
  readonly mutant: Mutant;
  readonly side: Side;
}

/** What `hmmspec mutants` was asked to run. */
export interface MutantsRequest {
  readonly chosen: readonly Chosen[];
  /** Whether that is the whole catalogue: results are then kept, to go on from there. */
  readonly all: boolean;
  readonly resume: boolean;
  readonly budget_ms: number;
  readonly seed: number;
  readonly threads: number;
  /** Folder for the minimal runs, which is there and can be written. */
  readonly out: string | null;
  readonly json: boolean;
}

/** What has been done so far. */
interface Progress {
  readonly results: MutantResult[];
  /** Mutants that could not be run, and why. */
  readonly errors: string[];
  interrupted: boolean;
}

const MINIMISE_MS = 10_000;

const isOf =
  ({ mutant, side }: Chosen) =>
  (result: MutantResult): boolean =>
    result.id === mutant.id && result.side === side;

/** Runs the mutants that were chosen and reports on them. */
export async function runSession(request: MutantsRequest): Promise<ExitCode> {
  const { chosen, all, resume, seed, json } = request;
  const kept = resume ? keptResults(seed) : [];
  if (all && !resume) forgetResults();
  const earlier = chosen.flatMap((one) => kept.findLast(isOf(one)) ?? []);
  const open = chosen.filter((one) => !earlier.some(isOf(one)));
  const done: Progress = { results: [], errors: [], interrupted: false };
  const begun_ms = performance.now();
  const say = (text: string): void => void (json || process.stdout.write(`${text}\n`));
  if (!all) for (const mutant of new Set(chosen.map((one) => one.mutant))) say(`${description(mutant).join("\n")}\n`);
  say(MATRIX_HEAD);
  for (const result of earlier) note(request, done, result, say);
  if (earlier.length > 0) say(`${counted(earlier.length, "result")} of an earlier run with seed ${seed}, ${open.length} to go`);
  await runOpen(request, open, done, say, begun_ms);
  return report(request, done, (performance.now() - begun_ms) / 1000);
}

async function runOpen(
  request: MutantsRequest,
  open: readonly Chosen[],
  done: Progress,
  say: (text: string) => void,
  begun_ms: number,
): Promise<void> {
  const { seed, budget_ms, threads, all, chosen } = request;
  const jobs = open.map(({ mutant: { id }, side }) => ({ id, side, seed, budget_ms, minimise_ms: MINIMISE_MS }));
  const line = statusLine(process.stderr);
  const interrupt = (): void => {
    done.interrupted = true;
  };
  process.once("SIGINT", interrupt);
  await runMutants(jobs, threads, {
    done(result) {
      if (all) keepResult(seed, result);
      line.clear();
      note(request, done, result, say);
    },
    failed({ id, side }, error) {
      done.errors.push(`${id} (${side}): ${error}`);
      line.clear();
      process.stderr.write(`mutants: ${id} (${side}) could not be run: ${error}\n`);
    },
    interrupted() {
      line.show(() => progressText(done, chosen.length, performance.now() - begun_ms));
      return done.interrupted;
    },
  });
  line.clear();
  process.off("SIGINT", interrupt);
}

function progressText({ results }: Progress, all: number, elapsed_ms: number): string {
  const survivors = results.filter(({ property }) => property === null).length;
  return `${(elapsed_ms / 1000).toFixed(0)} s: ${results.length} of ${counted(all, "mutant")}, ${counted(survivors, "survivor")}`;
}

/** Takes a result in: a line of the matrix, and a file. */
function note({ chosen, out }: MutantsRequest, { results }: Progress, result: MutantResult, say: (text: string) => void): void {
  results.push(result);
  say(matrixRow(result));
  const one = chosen.find(({ mutant, side }) => mutant.id === result.id && side === result.side);
  if (out === null || one === undefined || result.schedule === null) return;
  mkdirSync(out, { recursive: true });
  writeFileSync(join(out, runFile(one.mutant, one.side)), result.schedule);
}

function report({ chosen, seed, json, all, out }: MutantsRequest, { results, errors, interrupted }: Progress, seconds: number): ExitCode {
  const missing = chosen.length - results.length;
  if (json) {
    const listed = results.map(({ schedule: _, ...rest }) => rest);
    process.stdout.write(`${JSON.stringify({ seed, seconds, interrupted, mutants: chosen.length, errors, results: listed })}\n`);
  } else {
    const lines = ["", ...summary(results, seconds)];
    if (out !== null) lines.push(...labelled("minimal runs", `${out}; hmmspec replay FILE shows one`));
    if (errors.length > 0) lines.push(...labelled("not run", errors.join("; ")));
    if (interrupted) lines.push(...labelled(colorsFor(process.stdout, process.env).yellow("interrupted"), leftText(missing, all)));
    process.stdout.write(`${lines.join("\n")}\n`);
  }
  if (errors.length > 0) return EXIT.bug;
  if (results.some(({ property }) => property === null)) return EXIT.violation;
  return missing > 0 ? EXIT.inconclusive : EXIT.ok;
}

function leftText(missing: number, all: boolean): string {
  return `${counted(missing, "mutant")} not run${all && missing > 0 ? "; --all --resume goes on from here" : ""}`;
}
