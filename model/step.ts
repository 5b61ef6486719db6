/** The public transition of the model: one action, one new state. */
import { produce } from "immer";
import { actorId, pfn as toPfn, taskId } from "../spec/vocabulary.ts";
import type { Action, Outcome, TaskId } from "../spec/vocabulary.ts";
import { activate } from "./calls.ts";
import { drop, hold, toPageAllocator } from "./frames.ts";
import { ruleOf, RULES } from "./rules/index.ts";
import type { RuleTable } from "./rules/index.ts";
import { movePage } from "./rules/migrate.ts";
import { reclaimPage } from "./rules/reclaim.ts";
import type { Holder, State, TaskWork, Work } from "./state.ts";
import type { Activation } from "./activation.ts";

/** What a step leads to. */
export interface Stepped {
  readonly state: State;
  readonly outcome: Outcome;
}

/** Carries out one action. A disabled one leaves the state as it is and says why. */
export function step(state: State, action: Action): Stepped {
  const why = disabledIn(state as Work, action, RULES);
  if (why !== null) return { state, outcome: { kind: "disabled", why } };
  let outcome: Outcome = { kind: "running" };
  const next = produce(state, (draft) => {
    outcome = transition(draft, action, RULES);
  });
  return { state: next, outcome };
}

/** Every step that some task can take now, with every choice of the environment, in a fixed order. */
export function enabledSteps(state: State): Action[] {
  return enabledIn(state as Work, RULES);
}

/** The same by a table of rules. */
export function enabledIn(s: Work, rules: RuleTable): Action[] {
  const actions: Action[] = [];
  for (const task of s.tasks) {
    const a = task.stack.at(-1);
    if (!a) continue;
    const rule = ruleOf(a, rules);
    if (rule.enabled && !rule.enabled(s, task, a)) continue;
    for (const choice of rule.choices?.(s, task, a) ?? [""]) actions.push({ type: "step", task: task.id, choice });
  }
  return actions;
}

/** The step that each task takes next, for people: operation and step name. */
export function pending(state: State): { readonly task: TaskId; readonly op: Activation["op"]; readonly pc: string }[] {
  return state.tasks.flatMap((task) => {
    const a = task.stack.at(-1);
    return a ? [{ task: task.id, op: a.op, pc: a.pc }] : [];
  });
}

/** Why an action makes no sense in a state, or `null`. */
export function disabledIn(s: Work, action: Action, rules: RuleTable): string | null {
  switch (action.type) {
    case "call": {
      const actor = s.actors[action.actor];
      if (!actor?.alive || ending(s, action.actor)) return `actor ${action.actor} does not live`;
      const { call } = action;
      if (call.op === "exit" && (call.child === action.actor || !s.actors[call.child]?.alive || ending(s, call.child)))
        return `actor ${call.child} cannot be ended`;
      if (call.op === "exit" && s.tasks.some((t) => t.actor === call.child)) return `actor ${call.child} is in a call`;
      if (call.op === "fork" && (s.actors[call.child] || beginning(s, call.child))) return `actor ${call.child} exists already`;
      return null;
    }
    case "step": {
      const task = s.tasks.find((t) => t.id === action.task);
      const a = task?.stack.at(-1);
      if (!task || !a) return `no task ${action.task}`;
      const rule = ruleOf(a, rules);
      if (rule.enabled && !rule.enabled(s, task, a)) return `task ${action.task} waits in ${a.op}.${a.pc}`;
      const choices = rule.choices?.(s, task, a) ?? [""];
      return choices.includes(action.choice) ? null : `${a.op}.${a.pc} has no choice "${action.choice}", only ${choices.join(", ")}`;
    }
    case "pin":
    case "get":
    case "reclaim":
    case "move": {
      const frame = s.frames[action.pfn];
      if (!frame || frame.free) return `no page in frame ${action.pfn}`;
      // A device-private frame is never handed out by get_user_pages, so nobody can pin it.
      if (action.type === "pin" && frame.kind === "private") return `frame ${action.pfn} cannot be pinned`;
      return (action.type === "reclaim" || action.type === "move") && (!frame.lru || frame.locked !== null || frame.head !== null)
        ? `frame ${action.pfn} cannot be ${action.type === "move" ? "moved" : "reclaimed"}`
        : null;
    }
    case "wrong_put": {
      const frame = s.frames[action.pfn];
      const counted = frame?.free === true && frame.dev !== null && s.profile.refBase > 0;
      return counted ? null : `frame ${action.pfn} is no free device frame with a count`;
    }
    case "unpin":
    case "put":
      return s.frames[action.pfn]?.holders.some((h) => h.kind === held(action.type).kind) ? null : `nobody holds frame ${action.pfn}`;
  }
}

/** Whether the end of an actor has begun. */
function ending(s: Work, actor: number): boolean {
  return s.tasks.some((t) => t.stack.some((a) => a.op === "exit" && a.child === actor));
}

function beginning(s: Work, actor: number): boolean {
  return s.tasks.some((t) => t.stack.some((a) => a.op === "fork" && a.child === actor));
}

function held(type: "pin" | "unpin" | "get" | "put"): Holder {
  return type === "pin" || type === "unpin" ? { kind: "pin" } : { kind: "brief" };
}

/** Changes a state by an action that is enabled in it. */
export function transition(s: Work, action: Action, rules: RuleTable): Outcome {
  switch (action.type) {
    case "call":
      begin(s, action.actor, activate(s, actorId(action.actor), action.call));
      return { kind: "running" };
    case "reclaim":
      begin(s, 0, reclaimPage(toPfn(action.pfn)));
      return { kind: "running" };
    case "move":
      begin(s, 0, movePage(toPfn(action.pfn)));
      return { kind: "running" };
    case "wrong_put":
      toPageAllocator(s, toPfn(action.pfn));
      return { kind: "running" };
    case "pin":
    case "get":
      hold(s, toPfn(action.pfn), held(action.type));
      return { kind: "running" };
    case "unpin":
    case "put":
      drop(s, toPfn(action.pfn), held(action.type));
      return { kind: "running" };
    case "step":
      return advance(s, action.task, action.choice, rules);
  }
}

function begin(s: Work, actor: number, first: Activation): void {
  let id = 0;
  while (s.tasks.some((t) => t.id === id)) id++;
  s.tasks.push({ id: taskId(id), actor: actorId(actor), stack: [first], ret: null, why: {} });
}

function advance(s: Work, id: number, choice: string, rules: RuleTable): Outcome {
  const task = s.tasks.find((t) => t.id === id) as TaskWork;
  const a = task.stack.at(-1) as Activation;
  ruleOf(a, rules).apply(s, task, a, choice);
  if (task.ret === null && task.stack.length > 0) return { kind: "running" };
  s.tasks = s.tasks.filter((t) => t.id !== id);
  return { kind: "return", task: id, ret: task.ret ?? { status: "ok" } };
}
