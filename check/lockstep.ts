/** Two systems driven by the same actions and compared after each: what they answer, what they show, and what can happen next. */
import type { Saved, System } from "../spec/system.ts";
import type { Action, Outcome, Ret } from "../spec/vocabulary.ts";
import { CHOICES } from "../spec/words.ts";
import { compareViews } from "./compare.ts";
import { describeStep } from "./words-text.ts";

/** The first point at which two systems differ, the left one's side first in `text`. */
export interface Difference {
  /** `enabled`: what can happen next. `outcome`: what an action did or answered. `view`: what a reader sees after it. */
  readonly kind: "enabled" | "outcome" | "view";
  readonly text: string;
}

/** Two systems as one. Whoever drives it reads the left one; once they differ it carries out nothing any more. */
export interface Lockstep extends System {
  readonly left: System;
  readonly right: System;
  /** The first difference, or `null` as long as there is none. */
  readonly difference: () => Difference | null;
}

/** Steps that a state can name: far more than a few tasks with the choices of 32 bits have. */
const STEPS_MAX = 1024;

interface SavedPair {
  readonly left: Saved;
  readonly right: Saved;
  readonly found: Difference | null;
}

/**
 * Joins two systems in the same state. They are compared at once and after each action, so the first difference is found where it arises.
 *
 * @param left whose answers and view the driver sees: by custom the model
 */
export function lockstep(left: System, right: System): Lockstep {
  const ours = new Int32Array(STEPS_MAX);
  const theirs = new Int32Array(STEPS_MAX);
  let enabled = 0;
  let found: Difference | null = null;

  const compareSteps = (): Difference | null => {
    enabled = left.steps(ours);
    const n = right.steps(theirs);
    for (let i = 0; i < enabled || i < n; i++) {
      if (i < enabled && i < n && ours[i] === theirs[i]) continue;
      return { kind: "enabled", text: `step: ${stepAt(left, ours, i, enabled)} != ${stepAt(right, theirs, i, n)}` };
    }
    return null;
  };
  const compareStates = (): Difference | null => {
    const text = compareViews(left.view, right.view);
    return text === null ? compareSteps() : { kind: "view", text };
  };
  const compareRefusals = (action: Action): Difference | null => {
    const a = left.refusal(action);
    const b = right.refusal(action);
    return (a === null) === (b === null) ? null : { kind: "enabled", text: `refusal: ${a ?? "none"} != ${b ?? "none"}` };
  };
  const stopped = (): Outcome => ({ kind: "disabled", why: `the systems differ: ${found?.text ?? ""}` });

  found = compareStates();
  return {
    left,
    right,
    setup: left.setup,
    view: left.view,
    difference: () => found,
    steps(into) {
      if (found !== null) return 0;
      for (let i = 0; i < enabled; i++) into[i] = ours[i] ?? 0;
      return enabled;
    },
    take(word) {
      if (found !== null) throw new Error(`the systems differ: ${found.text}`);
      const a = left.take(word);
      const b = right.take(word);
      if (a !== b) found = { kind: "outcome", text: `${a === 1 ? "returned" : "running"} != ${b === 1 ? "returned" : "running"}` };
      else if (a === 1 && !sameRet(left.answer(), right.answer())) found = unlikeAnswers(left.answer(), right.answer());
      else found = compareStates();
      return a;
    },
    answer: () => left.answer(),
    refusal(action) {
      found ??= compareRefusals(action);
      return left.refusal(action);
    },
    apply(action) {
      found ??= compareRefusals(action);
      if (found !== null) return stopped();
      const a = left.apply(action);
      const b = right.apply(action);
      found = unlikeOutcomes(a, b) ?? compareStates();
      return a;
    },
    save: (): SavedPair => ({ left: left.save(), right: right.save(), found }),
    restore(saved) {
      const pair = saved as SavedPair;
      left.restore(pair.left);
      right.restore(pair.right);
      found = pair.found ?? compareStates();
    },
  };
}

function stepAt(system: System, words: Int32Array, i: number, n: number): string {
  const word = words[i];
  if (i >= n || word === undefined) return "none";
  return describeStep(system.view, word) + (CHOICES[word & 0xff] === undefined ? ` (choice ${word & 0xff})` : "");
}

function unlikeOutcomes(a: Outcome, b: Outcome): Difference | null {
  if (a.kind !== b.kind) return { kind: "outcome", text: `${a.kind} != ${b.kind}` };
  if (a.kind !== "return" || b.kind !== "return") return null;
  if (a.task !== b.task) return { kind: "outcome", text: `task ${a.task} != task ${b.task}` };
  return sameRet(a.ret, b.ret) ? null : unlikeAnswers(a.ret, b.ret);
}

function unlikeAnswers(a: Ret, b: Ret): Difference {
  return { kind: "outcome", text: `${JSON.stringify(a)} != ${JSON.stringify(b)}` };
}

/** Whether two answers say the same. How a crash is told is free. */
export function sameRet(a: Ret, b: Ret): boolean {
  if (a.status === "ok" && b.status === "ok") {
    if (a.cpages !== b.cpages || a.faults !== b.faults) return false;
    return sameByte(a.value, b.value) && sameList(a.data, b.data) && sameList(a.entries, b.entries);
  }
  if (a.status === "errno" && b.status === "errno") return a.errno === b.errno;
  if (a.status === "signal" && b.status === "signal") return a.signal === b.signal;
  return a.status === "crash" && b.status === "crash";
}

function sameList(a: readonly unknown[] | undefined, b: readonly unknown[] | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (!sameByte(a[i], b[i])) return false;
  return true;
}

/** A byte that nobody can know is `null` or -1. */
function sameByte(a: unknown, b: unknown): boolean {
  return a === b || (unknowable(a) && unknowable(b));
}

function unknowable(byte: unknown): boolean {
  return byte === null || byte === -1;
}
