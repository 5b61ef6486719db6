import type { Header, Ret, TraceEvent } from "../spec/vocabulary.ts";
import type { State } from "../model/index.ts";
import { matches } from "./match.ts";
import { branches, distinct, type JudgeOptions, start } from "./oracle.ts";

/** One observation of an accepted trace, changed, after which the trace was accepted all the same. */
export interface Survivor {
  readonly line: number;
  readonly seq: number;
  /** What was changed: a field of the answer, such as `data/1`. */
  readonly field: string;
  readonly from: string;
  readonly to: string;
  /** Why nobody could tell. */
  readonly why: string;
}

/** How much the judge sees of one trace. */
export interface Sensitivity {
  readonly changed: number;
  readonly rejected: number;
  readonly survivors: readonly Survivor[];
}

/** A trace with the line of each event. */
export interface WholeTrace {
  readonly header: Header;
  readonly events: readonly { readonly event: TraceEvent; readonly line: number }[];
}

/** For each snapshot code the one that an implementation would most easily confuse it with. */
const CONFUSED: Readonly<Record<string, string>> = {
  "00": "02",
  "01": "02",
  "02": "01",
  "06": "02",
  "05": "01",
  "11": "01",
  "15": "11",
  "21": "22",
  "22": "21",
  "41": "42",
  "42": "41",
  "51": "52",
  "52": "51",
  ff: "00",
};

interface Change {
  readonly field: string;
  readonly from: string;
  readonly to: string;
  readonly ret: Ret;
}

/** Every single change of an answer: one field another value, or the status another. */
function changes(ret: Ret): Change[] {
  if (ret.status === "errno") {
    const other = ret.errno === "EINVAL" ? "EFAULT" : "EINVAL";
    return [{ field: "errno", from: ret.errno, to: other, ret: { status: "errno", errno: other } }];
  }
  if (ret.status === "signal") {
    const other = ret.signal === "SIGSEGV" ? "SIGBUS" : "SIGSEGV";
    return [{ field: "signal", from: ret.signal, to: other, ret: { status: "signal", signal: other } }];
  }
  if (ret.status === "crash") return [{ field: "status", from: "crash", to: "EFAULT", ret: { status: "errno", errno: "EFAULT" } }];
  const found: Change[] = [{ field: "status", from: "ok", to: "EINVAL", ret: { status: "errno", errno: "EINVAL" } }];
  const scalar = (field: "value" | "cpages" | "faults", was: number | undefined, to: (n: number) => number): void => {
    if (was !== undefined) found.push({ field, from: String(was), to: String(to(was)), ret: { ...ret, [field]: to(was) } });
  };
  scalar("value", ret.value, (n) => (n + 1) % 256);
  scalar("cpages", ret.cpages, (n) => (n > 0 ? n - 1 : 1));
  scalar("faults", ret.faults, (n) => (n > 0 ? n - 1 : 1));
  ret.data?.forEach((was, i) => {
    const to = (was + 1) % 256;
    found.push({ field: `data/${i}`, from: String(was), to: String(to), ret: { ...ret, data: ret.data?.with(i, to) ?? [] } });
  });
  ret.entries?.forEach((was, i) => {
    const to = CONFUSED[was] ?? "00";
    found.push({ field: `entries/${i}`, from: was, to, ret: { ...ret, entries: ret.entries?.with(i, to) ?? [] } });
  });
  return found;
}

/** Whether the rest of a trace is accepted from the given states. */
function accepts(candidates: readonly State[], events: WholeTrace["events"], options: JudgeOptions): boolean {
  let states = [...candidates];
  for (const { event } of events) {
    const { ret } = event;
    const { all } = branches(states, event, options);
    states = distinct((ret === undefined ? all : all.filter((branch) => matches(branch.ret, ret))).map((branch) => branch.state));
    if (states.length === 0) return false;
  }
  return true;
}

/** Changes each single observation of an accepted trace in turn and judges the changed trace. `null` for a trace that is not accepted itself. */
export function sensitivity({ header, events }: WholeTrace, options: JudgeOptions): Sensitivity | null {
  let candidates: readonly State[] = [start(header, options)];
  let changed = 0;
  const survivors: Survivor[] = [];
  for (const [i, { event, line }] of events.entries()) {
    const { ret } = event;
    const { all } = branches(candidates, event, options);
    for (const change of ret === undefined ? [] : changes(ret)) {
      changed += 1;
      const fitting = all.filter((branch) => matches(branch.ret, change.ret));
      if (fitting.length === 0) continue;
      if (!accepts(distinct(fitting.map((b) => b.state)), events.slice(i + 1), options)) continue;
      const why = fitting.some((b) => JSON.stringify(b.ret).includes("null"))
        ? "the model does not know this byte: it was read through a stale entry"
        : "both answers are allowed";
      survivors.push({ line, seq: event.seq, field: change.field, from: change.from, to: change.to, why });
    }
    candidates = distinct((ret === undefined ? all : all.filter((b) => matches(b.ret, ret))).map((b) => b.state));
    if (candidates.length === 0) return null;
  }
  return { changed, rejected: changed - survivors.length, survivors };
}
