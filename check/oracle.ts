import { actorId, type Core, type DriverName, type Header, type Ret, type TraceEvent, type Verdict } from "../spec/vocabulary.ts";
import { type Environment, initial, profile, QUIET, type Run, run, type State } from "../model/index.ts";
import type { ReqId } from "../spec/requirements.ts";
import { type Explanation, explain } from "./explain.ts";
import { matches } from "./match.ts";

/** How a trace is judged. */
export interface JudgeOptions {
  /** Rules to judge by instead of those that the header names. */
  readonly core?: Core | undefined;
  readonly driver?: DriverName | undefined;
  /** States that may explain what was seen; more are given up, and the trace can then no longer be rejected. */
  readonly candidates_max: number;
  readonly environment: Environment;
}

/** Bounds and surroundings of a judge that is not told otherwise. */
export const JUDGE_DEFAULTS: JudgeOptions = { candidates_max: 256, environment: QUIET };

/** The requirements that the judge itself carries out; those of the calls are cited by the model's rules. */
export const JUDGE_RULES = {
  start: ["TRC-1"],
  next: ["TRC-2", "TRC-7", "TRC-10", "TRC-12", "TRC-13"],
  matches: ["TRC-8"],
  explain: ["TRC-11"],
} as const satisfies Readonly<Record<string, readonly ReqId[]>>;

/** The first event of a trace that no allowed behaviour explains. */
export interface Rejection extends Explanation {
  readonly line: number;
  readonly event: TraceEvent;
}

/** What the judge says of one trace. */
export interface TraceVerdict {
  readonly id: string;
  readonly verdict: Verdict;
  readonly calls: number;
  readonly rejection?: Rejection;
  /** The crash or hang that the trace ends with, and the requirement that predicts it there. */
  readonly predicted?: { readonly line: number; readonly log: string; readonly requirement: ReqId | null };
  /** Why an inconclusive verdict is none. */
  readonly reason?: string;
}

/** Judges one trace, event by event. */
export interface TraceJudge {
  /** States that explain everything so far. Empty after a rejection. */
  readonly candidates: () => readonly State[];
  readonly next: (event: TraceEvent, line: number) => void;
  /** The verdict so far: final once the trace has ended. */
  readonly verdict: () => TraceVerdict;
}

/** Every way in which a call can go from any of the given states, and whether a bound hid some. */
export function branches(
  candidates: readonly State[],
  event: TraceEvent,
  options: JudgeOptions,
): { readonly all: Run[]; readonly complete: boolean } {
  const all: Run[] = [];
  let complete = true;
  for (const candidate of candidates) {
    const left = options.candidates_max - all.length;
    if (left <= 0) return { all, complete: false };
    const found = run(candidate, actorId(event.actor), event.call, options.environment, left);
    complete &&= found.complete;
    all.push(...found.runs);
  }
  return { all, complete };
}

/** Drops states that are equal to an earlier one. */
export function distinct(states: readonly State[]): State[] {
  if (states.length < 2) return [...states];
  const seen = new Set<string>();
  return states.filter((state) => {
    const key = JSON.stringify(state, (name, value: unknown) => (name === "profile" ? undefined : value));
    return !seen.has(key) && Boolean(seen.add(key));
  });
}

/** The states in which every trace of this header begins. */
export function start(header: Header, options: JudgeOptions): State {
  return initial(profile(options.core ?? header.profile, options.driver ?? header.driver), header.config);
}

/** Begins to judge a trace: holds the set of states that explain what was seen. */
export function judge(header: Header, options: JudgeOptions = JUDGE_DEFAULTS): TraceJudge {
  let candidates: readonly State[] = [start(header, options)];
  let calls = 0;
  let complete = true;
  let rejection: Rejection | undefined;
  let reason: string | undefined;
  let predicted: TraceVerdict["predicted"];

  const next = (event: TraceEvent, line: number): void => {
    if (rejection !== undefined || reason !== undefined) return;
    calls += 1;
    const found = branches(candidates, event, options);
    complete &&= found.complete;
    const { ret } = event;
    const fitting = ret === undefined ? found.all : found.all.filter((branch) => matches(branch.ret, ret));
    const before = candidates;
    candidates = distinct(fitting.map((branch) => branch.state));
    const [fits] = fitting;
    if (fits?.ret.status === "crash") predicted = { line, log: fits.ret.log, requirement: fits.why["status"] ?? null };
    if (fits) return;
    if (!complete) reason = `the bound of ${options.candidates_max} candidate states was hit before line ${line}`;
    else if (before.some((state) => state.tainted))
      reason = `line ${line} differs after a device write through a stale entry: memory is no longer known`;
    else rejection = { line, event, ...explain(before[0] ?? start(header, options), event, uniqueRets(found.all), options.environment) };
  };

  const verdict = (): TraceVerdict => {
    const { id } = header;
    if (rejection !== undefined) return { id, verdict: "reject", calls, rejection };
    if (reason !== undefined) return { id, verdict: "inconclusive", calls, reason };
    return { id, verdict: "accept", calls, ...(predicted === undefined ? {} : { predicted }) };
  };
  return { candidates: () => candidates, next, verdict };
}

function uniqueRets(found: readonly Run[]): Ret[] {
  return [...new Map(found.map(({ ret }) => [JSON.stringify(ret), ret])).values()];
}
