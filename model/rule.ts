/** What a rule is, and the few verbs with which rules move a task from step to step. */
import type { ReqId } from "../spec/requirements.ts";
import type { Errno, OkRet, Ret, Signal } from "../spec/vocabulary.ts";
import type { Activation, Of } from "./activation.ts";
import type { TaskWork, Work } from "./state.ts";

/**
 * One atomic step of an operation.
 *
 * `enabled` answers whether the task may take the step now (absent: it may); a task whose step is not enabled is blocked.
 * `choices` lists what the environment may decide in this step; the first is what happens when nothing interferes.
 * `apply` does the step and says what comes next, with `goto`, `enter`, `leave` or `reply`.
 */
export interface Rule<A extends Activation> {
  readonly spec: readonly ReqId[];
  readonly enabled?: (s: Work, t: TaskWork, a: A) => boolean;
  readonly choices?: (s: Work, t: TaskWork, a: A) => readonly string[];
  readonly apply: (s: Work, t: TaskWork, a: A, choice: string) => void;
}

/** The steps of one operation. */
export type Steps<O extends Activation["op"]> = { readonly [P in Of<O>["pc"]]: Rule<Of<O>> };

/** Continues with another step of the same activation. */
export function goto<A extends Activation>(a: A, pc: A["pc"]): void {
  a.pc = pc;
}

/** Enters an operation; the caller continues with step `resume` when it is left. */
export function enter<A extends Activation>(t: TaskWork, a: A, resume: A["pc"], callee: Activation): void {
  a.pc = resume;
  a.got = null;
  t.stack.push(callee);
}

/** Leaves the current operation with an answer for the one that entered it. */
export function leave(t: TaskWork, answer: string | number | null = null): void {
  t.stack.pop();
  const caller = t.stack.at(-1);
  if (caller) caller.got = answer;
}

/** Ends the task with an answer. */
export function reply(t: TaskWork, ret: Ret): void {
  t.stack = [];
  t.ret = ret;
}

/** Ends the task with `ok`. */
export function ok(t: TaskWork, fields: Omit<OkRet, "status"> = {}): void {
  reply(t, { status: "ok", ...fields });
}

/**
 * Notes which requirement decides a field of the answer: `status`, `errno`, `signal`, `value`, `cpages`, `faults`, `data`, `entries/0` and so on.
 * The first note of a field stands: what is found deep down says more than who passes it on.
 */
export function because(t: TaskWork, field: string, rule: ReqId): void {
  t.why[field] ??= rule;
}

/** Ends the task with an error number, by a requirement. */
export function fail(t: TaskWork, errno: Errno, rule: ReqId): void {
  because(t, "errno", rule);
  reply(t, { status: "errno", errno });
}

/** Ends the task with a signal, by a requirement. */
export function kill(t: TaskWork, signal: Signal, rule: ReqId): void {
  because(t, "signal", rule);
  reply(t, { status: "signal", signal });
}

/** Ends the task because the system has died or does not answer any more, by a requirement. */
export function die(t: TaskWork, log: string, rule: ReqId): void {
  because(t, "status", rule);
  reply(t, { status: "crash", log });
}

/** Our own bug: a state that no rule can explain. */
export class ModelBug extends Error {}

/** The value, which the caller knows to be there. */
export function known<T>(value: T | null | undefined, what: string): T {
  if (value === null || value === undefined) throw new ModelBug(`no ${what}`);
  return value;
}

/** For the branch that the types say is never taken. */
export function unreachable(value: never): never {
  throw new ModelBug(`unreachable: ${JSON.stringify(value)}`);
}
