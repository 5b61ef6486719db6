import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import type { CAC } from "cac";
import { EXIT, type ExitCode } from "../../exit-codes.ts";
import { MUTANTS } from "../../mutants/catalogue.ts";
import type { Mutant } from "../../mutants/mutant.ts";
const MUTANTS_FOLDER = ".mutants";
import { counted } from "../layout.ts";
import { type MutantResult, sidesChanged } from "../mutant-run.ts";
import { listing, MATRIX_HEAD, matrixRow, summary } from "../mutants-report.ts";
import { runMutants } from "../mutants-run.ts";
import type { MutantJob } from "../mutants-worker.ts";
import { budgetOf, isComplaint, mutantOf, wholeOf } from "../options.ts";
import { badUsage } from "../shell.ts";
import { statusLine } from "../status-line.ts";

interface Options {
  readonly id?: unknown;
  readonly all?: boolean;
  readonly budget?: unknown;
  readonly seed?: unknown;
  readonly threads?: unknown;
  readonly resume?: boolean;
  readonly out?: unknown;
  readonly json?: boolean;
}

const MINIMISE_MS = 10_000;
const RESULTS = join(MUTANTS_FOLDER, "results.jsonl");

/** Adds `hmmspec mutants`. */
export function register(cli: CAC): void {
  cli
    .command("mutants", "List the catalogue of historical bugs, or run them: each must be killed")
    .option("--id <list>", "Run these mutants")
    .option("--all", "Run all of them")
    .option("--budget <time>", "Time for each mutant", { default: "60s" })
    .option("--seed <n>", "Seed of the runs", { default: 1 })
    .option("--threads <n>", "Threads (default: one for each core)")
    .option("--resume", "Leave out what an interrupted --all has finished with the same seed")
    .option("--out <dir>", "Folder for the minimal run of each mutant")
    .option("--json", "The results as one JSON object")
    .example("  hmmspec mutants --id B10")
    .action((options: Options) => act(options));
}

interface Request {
  readonly mutants: readonly Mutant[];
  readonly budget_ms: number;
  readonly seed: number;
  readonly threads: number;
  readonly out: string | null;
}

async function act(options: Options): Promise<ExitCode> {
  if (options.all !== true && options.id === undefined) {
    process.stdout.write(`${listing(MUTANTS).join("\n")}\n`);
    return EXIT.ok;
  }
  const request = requestOf(options);
  if ("complaint" in request) return badUsage(`mutants: ${request.complaint}`);
  return run(request, options);
}

function requestOf(options: Options): Request | { readonly complaint: string } {
  const ids = options.id === undefined ? [] : String(options.id).split(",");
  const named: Mutant[] = [];
  for (const id of ids) {
    const mutant = mutantOf(id);
    if (isComplaint(mutant)) return { complaint: mutant.complaint.replace("--mutant", "--id") };
    if (mutant === null) return { complaint: "--id none, expected the id of a mutant" };
    named.push(mutant);
  }
  const mutants = options.all === true ? MUTANTS : named;
  const budget_ms = budgetOf(options.budget);
  if (isComplaint(budget_ms)) return budget_ms;
  const seed = wholeOf("--seed", options.seed, 0, 2 ** 32 - 1);
  if (isComplaint(seed)) return seed;
  const threads = options.threads === undefined ? availableParallelism() : wholeOf("--threads", options.threads, 1, 64);
  if (isComplaint(threads)) return threads;
  const out = options.out === undefined ? null : String(options.out);
  for (const folder of [MUTANTS_FOLDER, ...(out === null ? [] : [out])]) {
    try {
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, ".probe"), "");
      rmSync(join(folder, ".probe"));
    } catch (error) {
      return { complaint: `${folder}: ${(error as NodeJS.ErrnoException).code ?? String(error)}, expected a folder that can be written` };
    }
  }
  return { mutants, budget_ms, seed, threads, out };
}

/** Results of an earlier run with the same seed. A line that was cut off by the end of that run counts for nothing. */
function finished(seed: number): MutantResult[] {
  try {
    return readFileSync(RESULTS, "utf8")
      .split("\n")
      .flatMap((line) => {
        try {
          const read = JSON.parse(line) as { seed: number; result: MutantResult };
          return read.seed === seed ? [read.result] : [];
        } catch {
          return [];
        }
      });
  } catch {
    return [];
  }
}

async function run({ mutants, budget_ms, seed, threads, out }: Request, options: Options): Promise<ExitCode> {
  const earlier = options.resume === true ? finished(seed) : [];
  if (options.resume !== true) writeFileSync(RESULTS, "");
  const jobs = mutants.flatMap((mutant) =>
    sidesChanged(mutant).map((side): MutantJob => ({ id: mutant.id, side, seed, budget_ms, minimise_ms: MINIMISE_MS })),
  );
  const results = earlier.filter(({ id, side }) => jobs.some((job) => job.id === id && job.side === side));
  const open = jobs.filter(({ id, side }) => !results.some((result) => result.id === id && result.side === side));
  const text = options.json !== true;
  const line = statusLine(process.stderr);
  const begun_ms = performance.now();
  const errors: string[] = [];
  let interrupted = false;
  const interrupt = (): void => {
    interrupted = true;
  };
  process.once("SIGINT", interrupt);
  const progress = (): string =>
    `${results.length} of ${jobs.length} mutants, ${((performance.now() - begun_ms) / 1000).toFixed(0)} s, ${counted(results.filter(({ property }) => property === null).length, "survivor")}`;
  if (text) process.stdout.write(`${MATRIX_HEAD}\n${results.map((result) => `${matrixRow(result)}\n`).join("")}`);
  await runMutants(open, threads, {
    done(result) {
      results.push(result);
      appendFileSync(RESULTS, `${JSON.stringify({ seed, result })}\n`);
      line.clear();
      if (text) process.stdout.write(`${matrixRow(result)}\n`);
      if (out !== null && result.schedule !== null) keep(out, result);
      line.show(progress);
    },
    failed({ id, error }) {
      errors.push(`${id}: ${error}`);
      line.clear();
      process.stderr.write(`mutants: ${id} could not be run: ${error}\n`);
    },
    interrupted: () => interrupted,
  });
  line.clear();
  process.off("SIGINT", interrupt);
  const seconds = (performance.now() - begun_ms) / 1000;
  if (!text)
    process.stdout.write(
      `${JSON.stringify({ seed, seconds, interrupted, errors, results: results.map(({ schedule: _, ...rest }) => rest) })}\n`,
    );
  else process.stdout.write(`${summary(results, seconds).join("\n")}\n`);
  if (errors.length > 0) return EXIT.bug;
  if (results.some(({ property }) => property === null)) return EXIT.violation;
  if (interrupted && text) process.stdout.write(`interrupted: ${jobs.length - results.length} not run, go on with --resume\n`);
  return results.length < jobs.length ? EXIT.inconclusive : EXIT.ok;
}

/** Writes the minimal run of a mutant. */
function keep(folder: string, { id, side, schedule }: MutantResult): void {
  const file = join(folder, `${side === "impl" ? `${id}-impl` : id}.jsonl`);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, schedule ?? "");
}
