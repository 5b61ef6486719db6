import type { TraceEvent, Header } from "../../spec/vocabulary.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { formatInputError, type InputError } from "../input-error.ts";
import { judge, type JudgeOptions, type TraceJudge, type TraceVerdict } from "../oracle.ts";
import { sensitivity, type Sensitivity } from "../sensitivity.ts";
import { traceReader } from "../trace-reader.ts";
import { readLines } from "./lines.ts";
import { progress } from "./progress.ts";
import { type Report, reportFor } from "./report.ts";
import type { Output, Tally } from "./tally.ts";

/** What `hmmspec judge` was asked for. */
export interface JudgeFilesOptions {
  readonly rules: JudgeOptions;
  readonly output: Output;
  readonly max_line_bytes: number;
  readonly sensitivity: boolean;
}

/** Events of one trace that are kept for `--sensitivity`. */
const SENSITIVITY_EVENTS_MAX = 10_000;

/** The trace that is being read. */
interface Current {
  readonly header: Header;
  readonly judge: TraceJudge;
  /** Kept only where it is needed once more. */
  readonly events: { readonly event: TraceEvent; readonly line: number }[];
}

/** Judges every trace of every file, in order. Bad input ends its file; the others are judged all the same. */
export async function judgeFiles(files: readonly string[], options: JudgeFilesOptions): Promise<ExitCode> {
  const tally: Tally = {
    accept: 0,
    reject: 0,
    inconclusive: 0,
    calls: 0,
    bad_files: 0,
    interrupted: false,
    changed: 0,
    changes_rejected: 0,
  };
  const report = reportFor(options.output, process.stdout);
  const stop = (): void => {
    tally.interrupted = true;
  };
  process.once("SIGINT", stop);
  const show = options.output === "quiet" ? null : progress(process.stderr);
  for (const file of files) {
    if (tally.interrupted) break;
    const before = { ...tally };
    const error = await judgeFile(file, options, tally, report, () => show?.tick(file, tally));
    show?.clear();
    if (files.length > 1) report.file(file, before, tally);
    if (error === null) continue;
    tally.bad_files += 1;
    process.stderr.write(`${formatInputError(file, error)}\n`);
  }
  process.off("SIGINT", stop);
  show?.clear();
  report.end(tally, options.sensitivity);
  return exitCode(tally);
}

function exitCode(tally: Tally): ExitCode {
  if (tally.bad_files > 0) return EXIT.usage;
  if (tally.reject > 0) return EXIT.violation;
  return tally.inconclusive > 0 || tally.interrupted ? EXIT.inconclusive : EXIT.ok;
}

async function judgeFile(
  file: string,
  options: JudgeFilesOptions,
  tally: Tally,
  report: Report,
  tick: () => void,
): Promise<InputError | null> {
  const reader = traceReader();
  let current: Current | null = null;
  for await (const batch of readLines(file, { max_line_bytes: options.max_line_bytes })) {
    if (batch.kind === "error") return batch;
    for (const [i, text] of batch.lines.entries()) {
      const line = batch.first + i;
      const read = reader.next(text, line);
      if (read.kind === "error") return read;
      if (read.kind === "header") {
        if (current !== null) finish(file, current, options, tally, report);
        current = { header: read.header, judge: judge(read.header, options.rules), events: [] };
      } else if (current !== null) {
        current.judge.next(read.event, line);
        tally.calls += 1;
        if (options.sensitivity && current.events.length <= SENSITIVITY_EVENTS_MAX) current.events.push({ event: read.event, line });
        tick();
      }
      if (tally.interrupted) return null;
    }
  }
  if (current !== null) finish(file, current, options, tally, report);
  return null;
}

function finish(file: string, current: Current, options: JudgeFilesOptions, tally: Tally, report: Report): void {
  const verdict: TraceVerdict = current.judge.verdict();
  tally[verdict.verdict] += 1;
  let seen: Sensitivity | null = null;
  if (options.sensitivity && verdict.verdict === "accept" && current.events.length <= SENSITIVITY_EVENTS_MAX) {
    seen = sensitivity(current, options.rules);
    tally.changed += seen?.changed ?? 0;
    tally.changes_rejected += seen?.rejected ?? 0;
  }
  report.trace(file, verdict, seen);
}
