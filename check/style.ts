/** How a random run goes about its choices: the style of a test case, taken apart. */
import type { Focus } from "./client-calls.ts";

/** Habits of one run. Shares are out of 64 decisions, out of 16 for `trouble` and `stay`. */
export interface Style {
  /** Decisions that begin a call although a step could be taken. */
  readonly calls: number;
  /** Decisions in which the environment does something of its own: pins, brief references, reclaim. */
  readonly environment: number;
  /** Steps in which the environment may also decide for the worse: no memory, a failed copy, a page that is busy. */
  readonly trouble: number;
  /** Steps that stay with the task that took the last one. */
  readonly stay: number;
  /** Whether now and then one task is held up in the middle, while the others go on and make whole calls. */
  readonly freezes: boolean;
  readonly focus: Focus;
}

const CALLS = [6, 12, 24, 3] as const;
const ENVIRONMENT = [0, 2, 4, 8] as const;
const TROUBLE = [0, 1, 4, 10] as const;
const STAY = [0, 12, 15, 8] as const;
const FOCUS: readonly Focus[] = ["any range", "single pages", "all pages", "two pages"];

/** Takes a style apart: two bits for each habit, from the lowest on: schedule, trouble, calls, environment, pages. */
export function styleOf(style: number): Style {
  const schedule = style & 3;
  return {
    stay: STAY[schedule as 0 | 1 | 2 | 3],
    freezes: schedule === 3,
    trouble: TROUBLE[((style >>> 2) & 3) as 0 | 1 | 2 | 3],
    calls: CALLS[((style >>> 4) & 3) as 0 | 1 | 2 | 3],
    environment: ENVIRONMENT[((style >>> 6) & 3) as 0 | 1 | 2 | 3],
    focus: FOCUS[(style >>> 8) & 3] ?? "any range",
  };
}
