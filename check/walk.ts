/** A random run: turns the choices of a test case into actions of a system, and brings what they have begun to its end. */
import type { TestCase } from "../properties/test-case.ts";
import type { System } from "../spec/system.ts";
import { TAKEN } from "../spec/system.ts";
import type { Action } from "../spec/vocabulary.ts";
import { CHOICES } from "../spec/words.ts";
import { Client, DECIDED } from "./client.ts";
import { randomStream } from "./random.ts";

/** Who looks on while a system runs. A step is told by its word, any other action by itself (`word` is -1 then). */
export interface Observer {
  /** Before an action that can be carried out. */
  readonly before?: (word: number, action: Action | null) => void;
  /** After it. `returned` is the task that has ended by it, or -1; its answer is `System.answer()`. */
  readonly after?: (word: number, action: Action | null, returned: number) => void;
  /** Whether the run is to end here. Looked at before each action. */
  readonly stopped?: () => boolean;
}

/**
 * How a run ended. `done`: every call has been answered. `crash`: the system died. `stopped`: the observer ended it. `deadlock`: calls are in flight
 * and none can go on. `endless`: the calls did not end within the bound of `finish_max` actions. `bound`: as `done`, but early: a table of the system
 * was nearly full.
 */
export type WalkEnd = "done" | "crash" | "stopped" | "deadlock" | "endless" | "bound";

/** What a run was like. */
export interface Walked {
  readonly end: WalkEnd;
  /** Actions that were carried out. */
  readonly actions: number;
  /** Calls that were answered. */
  readonly answers: number;
}

/** What a walk may be told beside its test case. */
export interface WalkOptions {
  /** Takes every action by name, for a replay. */
  readonly record?: Action[];
  /** Actions within which the calls in flight must have ended after the last decision; unless said otherwise what a window of this size may need. */
  readonly finish_max?: number;
}

const FINISH_MAX = 20_000;
/** Pages that the bound is for; more pages may take as many times more actions. */
const FINISH_PAGES = 8;

/** Whether a run with this end was a run of the whole test case. */
export function completed(end: WalkEnd): boolean {
  return end === "done" || end === "crash" || end === "bound";
}

/** Runs a test case. The same test case gives the same run on every system that behaves the same. */
export function walk(
  system: System,
  testCase: Pick<TestCase, "mask" | "limits" | "style" | "config" | "choices">,
  observer: Observer = {},
  options: WalkOptions = {},
): Walked {
  const client = new Client(system, testCase);
  const decide = decisions(testCase.choices);
  const finish_max = options.finish_max ?? FINISH_MAX * Math.ceil(testCase.config.pages / FINISH_PAGES);
  let actions = 0;
  let answers = 0;
  let finishing = 0;
  let full = false;
  const ended = (end: WalkEnd): Walked => ({ end, actions, answers });

  for (;;) {
    if (observer.stopped?.() === true) return ended("stopped");
    const decision = full || finishing > 0 ? -1 : decide();
    if (decision < 0 && finishing++ >= finish_max) return ended("endless");
    const word = decision < 0 ? client.finish() : client.next(decision);
    if (word === DECIDED.skip) continue;
    if (word === DECIDED.quiet) return ended(full ? "bound" : "done");
    if (word === DECIDED.deadlock) return ended(observer.stopped?.() === true ? "stopped" : "deadlock");
    if (word === DECIDED.bound) {
      full = true;
      continue;
    }
    const action = word >= 0 ? null : client.action;
    options.record?.push(action ?? { type: "step", task: word >> 8, choice: CHOICES[word & 0xff] ?? "" });
    observer.before?.(word, action);
    const returned = action === null ? takeStep(system, client, word) : begin(system, client, action);
    observer.after?.(word, action, returned);
    actions++;
    if (returned < 0) continue;
    answers++;
    if (system.answer().status === "crash") return ended("crash");
  }
}

function takeStep(system: System, client: Client, word: number): number {
  const returned = system.take(word) === TAKEN.returned;
  client.took(word, returned);
  return returned ? word >> 8 : -1;
}

function begin(system: System, client: Client, action: Action): number {
  if (system.apply(action).kind !== "disabled") client.began(action);
  return -1;
}

function decisions(choices: TestCase["choices"]): () => number {
  let n = 0;
  if ("seed" in choices) {
    const { length } = choices;
    const { next } = randomStream(choices.seed);
    return () => (n++ < length ? next() : -1);
  }
  return () => (n < choices.length ? (choices[n++] ?? 0) >>> 0 : -1);
}
