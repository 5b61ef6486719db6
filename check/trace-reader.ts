import type { Call, Config, Header, TraceEvent } from "../spec/vocabulary.ts";
import { excerpt } from "./excerpt.ts";
import { type InputError, inputError, valueError } from "./input-error.ts";
import { decodeObject, isHeader, parseLine, type TraceLine } from "./trace.ts";

/** What a file may hold at most, because it is remembered. */
export interface TraceBounds {
  /** Traces in a file: the ids of all of them are kept. */
  readonly traces_max: number;
  /** Actors that one trace names. */
  readonly actors_max: number;
}

/** Bounds of a reader that is not told otherwise. */
export const TRACE_BOUNDS: TraceBounds = { traces_max: 4_000_000, actors_max: 65_536 };

/** Reads the lines of one file in order and holds them to the rules that need the lines before. */
export interface TraceReader {
  /**
   * Decodes the next line.
   *
   * @param text the line without its line break
   * @param line its number in the file, from 1
   * @returns the decoded line, or why the file is refused. After an error the reader is not to be used any more.
   */
  readonly next: (text: string, line: number) => TraceLine | InputError;
}

/** An actor that was named by a fork. `never` is the child of a fork that failed: its number is used up, but it does not exist. */
interface Actor {
  state: "alive" | "gone" | "never";
  /** Open device files, bit n for device n: a child may inherit the set, which is then one copy of a number. */
  open: number;
}

/** What the earlier lines of one trace say. */
interface TraceState {
  readonly config: Config;
  readonly actors_max: number;
  readonly actors: Map<number, Actor>;
  seq: number;
  crashed: boolean;
}

function newTrace(header: Header, actors_max: number): TraceState {
  return { config: header.config, actors_max, actors: new Map([[0, { state: "alive", open: 0 }]]), seq: 1, crashed: false };
}

/** Refuses a process that a call cannot come from or be about. */
function checkAlive(trace: TraceState, actor: number, line: number, pointer: string): InputError | null {
  const state = trace.actors.get(actor)?.state ?? "never";
  if (state === "alive") return null;
  if (state === "gone") return inputError("actor-gone", line, pointer, `actor ${actor}, which has exited,`, "an actor that still exists");
  return inputError("unknown-actor", line, pointer, `actor ${actor}`, "0 or the child of an earlier fork");
}

/** Pages lie inside the window, as the half-open range that they are: `npages` 0 may sit at the very end. */
function checkWindow(call: Call, config: Config, line: number): InputError | null {
  if (!("page" in call)) return null;
  const npages = "npages" in call ? call.npages : 1;
  const check = (start: number, pointer: string): InputError | null => {
    if (start + npages <= config.pages) return null;
    return inputError("beyond-window", line, pointer, `pages ${start}..${start + npages}`, `a range inside the window 0..${config.pages}`);
  };
  return check(call.page, "/call/page") ?? ("to" in call ? check(call.to, "/call/to") : null);
}

function checkDevice(call: Call, config: Config, line: number): InputError | null {
  const ndevices = config.devices.length;
  if ("dev" in call && call.dev >= ndevices) {
    return valueError("out-of-range", line, "/call/dev", call.dev, `an index into the ${ndevices} devices of the trace`);
  }
  if (call.op === "mmap" && call.map === "device" && ndevices === 0) {
    return valueError("out-of-range", line, "/call/map", call.map, "private or shared, as the trace has no device");
  }
  return null;
}

function checkFork(trace: TraceState, child: number, line: number): InputError | null {
  if (trace.actors.has(child))
    return inputError("actor-exists", line, "/call/child", `actor ${child}`, "a number that no actor of this trace has had");
  if (trace.actors.size < trace.actors_max) return null;
  return inputError(
    "out-of-range",
    line,
    "/call/child",
    `actor number ${trace.actors_max + 1} of this trace`,
    `at most ${trace.actors_max} actors`,
  );
}

function checkExit(trace: TraceState, actor: number, child: number, line: number): InputError | null {
  if (actor !== 0) return valueError("out-of-range", line, "/actor", actor, "0, which alone calls exit");
  if (child === 0) return valueError("out-of-range", line, "/call/child", child, "the child of an earlier fork");
  return checkAlive(trace, child, line, "/call/child");
}

/** The rules of the calls that name processes and files. */
function checkFiles(trace: TraceState, event: TraceEvent, line: number): InputError | null {
  const { actor, call } = event;
  if (call.op === "fork") return checkFork(trace, call.child, line);
  if (call.op === "exit") return checkExit(trace, actor, call.child, line);
  if (call.op === "close" && ((trace.actors.get(actor)?.open ?? 0) & (1 << call.dev)) === 0) {
    return inputError("not-open", line, "/call/dev", `device ${call.dev}, which actor ${actor} has not open,`, "a device that it has open");
  }
  return null;
}

function checkEvent(trace: TraceState, event: TraceEvent, line: number): InputError | null {
  if (trace.crashed) return inputError("after-crash", line, "", "an event after a crash", "the header of the next trace");
  if (event.seq !== trace.seq) return valueError("bad-seq", line, "/seq", event.seq, `${trace.seq}`);
  return (
    checkAlive(trace, event.actor, line, "/actor") ??
    checkDevice(event.call, trace.config, line) ??
    checkWindow(event.call, trace.config, line) ??
    checkFiles(trace, event, line)
  );
}

/**
 * Takes note of a checked event. A device is open after any use of it, whatever the call answered: the driver opens its file first. A fork or an
 * exit that answered an errno changed nothing.
 */
function note(trace: TraceState, event: TraceEvent): void {
  const { call, ret } = event;
  const actor = trace.actors.get(event.actor);
  if (actor === undefined) return;
  trace.seq += 1;
  trace.crashed = ret?.status === "crash";
  const failed = ret?.status === "errno";
  if (call.op === "fork") {
    trace.actors.set(call.child, { state: failed ? "never" : "alive", open: call.files === "inherit" ? actor.open : 0 });
  } else if (call.op === "exit") {
    if (!failed) trace.actors.set(call.child, { state: "gone", open: 0 });
  } else if (call.op === "close") {
    actor.open &= ~(1 << call.dev);
  } else if ("dev" in call) {
    actor.open |= 1 << call.dev;
  } else if (call.op === "mmap" && call.map === "device") {
    actor.open |= 1;
  }
}

/**
 * Starts to read a file: a header comes first, ids are unique in the file, events count from 1, calls stay inside the window, and processes and open
 * files are there when they are used.
 *
 * Memory: the ids of all traces so far (about 70 bytes each when they are short, `traces_max` at most), kept whole because two hashes may agree where
 * two ids do not; and the actors of the present trace (`actors_max` at most). Lines are not kept.
 */
export function traceReader(bounds: TraceBounds = TRACE_BOUNDS): TraceReader {
  const ids = new Set<string>();
  let trace: TraceState | null = null;

  const begin = (header: Header, line: number): InputError | null => {
    if (ids.has(header.id))
      return inputError("duplicate-id", line, "/id", excerpt(header.id), "an id that no earlier trace of the file has");
    if (ids.size >= bounds.traces_max)
      return inputError("out-of-range", line, "", `trace number ${bounds.traces_max + 1}`, `at most ${bounds.traces_max} in a file`);
    ids.add(header.id);
    trace = newTrace(header, bounds.actors_max);
    return null;
  };

  const next = (text: string, line: number): TraceLine | InputError => {
    const parsed = parseLine(text, line);
    if (parsed.kind === "error") return parsed;
    if (trace === null && !isHeader(parsed.object))
      return inputError("missing-header", line, "", "an object without a format", "a header line");
    const decoded = decodeObject(parsed.object, line);
    if (decoded.kind === "error") return decoded;
    if (decoded.kind === "header") return begin(decoded.header, line) ?? decoded;
    if (trace === null) return decoded;
    const error = checkEvent(trace, decoded.event, line);
    if (error !== null) return error;
    note(trace, decoded.event);
    return decoded;
  };
  return { next };
}
