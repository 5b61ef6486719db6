import type { CAC } from "cac";
import { CORES, DRIVERS } from "../../../spec/vocabulary.ts";
import { DISTURBANCES, type Disturbance, environment } from "../../environment.ts";
import type { ExitCode } from "../../exit-codes.ts";
import type { JudgeOptions } from "../../oracle.ts";
import { judgeFiles } from "../judge-files.ts";
import type { Output } from "../tally.ts";
import { badUsage } from "../shell.ts";

interface Options {
  readonly profile?: unknown;
  readonly driver?: unknown;
  readonly environment?: unknown;
  readonly candidatesMax?: unknown;
  readonly maxLineBytes?: unknown;
  readonly json?: boolean;
  readonly jsonl?: boolean;
  readonly quiet?: boolean;
  readonly sensitivity?: boolean;
}

/** Bounds that a user may ask for. */
const CANDIDATES_MAX = 100_000;
const LINE_BYTES_MAX = 1024 * 1024 * 1024;

/** Adds `hmmspec judge`. */
export function register(cli: CAC): void {
  cli
    .command("judge [...files]", "Say whether the behaviour in recorded traces is allowed (- for the standard input)")
    .option("--profile <core>", `Rules to judge by instead of those of the header: ${CORES.join(", ")}`)
    .option("--driver <driver>", `Driver to judge by instead of that of the header: ${DRIVERS.join(", ")}`)
    .option("--environment <list>", `What else may have happened during a call: ${DISTURBANCES.join(", ")} (default: nothing)`)
    .option("--candidates-max <n>", "States that may explain what was seen, at most", { default: 256 })
    .option("--max-line-bytes <n>", "Longest line that is read", { default: 16 * 1024 * 1024 })
    .option("--sensitivity", "Change each observation of the accepted traces in turn, and count the changes that are rejected")
    .option("--json", "One JSON object for all")
    .option("--jsonl", "One JSON object a trace")
    .option("--quiet", "Only the exit code (and complaints about bad input)")
    .example("  hmmspec judge test/golden/kernel/basic-6.1.jsonl")
    .example("  hmmspec judge --driver dmirror --jsonl - < trace.jsonl")
    .action((files: readonly string[], options: Options) => act(files, options));
}

function oneOf<T extends string>(value: unknown, allowed: readonly T[]): T | undefined {
  return allowed.find((known) => known === value);
}

/** A whole number of an option, or `null`. */
function whole(value: unknown, least: number, most: number): number | null {
  const n = typeof value === "number" ? value : Number.NaN;
  return Number.isInteger(n) && least <= n && n <= most ? n : null;
}

function disturbances(value: unknown): Disturbance[] | null {
  if (value === undefined) return [];
  const names = `${value as string | number}`.split(",");
  const known = names.map((name) => oneOf(name, DISTURBANCES));
  return known.every((name) => name !== undefined) ? known.filter((name) => name !== undefined) : null;
}

function outputOf(options: Options): Output | null {
  const asked = (["json", "jsonl", "quiet"] as const).filter((name) => options[name] === true);
  return asked.length > 1 ? null : (asked[0] ?? "text");
}

async function act(files: readonly string[], options: Options): Promise<ExitCode> {
  if (files.length === 0) return badUsage("judge: no file given, expected trace files, or - for the standard input");
  const core = oneOf(options.profile, CORES);
  if (options.profile !== undefined && core === undefined) return unknownValue("--profile", options.profile, CORES);
  const driver = oneOf(options.driver, DRIVERS);
  if (options.driver !== undefined && driver === undefined) return unknownValue("--driver", options.driver, DRIVERS);
  const allowed = disturbances(options.environment);
  if (allowed === null) return unknownValue("--environment", options.environment, DISTURBANCES);
  const candidates_max = whole(options.candidatesMax, 1, CANDIDATES_MAX);
  if (candidates_max === null) return badUsage(`judge: --candidates-max ${String(options.candidatesMax)}, expected 1..${CANDIDATES_MAX}`);
  const max_line_bytes = whole(options.maxLineBytes, 1, LINE_BYTES_MAX);
  if (max_line_bytes === null) return badUsage(`judge: --max-line-bytes ${String(options.maxLineBytes)}, expected 1..${LINE_BYTES_MAX}`);
  const output = outputOf(options);
  if (output === null) return badUsage("judge: more than one of --json, --jsonl and --quiet");
  const rules: JudgeOptions = {
    core,
    driver,
    candidates_max,
    environment: environment(allowed),
  };
  return judgeFiles(files, { rules, output, max_line_bytes, sensitivity: options.sensitivity === true });
}

function unknownValue(option: string, value: unknown, allowed: readonly string[]): ExitCode {
  return badUsage(`judge: ${option} ${String(value)}, expected ${allowed.join(", ")}`);
}
