import { colorsFor } from "./colors.ts";
import { printable } from "../excerpt.ts";
import { showCall, showRet } from "../match.ts";
import type { Rejection, TraceVerdict } from "../oracle.ts";
import type { Sensitivity } from "../sensitivity.ts";
import type { Output, Tally } from "./tally.ts";

/** Where verdicts go. */
export interface Report {
  readonly trace: (file: string, verdict: TraceVerdict, seen: Sensitivity | null) => void;
  /** After each file of several: what it added to the counts. */
  readonly file: (file: string, before: Tally, after: Tally) => void;
  readonly end: (tally: Tally, sensitivity: boolean) => void;
}

type Colors = ReturnType<typeof colorsFor>;

/** Widest line of an explanation. */
const TEXT_MAX = 2000;

/** A report of the form that was asked for. */
export function reportFor(output: Output, stream: NodeJS.WriteStream): Report {
  switch (output) {
    case "quiet":
      return { trace: () => undefined, file: () => undefined, end: () => undefined };
    case "jsonl":
      return {
        file: () => undefined,
        trace: (_file, verdict, seen) => stream.write(`${JSON.stringify(plain(verdict, seen))}\n`),
        end: () => undefined,
      };
    case "json":
      return jsonReport(stream);
    case "text":
      return textReport(stream, colorsFor(stream, process.env));
  }
}

/** A verdict as JSON: what a rejection says is spread out beside it. */
function plain(verdict: TraceVerdict, seen: Sensitivity | null): object {
  const { rejection, ...rest } = verdict;
  const sensitive = seen === null ? {} : { sensitivity: seen };
  if (rejection === undefined) return { ...rest, ...sensitive };
  const { line, event, allowed, fields, requirements, steps, pages } = rejection;
  return {
    ...rest,
    line,
    seq: event.seq,
    actor: event.actor,
    call: event.call,
    observed: event.ret ?? null,
    allowed,
    fields,
    requirements: requirements.map(({ id }) => id),
    statements: Object.fromEntries(requirements.map(({ id, statement }) => [id, statement])),
    steps,
    pages,
  };
}

function jsonReport(stream: NodeJS.WriteStream): Report {
  let first = true;
  return {
    trace(_file, verdict, seen) {
      stream.write(`${first ? '{"traces":[\n' : ",\n"}${JSON.stringify(plain(verdict, seen))}`);
      first = false;
    },
    file: () => undefined,
    end(tally) {
      stream.write(`${first ? '{"traces":[' : "\n"}],"summary":${JSON.stringify(tally)}}\n`);
    },
  };
}

function textReport(stream: NodeJS.WriteStream, colors: Colors): Report {
  const begun = performance.now();
  return {
    trace(file, verdict, seen) {
      const lines: string[] = [];
      if (verdict.rejection) lines.push(...rejectionLines(file, verdict.id, verdict.rejection, colors));
      if (verdict.reason !== undefined) lines.push(`${colors.yellow("inconclusive")} ${verdict.id} (${file}): ${verdict.reason}`);
      if (verdict.predicted) lines.push(predictedLine(file, verdict.id, verdict.predicted, colors));
      for (const s of seen?.survivors ?? [])
        lines.push(`${colors.yellow("unseen")} ${verdict.id} (${file}:${s.line}) ${s.field} ${s.from} -> ${s.to}: ${s.why}`);
      if (lines.length > 0) stream.write(`${lines.map((line) => line.slice(0, TEXT_MAX)).join("\n")}\n`);
    },
    file(file, before, after) {
      const counts = [after.accept - before.accept, after.reject - before.reject, after.inconclusive - before.inconclusive];
      stream.write(
        `${file}: ${counts[0]} accepted, ${counts[1]} rejected, ${counts[2]} inconclusive (${after.calls - before.calls} calls)\n`,
      );
    },
    end(tally, sensitivity) {
      const seconds = (performance.now() - begun) / 1000;
      const traces = tally.accept + tally.reject + tally.inconclusive;
      const rate = Math.round(tally.calls / Math.max(seconds, 0.001));
      stream.write(
        `${traces} ${traces === 1 ? "trace" : "traces"}: ${tally.accept} accepted, ${tally.reject} rejected, ${tally.inconclusive} inconclusive; ${tally.calls} calls, ${rate} calls/s\n`,
      );
      if (tally.interrupted) stream.write("interrupted: the traces above are all that was judged\n");
      if (sensitivity) {
        const share = tally.changed === 0 ? 0 : (100 * tally.changes_rejected) / tally.changed;
        stream.write(
          `sensitivity: ${tally.changes_rejected} of ${tally.changed} single-observation changes rejected (${share.toFixed(2)} %)\n`,
        );
      }
    },
  };
}

function predictedLine(
  file: string,
  id: string,
  { line, log, requirement }: NonNullable<TraceVerdict["predicted"]>,
  colors: Colors,
): string {
  return `${colors.green("predicted")} ${id} (${file}:${line}) by ${requirement ?? "no requirement"}: ${log}`;
}

/** The explanation of one rejection. */
export function rejectionLines(file: string, id: string, rejection: Rejection, colors: Colors): string[] {
  const { line, event, allowed, requirements, steps, pages } = rejection;
  const rows = [
    `${colors.red("reject")} ${colors.bold(printable(id, 200))} (${file}:${line}, seq ${event.seq})`,
    `  call      actor ${event.actor}: ${showCall(event.call)}`,
    `  observed  ${showRet(event.ret)}`,
    ...allowed.map((ret, i) => `  ${i === 0 ? "allowed " : "      or"}  ${showRet(ret)}`),
    ...requirements.map(
      ({ id: requirement, statement }, i) => `  ${i === 0 ? "decided by" : "          "} ${colors.bold(requirement)} ${statement}`,
    ),
  ];
  if (steps.length > 0) rows.push(`  steps     ${steps.join(" ")}`);
  for (const [i, { place, before, after }] of pages.entries()) {
    const change = before === after ? colors.dim(before) : `${before} ${colors.bold("->")} ${after}`;
    rows.push(`  ${i === 0 ? "pages   " : "        "}  ${place}: ${change}`);
  }
  return rows;
}
