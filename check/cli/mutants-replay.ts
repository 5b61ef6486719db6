/** Carries out `hmmspec mutants --replay`: the minimal runs of a folder, each on its mutant and on the correct system. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { PROPERTIES } from "../../properties/registry.ts";
import { type Bench, benchOf } from "../bench.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { Failure } from "../failure.ts";
import { formatInputError } from "../input-error.ts";
import { killerOf, runFile } from "../mutants/side.ts";
import type { ScheduleAction, ScheduleHeader } from "../schedule.ts";
import { setupOf } from "../setup.ts";
import { subjectFactory } from "../subject.ts";
import { colorsFor } from "./colors.ts";
import { counted, labelled } from "./layout.ts";
import { subjectWith } from "./mutant-run.ts";
import { MATRIX_HEAD, matrixRow } from "./mutants-report.ts";
import type { Chosen } from "./mutants-session.ts";
import { readReplayInput } from "./replay-input.ts";

/** What became of the minimal run of a mutant. */
interface Replayed {
  readonly id: string;
  readonly side: string;
  /** What the run broke on the mutant. */
  readonly property: string | null;
  readonly operations: number;
  readonly steps: number;
  /** Why the run is not as it must be, or `null`. */
  readonly problem: string | null;
}

/** How far a run goes on a system: to its end, to its first failure, or to an action that makes no sense there. */
interface Followed {
  readonly failure: Failure | null;
  readonly refused: number | null;
}

const CHECKED = PROPERTIES.filter(({ kind }) => kind !== "sometimes");

/** Replays the minimal runs of the mutants that were chosen. */
export async function replayMutants(folder: string, chosen: readonly Chosen[], json: boolean): Promise<ExitCode> {
  const results: Replayed[] = [];
  if (!json) process.stdout.write(`${MATRIX_HEAD}\n`);
  for (const one of chosen) {
    const replayed = await replayOne(folder, one);
    results.push(replayed);
    if (!json) process.stdout.write(`${lineOf(replayed, one)}\n`);
  }
  const failed = results.filter(({ problem }) => problem !== null);
  if (json) process.stdout.write(`${JSON.stringify({ folder, results })}\n`);
  else {
    const colors = colorsFor(process.stdout, process.env);
    const word = failed.length === 0 ? colors.green("killed") : colors.red("killed");
    process.stdout.write(
      `\n${labelled(word, `${results.length - failed.length} of ${counted(results.length, "minimal run")} of ${folder}`).join("\n")}\n`,
    );
  }
  return failed.length === 0 ? EXIT.ok : EXIT.violation;
}

function lineOf({ id, property, operations, steps, problem }: Replayed, { side }: Chosen): string {
  if (problem !== null) return colorsFor(process.stdout, process.env).red(`${id} (${side}): ${problem}`);
  return matrixRow({ id, side, property, operations, steps, runs: 1, kill_ms: 0, minimise_ms: 0, schedule: null });
}

async function replayOne(folder: string, { mutant, side }: Chosen): Promise<Replayed> {
  const file = join(folder, runFile(mutant, side));
  const nothing = { id: mutant.id, side, property: null, operations: 0, steps: 0 };
  const unreadable = refusedFile(file);
  if (unreadable !== null) return { ...nothing, problem: `${file}: ${unreadable}` };
  const read = await readReplayInput(file);
  if ("kind" in read) return { ...nothing, problem: formatInputError(file, read) };
  const [input] = read;
  if (input?.kind !== "schedule" || read.length > 1) return { ...nothing, problem: `${file}: expected one schedule` };
  const { header, actions } = input;
  const setup = setupFor(header);
  const make = await subjectWith(mutant, side);
  const killer = killerOf(mutant, side);
  const own = CHECKED.filter(({ id }) => id === killer);
  const broken = follow(benchOf(make(setup), own), actions);
  const correct = follow(benchOf(subjectFactory("lockstep")(setup), CHECKED), actions);
  const steps = actions.filter(({ action }) => action.type === "step").length;
  const counts = { operations: actions.length - steps, steps };
  return { ...nothing, ...counts, property: broken.failure?.id ?? null, problem: problemOf(header, broken, correct) };
}

function refusedFile(file: string): string | null {
  try {
    readFileSync(file);
    return null;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

function setupFor({ profile, driver, switches = {}, config, bounds }: ScheduleHeader): ReturnType<typeof setupOf> {
  return setupOf({ core: profile, driver, switches, config, bounds });
}

function follow(bench: Bench, actions: readonly ScheduleAction[]): Followed {
  const { system } = bench;
  for (const { seq, action } of actions) {
    const refused = system.refusal(action) !== null;
    const differs = bench.differs();
    if (differs !== null) return { failure: differs, refused: null };
    if (refused) return { failure: null, refused: seq };
    const failure = bench.apply(action);
    if (failure !== null) return { failure, refused: null };
  }
  return { failure: bench.atEnd(), refused: null };
}

function problemOf({ property }: ScheduleHeader, broken: Followed, correct: Followed): string | null {
  if (broken.refused !== null) return `action ${broken.refused} makes no sense on the mutant`;
  const found = broken.failure?.id ?? "nothing";
  if (found !== property) return `breaks ${found} on the mutant, expected ${property ?? "a property that the file names"}`;
  if (correct.failure === null || correct.failure.kind === "crash") return null;
  // A run that stops in the middle leaves tasks behind, which can go on.
  if (correct.failure.id === "endless") return null;
  return `breaks ${correct.failure.id} on the correct system: ${correct.failure.text}`;
}
