/** Carries out one test case under the checks. */
import type { Property } from "../properties/property.ts";
import type { TestCase } from "../properties/test-case.ts";
import { Watch } from "../properties/watch.ts";
import type { Finding } from "../properties/watch.ts";
import type { System } from "../spec/system.ts";
import type { Action } from "../spec/vocabulary.ts";
import type { Coverage } from "./coverage.ts";
import { type Failure, failureOfCrash, failureOfDifference, failureOfException, failureOfTasks, failureOfWatch } from "./failure.ts";
import { setupOf } from "./setup.ts";
import type { SubjectFactory } from "./subject.ts";
import { walk, type WalkEnd } from "./walk.ts";

/** `sometimes` properties that no run has met yet, by id. */
export type Unmet = Map<string, Property>;

/** What a run came to. */
export interface CaseResult {
  readonly end: WalkEnd | "thrown";
  readonly failure: Failure | null;
  readonly findings: readonly Finding[];
  /** Ids of the `sometimes` properties that were met. */
  readonly met: readonly string[];
  readonly actions: number;
  readonly answers: number;
}

/** What a run may be told beside its test case. */
export interface CaseOptions {
  /** Takes every action by name. */
  readonly record?: Action[];
  /** The known defect that ends the run. */
  readonly finding?: string | null;
}

/** Runs a test case up to its first failure. */
export function runCase(
  make: SubjectFactory,
  testCase: TestCase,
  properties: readonly Property[],
  seen: Coverage | null,
  { record, finding = null }: CaseOptions = {},
): CaseResult {
  const { system, difference } = make(setupOf(testCase));
  const { view } = system;
  const watch = new Watch(system, properties);
  let failure: Failure | null = null;
  const differs = (): Failure | null => {
    const found = difference();
    return found === null ? null : failureOfDifference(found);
  };
  let actions = 0;
  let answers = 0;
  const before = (word: number, action: Action | null): void => {
    actions++;
    if (seen === null) return;
    if (action !== null) seen.begin(action, begins(action) ? nextTask(view) : -1, view);
    else seen.step(view.taskStep(word >> 8, view.taskDepth(word >> 8) - 1));
  };
  const after = (word: number, action: Action | null, returned: number): void => {
    failure = differs();
    if (failure !== null) return;
    watch.after(word, action, returned);
    failure = failureOfWatch(watch, finding);
    if (returned < 0) return;
    answers++;
    seen?.answer(returned, system.answer());
  };
  let end: CaseResult["end"];
  try {
    // Asking what is enabled may show a difference, too.
    const stopped = (): boolean => (failure ??= differs()) !== null;
    const driven = record === undefined ? system : noting(system, differs, record);
    ({ end } = walk(driven, testCase, { before, after, stopped }, record === undefined ? {} : { record }));
  } catch (error) {
    end = "thrown";
    failure = failureOfException(error);
  }
  failure ??= failureAtEnd(end, system);
  return { end, failure, findings: watch.findings, met: watch.met, actions, answers };
}

/** Also writes down the action about which the two sides do not agree whether it is enabled. */
function noting(system: System, differs: () => Failure | null, record: Action[]): System {
  return {
    ...forwarded(system),
    refusal(action) {
      const agreed = differs() === null;
      const why = system.refusal(action);
      if (agreed && differs() !== null) record.push(action);
      return why;
    },
  };
}

/** The same system as an object of functions: it may be an instance of a class. */
function forwarded(system: System): System {
  return {
    setup: system.setup,
    view: system.view,
    steps: (into) => system.steps(into),
    take: (word) => system.take(word),
    answer: () => system.answer(),
    refusal: (action) => system.refusal(action),
    apply: (action) => system.apply(action),
    save: () => system.save(),
    restore: (saved) => system.restore(saved),
  };
}

function failureAtEnd(end: CaseResult["end"], system: System): Failure | null {
  if (end === "crash") return failureOfCrash(system.answer());
  return end === "deadlock" || end === "endless" ? failureOfTasks(system) : null;
}

const begins = (action: Action): boolean => action.type === "call" || action.type === "reclaim" || action.type === "move";

function nextTask(view: { taskLive(task: number): number }): number {
  let task = 0;
  while (view.taskLive(task) === 1) task++;
  return task;
}
