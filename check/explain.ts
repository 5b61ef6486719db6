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
  /** Requirements of the steps of the call itself: those that decide its answer. */
  readonly requirements: readonly CitedRequirement[];
  /** Requirements of the operations that the call went through. */
  readonly through: readonly ReqId[];
  /** What the model says of the pages that the call names and of those that it changes, before and after. */
  readonly pages: readonly { readonly place: string; readonly before: string; readonly after: string }[];
}

/** Pages shown at most: a call over a large window would bury the reader. */
const PAGES_MAX = 64;

function ruleAt(a: Readonly<Activation>): Rule<Activation> | undefined {
  return (RULES[a.op] as unknown as Readonly<Record<string, Rule<Activation>>>)[a.pc];
}

/** Runs the call again from one state that explained everything before, and notes what decided. */
export function explain(before: State, event: TraceEvent, allowed: readonly Ret[], env: Environment): Explanation {
  const direct = new Set<ReqId>();
  const through = new Set<ReqId>();
  let own: Activation["op"] | null = null;
  const { runs } = run(before, actorId(event.actor), event.call, env, 1, (a) => {
    own ??= a.op;
    for (const id of ruleAt(a)?.spec ?? []) (a.op === own ? direct : through).add(id);
  });
  const after = runs[0]?.state ?? before;
  return {
    allowed,
    requirements: [...direct].map((id) => ({ id, statement: REQUIREMENTS[id].statement })),
    through: [...through].filter((id) => !direct.has(id)),
    pages: pageDifferences(before, after, event),
  };
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
