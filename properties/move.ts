/** One action, as step properties see it: numbers only, in an object that is made once. */
import type { Action, ModelCall, Ret } from "../spec/vocabulary.ts";
import { LOCALS } from "./sweep.ts";
import type { Sweep } from "./sweep.ts";

/** Kinds of actions. */
export const MOVE = { step: 0, call: 1, pin: 2, unpin: 3, get: 4, put: 5, wrong_put: 6, reclaim: 7, move: 8 } as const;

/** What has just happened. */
export interface Move {
  /** A number of `MOVE`. */
  kind: number;
  /** The task that took a step, or that began; otherwise -1. */
  task: number;
  /** Code of the step that was taken, or -1. */
  step: number;
  /** Code of the step with which the operation around it goes on, or -1. */
  outer: number;
  /** Code of the step that the call itself was at, or -1. */
  root: number;
  /** Code of the choice. */
  choice: number;
  /** Frame of an action of the environment, or -1. */
  pfn: number;
  /** The call that began. */
  call: ModelCall | null;
  /** What the task has answered with this step, or `null`: it goes on. */
  ret: Ret | null;
  /** Locals of the innermost operation before the step (`LOCAL`). */
  readonly local: Int32Array;
}

/** A move that nothing has been written to. */
export function newMove(): Move {
  return {
    kind: MOVE.step,
    task: -1,
    step: -1,
    outer: -1,
    root: -1,
    choice: 0,
    pfn: -1,
    call: null,
    ret: null,
    local: new Int32Array(LOCALS).fill(-1),
  };
}

/** Writes down a step by its word; `was` is the state before it. */
export function noteStep(m: Move, was: Sweep, word: number, ret: Ret | null): void {
  const task = word >> 8;
  m.kind = MOVE.step;
  m.task = task;
  m.choice = word & 0xff;
  m.step = was.taskStep[task] ?? -1;
  m.outer = was.taskOuter[task] ?? -1;
  m.root = was.taskRoot[task] ?? -1;
  m.pfn = -1;
  m.call = null;
  m.ret = ret;
  for (let i = 0, from = task * LOCALS; i < LOCALS; i++, from++) m.local[i] = was.local[from] ?? -1;
}

/** Writes down an action that is no step; `now` is the state after it, in which a task that began has the lowest id that was free before. */
export function noteAction(m: Move, was: Sweep, now: Sweep, action: Exclude<Action, { type: "step" }>): void {
  m.kind = MOVE[action.type];
  m.task = -1;
  m.choice = 0;
  m.step = -1;
  m.outer = -1;
  m.root = -1;
  m.pfn = "pfn" in action ? action.pfn : -1;
  m.call = action.type === "call" ? action.call : null;
  m.ret = null;
  m.local.fill(-1);
  if (now.live > was.live)
    for (let t = now.tasks - 1; t >= 0; t--) if (now.taskStep[t] !== -1 && (was.tasks <= t || was.taskStep[t] === -1)) m.task = t;
}
