/** Carries out recorded actions one by one, and tells of each what it changed. */
import type { Action, Ret, TraceEvent } from "../spec/vocabulary.ts";
import { CHOICES, STEPS } from "../spec/words.ts";
import type { Bench } from "./bench.ts";
import type { Failure } from "./failure.ts";
import { matches, showCall } from "./match.ts";
import type { ScheduleAction } from "./schedule.ts";
import { changedLines, type ViewLines, viewLines } from "./view-lines.ts";
import { describeStep } from "./words-text.ts";

/** One action that was carried out. */
export interface ReplayStep {
  /** Place in the file, from 1. */
  readonly seq: number;
  readonly action: Action;
  /** What happened, in words: `actor 0: cpu_write page=0 value=1`, `task 0 handle_mm_fault.c2`. */
  readonly text: string;
  /** The task that it began or that went on, or -1. */
  readonly task: number;
  readonly outcome: Ret | null;
  /** What it changed, one line for each thing. */
  readonly changed: readonly string[];
}

/** An action that could not be carried out. */
export interface DisabledAction {
  readonly seq: number;
  readonly action: Action;
  readonly why: string;
  /** Steps that could have been taken instead. */
  readonly enabled: readonly string[];
}

/** An answer that is not the recorded one. */
export interface OtherAnswer {
  readonly seq: number;
  readonly recorded: Ret;
  readonly answered: Ret;
}

/** How a replay ended: at its end, or at the first thing that is not as it should be. */
export interface ReplayEnd {
  readonly steps: number;
  readonly failure: Failure | null;
  readonly disabled: DisabledAction | null;
  readonly other: OtherAnswer | null;
}

/** What an action is, in words. `view` is the state before it. */
export function showAction(action: Action, view: Bench["system"]["view"]): string {
  switch (action.type) {
    case "call":
      return `actor ${action.actor}: ${showCall(action.call)}`;
    case "step": {
      const step = STEPS[view.taskStep(action.task, view.taskDepth(action.task) - 1)] ?? "no step";
      return `task ${action.task} ${step}${action.choice === "" ? "" : ` (${action.choice})`}`;
    }
    default:
      return `${action.type} frame ${action.pfn}`;
  }
}

function enabledIn({ system }: Bench): string[] {
  const words = new Int32Array(1024);
  const n = system.steps(words);
  return Array.from(words.subarray(0, n), (word) => describeStep(system.view, word));
}

/** The task that an action begins or takes further. */
function taskOf(action: Action, bench: Bench): number {
  if (action.type === "step") return action.task;
  if (action.type !== "call" && action.type !== "reclaim" && action.type !== "move") return -1;
  let task = 0;
  while (bench.system.view.taskLive(task) === 1) task++;
  return task;
}

/** Carries out one action after the other. */
class Replay {
  steps = 0;
  private readonly bench: Bench;
  private readonly onStep: (step: ReplayStep) => void;
  private before: ViewLines;

  constructor(bench: Bench, onStep: (step: ReplayStep) => void) {
    this.bench = bench;
    this.onStep = onStep;
    this.before = viewLines(bench.system.view);
  }

  /** Carries out one action; answers how the replay ends if it ends with it. */
  act(seq: number, action: Action): ReplayEnd | null {
    const { bench } = this;
    const { system } = bench;
    const why = system.refusal(action);
    const differs = bench.differs();
    if (differs === null && why !== null) return this.end({ disabled: { seq, action, why, enabled: enabledIn(bench) } });
    const text = showAction(action, system.view);
    const task = taskOf(action, bench);
    const failure = differs ?? bench.apply(action);
    const after = viewLines(system.view);
    const outcome = bench.returned() ? system.answer() : null;
    this.onStep({ seq, action, text, task, outcome, changed: changedLines(this.before, after) });
    this.steps++;
    this.before = after;
    if (failure === null) return null;
    return this.end({ failure: failure.kind === "crash" ? null : failure });
  }

  end(how: Partial<ReplayEnd>): ReplayEnd {
    return { steps: this.steps, failure: null, disabled: null, other: null, ...how };
  }
}

/**
 * Replays the actions of a schedule up to the first failure, or the first one that makes no sense.
 *
 * @param property the property that the schedule names: a run that does not end shows only by this name
 */
export function replaySchedule(
  bench: Bench,
  actions: Iterable<ScheduleAction>,
  onStep: (step: ReplayStep) => void,
  property = "",
): ReplayEnd {
  const run = new Replay(bench, onStep);
  for (const { seq, action } of actions) {
    const end = run.act(seq, action);
    if (end !== null) return end;
  }
  const stuck = bench.atEnd();
  return run.end({ failure: stuck !== null && (stuck.id === "deadlock" || stuck.id === property) ? stuck : null });
}

/** Steps that one call of a trace may take for each page. */
const STEPS_PER_PAGE = 10_000;

/** Replays the calls of a trace one after the other, each alone and with nothing that interferes, up to the first answer that is another one. */
export function replayTrace(bench: Bench, events: Iterable<TraceEvent>, onStep: (step: ReplayStep) => void): ReplayEnd {
  const run = new Replay(bench, onStep);
  const { system } = bench;
  const words = new Int32Array(1024);
  const most = STEPS_PER_PAGE * (system.view.pages + 1);
  for (const { seq, actor, call, ret } of events) {
    const begun = run.act(seq, { type: "call", actor, call });
    if (begun !== null) return begun;
    for (let n = 0; n < most && !bench.returned(); n++) {
      const enabled = system.steps(words);
      const word = words[0] ?? 0;
      if (enabled === 0) return run.end({ failure: bench.atEnd() });
      const end = run.act(seq, { type: "step", task: word >> 8, choice: CHOICES[word & 0xff] ?? "" });
      if (end !== null && (end.failure !== null || end.disabled !== null)) return end;
    }
    const answered = system.answer();
    if (ret !== undefined && !matches(answered, ret)) return run.end({ other: { seq, recorded: ret, answered } });
    if (answered.status === "crash") return run.end({});
  }
  return run.end({});
}
