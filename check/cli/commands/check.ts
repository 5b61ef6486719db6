import type { CAC } from "cac";
import type { ExitCode } from "../../exit-codes.ts";
import { randomStream } from "../../random.ts";
import { SUBJECTS } from "../../subject.ts";
import { runCheck } from "../check-run.ts";
import { budgetOf, isComplaint, maskOf, mutantChoiceOf, profilesOf, propertiesOf, subjectOf, wholeOf } from "../options.ts";
import { badUsage } from "../shell.ts";

interface Options {
  readonly profile?: unknown;
  readonly runs?: unknown;
  readonly budget?: unknown;
  readonly seed?: unknown;
  readonly from?: unknown;
  readonly mask?: unknown;
  readonly mutant?: unknown;
  readonly system?: unknown;
  readonly property?: unknown;
  readonly out?: unknown;
  readonly json?: boolean;
}

const SEED_MAX = 2 ** 32 - 1;
const RUNS_MAX = 2 ** 21 - 1;
const SEED = 1;
const BUDGET = "10s";

/** Adds `hmmspec check`. */
export function register(cli: CAC): void {
  cli
    .command("check", "Run model and implementation under all properties, with random schedules; a failure ends as a minimal trace")
    .option("--profile <list>", "core/driver, a core, or all, separated by commas", { default: "all" })
    .option("--runs <n>", "End after so many runs")
    .option("--budget <time>", `End after this time: 60s, 5m, 500ms (default: ${BUDGET}, unless --runs is given)`)
    .option("--seed <n>", `The same seed gives the same runs; random for another one each time (default: SEED, or ${SEED})`)
    .option("--from <run>", "Begin with this run of the seed", { default: 0 })
    .option("--mask <list>", "Operations that runs draw from (default: all)")
    .option("--mutant <id>", "Run a mutant of the catalogue in its scope, which must fail; ID@impl or ID@model for one side of it")
    .option("--system <name>", `What is run: ${SUBJECTS.join(", ")}`, { default: "lockstep" })
    .option("--property <id>", "Look at one property only")
    .option("--out <dir>", "Folder for the schedules of a failure and of findings (default: the current one, a failure only)")
    .option("--json", "The report as one JSON object")
    .example("  hmmspec check --budget 60s")
    .example("  hmmspec check --profile linux-6.12/ideal --mask mmap,cpu_write,migrate_to_device --runs 1000")
    .action((options: Options) => act(options));
}

function seedOf(value: unknown): ReturnType<typeof wholeOf> {
  const { SEED: environment = "" } = process.env;
  const given = value ?? (environment === "" ? SEED : environment);
  if (given === "random") return randomStream(Date.now()).next();
  return wholeOf(
    value === undefined ? "SEED" : "--seed",
    typeof given === "string" && /^\d+$/.test(given) ? Number(given) : given,
    0,
    SEED_MAX,
  );
}

function runsOf({ runs, from }: Options): { readonly runs_max: number; readonly first: number } | { readonly complaint: string } {
  const runs_max = runs === undefined ? RUNS_MAX : wholeOf("--runs", runs, 1, RUNS_MAX);
  if (isComplaint(runs_max)) return runs_max;
  const first = wholeOf("--from", from, 0, RUNS_MAX);
  return isComplaint(first) ? first : { runs_max, first };
}

async function act(options: Options): Promise<ExitCode> {
  const subject = subjectOf(options.system);
  const parts = {
    profiles: profilesOf(options.profile),
    subject,
    properties: propertiesOf(options.property),
    mask: maskOf(options.mask),
    mutant: mutantChoiceOf(options.mutant, isComplaint(subject) ? "lockstep" : subject),
    seed: seedOf(options.seed),
    budget_ms: options.budget === undefined && options.runs !== undefined ? Infinity : budgetOf(options.budget ?? BUDGET),
    runs: runsOf(options),
  };
  const { profiles, properties, mask, mutant, seed, budget_ms, runs } = parts;
  for (const part of Object.values(parts)) if (isComplaint(part)) return badUsage(`check: ${part.complaint}`);
  if (isComplaint(profiles) || isComplaint(subject) || isComplaint(properties) || isComplaint(mask))
    throw new TypeError("an unread complaint");
  if (isComplaint(mutant) || isComplaint(seed) || isComplaint(budget_ms) || isComplaint(runs)) throw new TypeError("an unread complaint");
  const out = options.out === undefined ? null : `${options.out as string | number}`;
  if (out === "") return badUsage("check: --out without a folder");
  return runCheck({ profiles, subject, properties, mask, mutant, seed, budget_ms, ...runs, out, json: options.json === true });
}
