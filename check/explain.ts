import { REQUIREMENTS, type ReqId } from "../spec/requirements.ts";
import { actorId, type Ret, type TraceEvent } from "../spec/vocabulary.ts";
import { describePages, type Environment, RULES, run, type Rule, type Activation, type State } from "../model/index.ts";

/** A requirement with its sentence. */
export interface CitedRequirement {
  readonly id: ReqId;
  readonly statement: string;
}

/** Why an observed answer is not allowed. */
export interface Explanation {
  /** Every answer that the specification allows here. */
  readonly allowed: readonly Ret[];
  /** Fields of the answer that differ from the first allowed one. */
  readonly fields: readonly string[];
  /** Requirements that decide these fields. */
  readonly requirements: readonly CitedRequirement[];
  /** The steps that changed the pages which the call names, as `operation.step`. */
  readonly steps: readonly string[];
  /** What the model says of the pages that the call names and of those that it changes, before and after. */
  readonly pages: readonly { readonly place: string; readonly before: string; readonly after: string }[];
}

/** Pages shown at most: a call over a large window would bury the reader. */
const PAGES_MAX = 64;

function specOf(a: Readonly<Activation>): readonly ReqId[] {
  const steps = RULES[a.op] as unknown as Readonly<Record<string, Rule<Activation>>>;
  return steps[a.pc]?.spec ?? [];
}

/** Names of the fields in which two answers differ: `errno`, `faults`, `entries/2`; only `status` where they are of another kind. */
export function differences(allowed: Ret, observed: Ret): string[] {
  if (allowed.status !== observed.status) return [allowed.status === "ok" || allowed.status === "crash" ? "status" : allowed.status];
  const found: string[] = [];
  const was: Readonly<Record<string, unknown>> = { ...allowed };
  const is: Readonly<Record<string, unknown>> = { ...observed };
  for (const field of new Set([...Object.keys(was), ...Object.keys(is)])) {
    const [a, b] = [was[field], is[field]];
    if (Array.isArray(a) && Array.isArray(b)) {
      for (const i of a.keys()) if (a[i] !== null && a[i] !== b[i]) found.push(`${field}/${i}`);
    } else if (a !== b && a !== null && field !== "log") found.push(field);
  }
  return found;
}

/** Runs the call again from one state that explained everything before, and notes what decided. */
export function explain(before: State, event: TraceEvent, allowed: readonly Ret[], env: Environment): Explanation {
  const { start, end } = named(event);
  const steps: string[] = [];
  let last: Readonly<Activation> | null = null;
  let step = "";
  let seen = pagesOf(before, start, end);
  const { runs } = run(before, actorId(event.actor), event.call, env, 1, (a, _choice, state) => {
    const now = pagesOf(state, start, end);
    if (now.some((entry, i) => entry !== seen[i])) steps.push(step);
    seen = now;
    last = { ...a };
    step = `${a.op}.${a.pc}`;
  });
  const [first] = runs;
  const fields = first && event.ret ? differences(first.ret, event.ret) : [];
  const ids = new Set(fields.flatMap((field) => first?.why[field] ?? first?.why[field.replace(/\/\d+$/, "")] ?? []));
  // A call without any noted reason is explained by its last step.
  if (ids.size === 0 && last !== null) for (const id of specOf(last)) ids.add(id);
  return {
    allowed,
    fields,
    requirements: [...ids].map((id) => ({ id, statement: REQUIREMENTS[id].statement })),
    steps,
    pages: pageDifferences(before, first?.state ?? before, event),
  };
}

/** The records of the named pages: entries of every address space and of every mirror. A step that changes one replaces it. */
function pagesOf(state: State, start: number, end: number): readonly unknown[] {
  const tables: (readonly unknown[])[] = [...state.mms.map((mm) => mm.ptes), ...state.files.map((file) => file.dpt)];
  return tables.flatMap((entries) => entries.slice(start, end));
}

function named(event: TraceEvent): { readonly start: number; readonly end: number } {
  const { call } = event;
  if (!("page" in call)) return { start: 0, end: 0 };
  return { start: call.page, end: call.page + ("npages" in call ? call.npages : 1) };
}

function pageDifferences(before: State, after: State, event: TraceEvent): Explanation["pages"] {
  const { start, end } = named(event);
  const first = new Map(describePages(before, 0, before.pages).map((line) => [line.place, line.text]));
  const shown: { place: string; before: string; after: string }[] = [];
  for (const { place, text } of describePages(after, 0, after.pages)) {
    const was = first.get(place) ?? "nothing";
    const page = Number(/page (\d+)/.exec(place)?.[1]);
    const mine = place.startsWith(`actor ${event.actor} `) && start <= page && page < end;
    if ((mine || was !== text) && shown.length < PAGES_MAX) shown.push({ place, before: was, after: text });
  }
  return shown;
}
