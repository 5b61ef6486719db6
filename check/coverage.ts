/** What a campaign has seen: which operation came to which outcome on which kind of page, and which steps were taken. */
import { RULES } from "../model/index.ts";
import { OPERATIONS } from "../properties/test-case.ts";
import type { Operation } from "../properties/test-case.ts";
import type { ReqId } from "../spec/requirements.ts";
import type { View } from "../spec/system.ts";
import type { Action, Ret } from "../spec/vocabulary.ts";
import { ERRNOS, SIGNALS } from "../spec/vocabulary.ts";
import { PTE, STEPS } from "../spec/words.ts";

/** How a call can end. */
const OUTCOMES = ["ok", ...ERRNOS, ...SIGNALS, "crash"] as const;
/** What the first page of a call can be before it: no page is named, no mapping covers it, or the kind of its entry. */
const PAGE_KINDS = ["-", "unmapped", "none", "zero", "present", "swap", "migration", "device_private", "device_exclusive"] as const;

/** One thing that was seen. */
export interface Seen {
  readonly operation: Operation;
  readonly outcome: (typeof OUTCOMES)[number];
  readonly page: (typeof PAGE_KINDS)[number];
  readonly count: number;
}

/** Counts what happens in runs. It allocates nothing. */
export interface Coverage {
  /** Before a step that was named by its code. */
  readonly step: (code: number) => void;
  /** Before an action that is no step: notes what its task will do to which page. `task` is the one that begins, or -1. */
  readonly begin: (action: Action, task: number, view: View) => void;
  /** After a task has answered. */
  readonly answer: (task: number, ret: Ret) => void;
  /** What was seen, in the order of the operations. */
  readonly seen: () => Seen[];
  /** How many different things were seen. */
  readonly count: () => number;
  /** Codes of steps, with how often each was taken. */
  readonly steps: () => readonly number[];
}

const TASKS_MAX = 256;
const OPERATION = new Map<string, number>(OPERATIONS.map((op, code) => [op, code]));
const OUTCOME = new Map<string, number>(OUTCOMES.map((name, code) => [name, code]));
/** Actions of the surroundings by the operation of a mask that they belong to. */
const OPERATION_OF_ACTION: Readonly<Record<string, Operation>> = { unpin: "pin", put: "get" };

function pageKind(view: View, action: Action): number {
  if (action.type !== "call" || !("page" in action.call)) return 0;
  const mm = view.actorMm(action.actor);
  const { page } = action.call;
  const kind = view.pte(mm, page) & PTE.kind_mask;
  if (kind === PTE.none && view.vmaAt(mm, page) < 0) return 1;
  return 2 + Math.min(kind, PTE.device_exclusive);
}

/** Starts to count. */
export function coverage(): Coverage {
  const counts = new Float64Array(OPERATIONS.length * OUTCOMES.length * PAGE_KINDS.length);
  const steps = new Float64Array(STEPS.length);
  const begun = new Int32Array(TASKS_MAX);
  let different = 0;
  const note = (cell: number): void => {
    if (counts[cell] === 0) different++;
    counts[cell] = (counts[cell] ?? 0) + 1;
  };
  const cellOf = (operation: number, outcome: number, page: number): number =>
    (operation * OUTCOMES.length + outcome) * PAGE_KINDS.length + page;
  return {
    step(code) {
      steps[code] = (steps[code] ?? 0) + 1;
    },
    begin(action, task, view) {
      const name = action.type === "call" ? action.call.op : (OPERATION_OF_ACTION[action.type] ?? action.type);
      const cell = cellOf(OPERATION.get(name) ?? 0, 0, pageKind(view, action));
      if (task >= 0 && task < TASKS_MAX) begun[task] = cell;
      else note(cell);
    },
    answer(task, ret) {
      const name = ret.status === "errno" ? ret.errno : ret.status === "signal" ? ret.signal : ret.status;
      note((begun[task] ?? 0) + (OUTCOME.get(name) ?? 0) * PAGE_KINDS.length);
    },
    count: () => different,
    steps: () => [...steps],
    seen: () => seenIn(counts),
  };
}

function seenIn(counts: Float64Array): Seen[] {
  const seen: Seen[] = [];
  for (const [cell, count] of counts.entries()) {
    if (count === 0) continue;
    const page = PAGE_KINDS[cell % PAGE_KINDS.length];
    const outcome = OUTCOMES[Math.floor(cell / PAGE_KINDS.length) % OUTCOMES.length];
    const operation = OPERATIONS[Math.floor(cell / PAGE_KINDS.length / OUTCOMES.length)];
    if (page !== undefined && outcome !== undefined && operation !== undefined) seen.push({ operation, outcome, page, count });
  }
  return seen;
}

/** Requirements that rules carry out: those that some taken step cites, and those that only other steps cite. */
export interface Reached {
  readonly reached: readonly ReqId[];
  readonly unreached: readonly ReqId[];
}

/** The requirements that the steps of runs have reached. A requirement that no rule of the model cites is in neither list. */
export function requirementsReached(steps: readonly number[]): Reached {
  const reached = new Set<ReqId>();
  const all = new Set<ReqId>();
  for (const [code, name] of STEPS.entries()) {
    const [op = "", pc = ""] = name.split(".");
    const rules: Readonly<Record<string, Readonly<Record<string, { readonly spec: readonly ReqId[] }>>>> = RULES;
    for (const id of rules[op]?.[pc]?.spec ?? []) {
      all.add(id);
      if ((steps[code] ?? 0) > 0) reached.add(id);
    }
  }
  return { reached: [...reached].toSorted(byId), unreached: [...all].filter((id) => !reached.has(id)).toSorted(byId) };
}

/** Steps that no run has taken. */
export function stepsUntaken(steps: readonly number[]): string[] {
  return STEPS.filter((_, code) => (steps[code] ?? 0) === 0);
}

function byId(a: ReqId, b: ReqId): number {
  const [area, n] = split(a);
  const [other, m] = split(b);
  return area === other ? n - m : area < other ? -1 : 1;
}

function split(id: ReqId): [area: string, n: number] {
  const [area = "", n = ""] = id.split("-");
  return [area, Number(n)];
}
