import type { Config, ModelCall } from "../spec/vocabulary.ts";
import { decodeScheduleAction, decodeScheduleHeader } from "./decode-schedule.ts";
import { excerpt } from "./excerpt.ts";
import { type InputError, inputError, valueError } from "./input-error.ts";
import type { ScheduleAction, ScheduleHeader } from "./schedule.ts";
import { isHeader, parseLine } from "./trace.ts";

/** One decoded line of a schedule file. */
export type ScheduleLine =
  | { readonly kind: "header"; readonly header: ScheduleHeader }
  | { readonly kind: "action"; readonly action: ScheduleAction };

/** Reads the lines of one schedule file in order and holds them to the rules that need the lines before. */
export interface ScheduleReader {
  /**
   * Decodes the next line.
   *
   * @param text the line without its line break
   * @param line its number in the file, from 1
   */
  readonly next: (text: string, line: number) => ScheduleLine | InputError;
}

/** What a file may hold at most, because it is remembered. */
const SCHEDULES_MAX = 100_000;
const ACTIONS_MAX = 1_000_000;

function checkWindow(call: ModelCall, config: Config, line: number): InputError | null {
  if (!("page" in call)) return null;
  const npages = "npages" in call ? call.npages : 1;
  const check = (start: number, pointer: string): InputError | null => {
    if (start + npages <= config.pages) return null;
    return inputError("beyond-window", line, pointer, `pages ${start}..${start + npages}`, `a range inside the window 0..${config.pages}`);
  };
  return check(call.page, "/action/call/page") ?? ("to" in call ? check(call.to, "/action/call/to") : null);
}

function checkDevice(call: ModelCall, config: Config, line: number): InputError | null {
  const devices = config.devices.length;
  if ("dev" in call && call.dev >= devices)
    return valueError("out-of-range", line, "/action/call/dev", call.dev, `an index into the ${devices} devices of the schedule`);
  if (call.op === "mmap" && call.map === "device" && devices === 0)
    return valueError("out-of-range", line, "/action/call/map", call.map, "private or shared, as the schedule has no device");
  return null;
}

function checkAction({ seq, action }: ScheduleAction, expected: number, config: Config, line: number): InputError | null {
  if (seq !== expected) return valueError("bad-seq", line, "/seq", seq, `${expected}`);
  if (expected > ACTIONS_MAX)
    return inputError("out-of-range", line, "", `action number ${expected}`, `at most ${ACTIONS_MAX} in a schedule`);
  if (action.type !== "call") return null;
  return checkDevice(action.call, config, line) ?? checkWindow(action.call, config, line);
}

/**
 * Starts to read a file of schedules: a header comes first, ids are unique, actions count from 1, and calls stay inside the window. Whether
 * an action is enabled is found when it is carried out.
 */
export function scheduleReader(): ScheduleReader {
  const ids = new Set<string>();
  let config: Config | null = null;
  let seq = 0;

  const begin = (header: ScheduleHeader, line: number): InputError | null => {
    if (ids.has(header.id))
      return inputError("duplicate-id", line, "/id", excerpt(header.id), "an id that no earlier schedule of the file has");
    if (ids.size >= SCHEDULES_MAX)
      return inputError("out-of-range", line, "", `schedule number ${SCHEDULES_MAX + 1}`, `at most ${SCHEDULES_MAX} in a file`);
    ids.add(header.id);
    config = header.config;
    seq = 0;
    return null;
  };

  const next = (text: string, line: number): ScheduleLine | InputError => {
    const parsed = parseLine(text, line);
    if (parsed.kind === "error") return parsed;
    if (isHeader(parsed.object)) {
      const header = decodeScheduleHeader(parsed.object, line);
      if ("kind" in header) return header;
      return begin(header, line) ?? { kind: "header", header };
    }
    if (config === null) return inputError("missing-header", line, "", "an object without a format", "a header line");
    const action = decodeScheduleAction(parsed.object, line);
    if ("kind" in action) return action;
    seq += 1;
    return checkAction(action, seq, config, line) ?? { kind: "action", action };
  };
  return { next };
}
