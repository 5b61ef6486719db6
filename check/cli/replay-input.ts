/** Reads what `hmmspec replay` is to carry out: the schedules or the traces of a file. */
import type { Header, TraceEvent } from "../../spec/vocabulary.ts";
import { type InputError, inputError, valueError } from "../input-error.ts";
import type { ScheduleAction, ScheduleHeader } from "../schedule.ts";
import { scheduleReader } from "../schedule-reader.ts";
import { isHeader, parseLine } from "../trace.ts";
import { traceReader } from "../trace-reader.ts";
import { readLines } from "./lines.ts";

/** A schedule or a trace, whole. `line` is that of its header. */
export type ReplayInput =
  | { readonly kind: "schedule"; readonly header: ScheduleHeader; readonly line: number; readonly actions: readonly ScheduleAction[] }
  | { readonly kind: "trace"; readonly header: Header; readonly line: number; readonly events: readonly TraceEvent[] };

/** Actions or calls of one schedule or trace that are kept. */
const KEPT_MAX = 1_000_000;

/** What is still being read. */
interface Building {
  readonly put: (item: ReplayInput) => void;
  readonly line: (text: string, line: number) => InputError | null;
}

function schedules(put: (item: ReplayInput) => void): Building["line"] {
  const reader = scheduleReader();
  let actions: ScheduleAction[] = [];
  return (text, line) => {
    const read = reader.next(text, line);
    if (read.kind === "error") return read;
    if (read.kind === "header") {
      actions = [];
      put({ kind: "schedule", header: read.header, line, actions });
    } else actions.push(read.action);
    return null;
  };
}

function traces(put: (item: ReplayInput) => void): Building["line"] {
  const reader = traceReader();
  let events: TraceEvent[] = [];
  return (text, line) => {
    const read = reader.next(text, line);
    if (read.kind === "error") return read;
    if (read.kind === "header") {
      events = [];
      put({ kind: "trace", header: read.header, line, events });
    } else if (events.length >= KEPT_MAX)
      return inputError("out-of-range", line, "", `call number ${events.length + 1}`, `at most ${KEPT_MAX} in a trace that is replayed`);
    else events.push(read.event);
    return null;
  };
}

/** The first line says which of the two the file holds. */
function readerFor(text: string, put: (item: ReplayInput) => void): Building["line"] | InputError {
  const parsed = parseLine(text, 1);
  if (parsed.kind === "error") return parsed;
  const { format } = parsed.object;
  if (format === "hmm-schedule") return schedules(put);
  if (format === "hmm-trace" || !isHeader(parsed.object)) return traces(put);
  return valueError("bad-format", 1, "/format", format, `"hmm-schedule" or "hmm-trace"`);
}

/** Reads a file whole. */
export async function readReplayInput(file: string): Promise<readonly ReplayInput[] | InputError> {
  const found: ReplayInput[] = [];
  let take: Building["line"] | null = null;
  for await (const batch of readLines(file)) {
    if (batch.kind === "error") return batch;
    for (const [i, text] of batch.lines.entries()) {
      if (take === null) {
        const reader = readerFor(text, (item) => found.push(item));
        if (typeof reader !== "function") return reader;
        take = reader;
      }
      const error = take(text, batch.first + i);
      if (error !== null) return error;
    }
  }
  return found;
}
