import { mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { CAC } from "cac";
import { excerpt } from "../../excerpt.ts";
import { EXIT, type ExitCode } from "../../exit-codes.ts";
import { MUTANTS } from "../../mutants/catalogue.ts";
import { sidesChanged } from "../../mutants/side.ts";
import { replayMutants } from "../mutants-replay.ts";
import { listing } from "../mutants-report.ts";
import { RESULTS_FOLDER } from "../mutants-results.ts";
import { type Chosen, type MutantsRequest, runSession } from "../mutants-session.ts";
import { budgetOf, type Complaint, isComplaint, wholeOf } from "../options.ts";
import { badUsage } from "../shell.ts";

interface Options {
  readonly id?: unknown;
  readonly all?: boolean;
  readonly budget?: unknown;
  readonly seed?: unknown;
  readonly threads?: unknown;
  readonly resume?: boolean;
  readonly out?: unknown;
  readonly replay?: unknown;
  readonly json?: boolean;
}

const THREADS_MAX = 64;
const SEED_MAX = 2 ** 32 - 1;

/** Adds `hmmspec mutants`. */
export function register(cli: CAC): void {
  cli
    .command("mutants", "List the catalogue of historical bugs, or run them: each must be killed")
    .option("--id <list>", "Run these mutants: ids with commas between them, each on both sides or as ID@model or ID@impl")
    .option("--all", "Run all of them")
    .option("--budget <time>", "Time for each mutant", { default: "60s" })
    .option("--seed <n>", "Seed of the runs", { default: 1 })
    .option("--threads <n>", "Threads (default: one for each core)")
    .option("--resume", "With --all: leave out what an earlier --all with this seed has killed")
    .option("--out <dir>", "Folder for the minimal run of each mutant")
    .option("--replay <dir>", "Replay the minimal runs of this folder instead of looking for new ones")
    .option("--json", "The results as one JSON object")
    .example("  hmmspec mutants --id B10")
    .action((options: Options) => act(options));
}

async function act(options: Options): Promise<ExitCode> {
  const { id, all, replay } = options;
  if (all !== true && id === undefined && replay === undefined) {
    const stray = (["resume", "out"] as const).find((name) => options[name] !== undefined);
    if (stray !== undefined) return badUsage(`mutants: --${stray} without --id or --all`);
    process.stdout.write(options.json === true ? `${JSON.stringify(MUTANTS)}\n` : `${listing(MUTANTS).join("\n")}\n`);
    return EXIT.ok;
  }
  const chosen = chosenOf(options);
  if (isComplaint(chosen)) return badUsage(`mutants: ${chosen.complaint}`);
  if (replay !== undefined) {
    const folder = pathOf(replay);
    if (folder === null || !isFolder(folder))
      return badUsage(`mutants: --replay ${folder === null ? "" : excerpt(folder)}, expected a folder with minimal runs`);
    return replayMutants(folder, chosen, options.json === true);
  }
  const request = requestOf(options, chosen);
  return isComplaint(request) ? badUsage(`mutants: ${request.complaint}`) : runSession(request);
}

function chosenOf({ id, all, replay }: Options): readonly Chosen[] | Complaint {
  if (all === true && id !== undefined) return { complaint: "--id with --all, expected one of them" };
  const whole = MUTANTS.flatMap((mutant) => sidesChanged(mutant).map((side): Chosen => ({ mutant, side })));
  if (id === undefined && (all === true || replay !== undefined)) return whole;
  const named: Chosen[] = [];
  const words = (Array.isArray(id) ? id : [id]).flatMap((item) => String(item).split(","));
  for (const word of words.map((text) => text.trim())) {
    const [name, side] = word.split("@");
    const mutant = MUTANTS.find((known) => known.id === name);
    if (mutant === undefined) return { complaint: `--id ${excerpt(word)}, expected one of ${MUTANTS.map((known) => known.id).join(", ")}` };
    const wanted = sidesChanged(mutant).filter((known) => side === undefined || known === side);
    if (wanted.length === 0)
      return {
        complaint: `--id ${excerpt(word)}, expected ${[mutant.id, ...sidesChanged(mutant).map((known) => `${mutant.id}@${known}`)].join(" or ")}`,
      };
    named.push(...whole.filter((one) => one.mutant === mutant && wanted.includes(one.side) && !named.includes(one)));
  }
  return named;
}

function requestOf(options: Options, chosen: readonly Chosen[]): MutantsRequest | Complaint {
  const all = options.all === true;
  const resume = options.resume === true;
  if (resume && !all) return { complaint: "--resume without --all, which alone keeps its results" };
  const budget_ms = budgetOf(options.budget);
  if (isComplaint(budget_ms)) return budget_ms;
  const seed = wholeOf("--seed", options.seed, 0, SEED_MAX);
  if (isComplaint(seed)) return seed;
  const threads = options.threads === undefined ? availableParallelism() : wholeOf("--threads", options.threads, 1, THREADS_MAX);
  if (isComplaint(threads)) return threads;
  const out = options.out === undefined ? null : pathOf(options.out);
  if (out === null && options.out !== undefined) return { complaint: "--out more than once, expected one folder" };
  const refused = (out === null ? null : refusedFolder("--out ", out)) ?? (all ? refusedFolder("", RESULTS_FOLDER) : null);
  return refused ?? { chosen, all, resume, budget_ms, seed, threads, out, json: options.json === true };
}

/** Makes a folder and tries to write into it, before the work begins. */
function refusedFolder(option: string, folder: string): Complaint | null {
  const probe = join(folder, `.hmmspec-${process.pid}`);
  try {
    mkdirSync(folder, { recursive: true });
    writeFileSync(probe, "");
    rmSync(probe);
    return null;
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ?? String(error);
    return { complaint: `${option}${excerpt(folder)}: ${why}, expected a folder that can be written` };
  }
}

/** A path that was given once. The parser makes a number of one that looks like it. */
function pathOf(value: unknown): string | null {
  return typeof value === "string" || typeof value === "number" ? String(value) : null;
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
