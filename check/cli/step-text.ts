/** The steps of a run as people read them: what happened, what it answered, and only what it changed. */
import { showRet } from "../match.ts";
import type { ReplayStep } from "../replay.ts";
import { COLUMNS, wrap } from "./layout.ts";

/** Takes steps one by one. Steps of one task that change nothing are told in one line. */
export interface StepWriter {
  readonly step: (step: ReplayStep) => void;
  /** Writes what is left. */
  readonly end: () => void;
}

const SEQ = 7;
const MARGIN = " ".repeat(SEQ + 2);

/** Writes the lines of steps. */
export function stepWriter(write: (line: string) => void): StepWriter {
  let waiting: ReplayStep[] = [];

  const flush = (): void => {
    const [first] = waiting;
    const last = waiting.at(-1);
    if (first === undefined || last === undefined) return;
    const seq = first.seq === last.seq ? `${first.seq}` : `${first.seq}-${last.seq}`;
    const answer = last.outcome === null ? "" : ` -> ${showRet(last.outcome)}`;
    const lines = wrap(textOf(waiting) + answer, COLUMNS - MARGIN.length);
    for (const [i, line] of lines.entries()) write(i === 0 ? `${seq.padStart(SEQ)}  ${line}` : `${MARGIN}  ${line}`);
    for (const change of last.changed)
      for (const [i, line] of wrap(change, COLUMNS - MARGIN.length - 6).entries()) write(`${MARGIN}${i === 0 ? "    " : "      "}${line}`);
    waiting = [];
  };
  return {
    step(step) {
      const before = waiting.at(-1);
      if (before !== undefined && (before.task !== step.task || step.action.type !== "step" || before.action.type !== "step")) flush();
      waiting.push(step);
      if (step.changed.length > 0 || step.outcome !== null) flush();
    },
    end: flush,
  };
}

/** Steps of one task: its name once, then the steps. */
function textOf(steps: readonly ReplayStep[]): string {
  const [first, ...others] = steps;
  if (first === undefined) return "";
  const begins = first.action.type !== "step" && first.task >= 0 ? ` (task ${first.task})` : "";
  return [first.text + begins, ...others.map(({ text }) => text.replace(/^task \d+ /, ""))].join(", ");
}
