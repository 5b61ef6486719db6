/** Tasks: a stack of records for each call in flight, and the verbs that move a task from step to step. */
import type { Errno, OkRet, Signal } from "../spec/vocabulary.ts";
import { ImplBug } from "./arena.ts";
import type { Arena } from "./arena.ts";
import { DEPTH_MAX, NIL, R, TASK } from "./layout.ts";

/** One atomic step, on the record `r` of task `t`. */
export interface ImplStep {
  /** Whether the task may take it now; absent: it may. */
  readonly enabled?: (h: Arena, t: number, r: number) => boolean;
  /** What the environment may decide in it, as bits by the codes of `CHOICES`; absent: nothing. */
  readonly choices?: (h: Arena, t: number, r: number) => number;
  readonly apply: (h: Arena, t: number, r: number, choice: number) => void;
}

/** The steps of one operation, by name. */
export type ImplSteps = Readonly<Record<string, ImplStep>>;

/** Where the row of a task begins. */
export const taskRow = (h: Arena, t: number): number => t * h.taskWords;

/** The record of the innermost operation of a task. */
export function topRecord(h: Arena, t: number): number {
  const row = t * h.taskWords;
  return row + TASK.records + (h.task[row + TASK.depth]! - 1) * R.words;
}

/** The record of the operation that has entered the innermost one, or -1. */
export function callerRecord(h: Arena, t: number): number {
  const row = t * h.taskWords;
  const depth = h.task[row + TASK.depth]!;
  return depth < 2 ? -1 : row + TASK.records + (depth - 2) * R.words;
}

/** Continues the operation of a record with another step. */
export function goto(h: Arena, r: number, step: number): void {
  h.task[r + R.step] = step;
}

/** Enters an operation, and answers its record, blank but for the step and for `-1` in what can be none. The caller continues with `resume`. */
export function enter(h: Arena, t: number, r: number, resume: number, step: number): number {
  h.task[r + R.step] = resume;
  h.task[r + R.got] = NIL;
  return push(h, t, step);
}

/** Adds a record to the stack of a task. */
export function push(h: Arena, t: number, step: number): number {
  const row = t * h.taskWords;
  const depth = h.task[row + TASK.depth]!;
  if (depth >= DEPTH_MAX) throw new ImplBug(`task ${t} is in ${depth} operations`);
  h.task[row + TASK.depth] = depth + 1;
  const r = row + TASK.records + depth * R.words;
  h.task[r + R.step] = step;
  h.task[r + R.got] = NIL;
  h.task[r + R.file] = -1;
  h.task[r + R.dev] = -1;
  h.task[r + R.pfn] = -1;
  return r;
}

/** Leaves the innermost operation with an answer for the one that entered it. A call that is left without an answer has succeeded. */
export function leave(h: Arena, t: number, got: number = NIL): void {
  const row = t * h.taskWords;
  const depth = h.task[row + TASK.depth]! - 1;
  const r = row + TASK.records + depth * R.words;
  // A loop: `fill` costs more than so few words.
  for (let i = r; i < r + R.words; i++) h.task[i] = 0;
  h.task[row + TASK.depth] = depth;
  if (depth > 0) h.task[r - R.words + R.got] = got;
  else h.setAnswer(OK);
}

const OK: OkRet = { status: "ok" };

/** Empties the stack of a task: it has ended. */
function end(h: Arena, t: number): void {
  const row = t * h.taskWords;
  h.task.fill(0, row + TASK.records, row + TASK.records + h.task[row + TASK.depth]! * R.words);
  h.task[row + TASK.depth] = 0;
}

/** Ends the task with `ok`. */
export function ok(h: Arena, t: number, ret: OkRet = OK): void {
  end(h, t);
  h.setAnswer(ret);
}

/** Ends the task with an error number. */
export function fail(h: Arena, t: number, errno: Errno): void {
  end(h, t);
  h.setAnswer({ status: "errno", errno });
}

/** Ends the task with a signal. */
export function kill(h: Arena, t: number, signal: Signal): void {
  end(h, t);
  h.setAnswer({ status: "signal", signal });
}

/** Ends the task because the system has died, or does not answer any more. */
export function die(h: Arena, t: number, log: string): void {
  end(h, t);
  h.setAnswer({ status: "crash", log });
}

/** Appends a byte (-1: nobody can know it) to what the call of a task will answer as data. */
export function pushData(h: Arena, t: number, value: number): void {
  const row = t * h.taskWords;
  h.task[row + h.data + h.task[row + TASK.data]!++] = value + 1;
}

/** Takes the data of a task. Bytes that nobody can know are `null`, as the model has them. */
export function takeData(h: Arena, t: number): number[] {
  const row = t * h.taskWords;
  const n = h.task[row + TASK.data]!;
  const out: (number | null)[] = [];
  for (let i = row + h.data; i < row + h.data + n; i++) out.push(h.task[i] === 0 ? null : h.task[i]! - 1);
  dropData(h, t);
  return out as number[];
}

/** Forgets the data of a task. */
export function dropData(h: Arena, t: number): void {
  const row = t * h.taskWords;
  h.task.fill(0, row + h.data, row + h.data + h.task[row + TASK.data]!);
  h.task[row + TASK.data] = 0;
}
