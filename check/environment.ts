import { type Environment, QUIET } from "../model/index.ts";

/** What the surroundings of the judged system may have done in a call, beyond the call itself. */
export const DISTURBANCES = ["isolation", "memory", "swap"] as const;
/** One kind of disturbance. */
export type Disturbance = (typeof DISTURBANCES)[number];

/** The choices of the model's steps that each disturbance allows. */
const CHOICES: Readonly<Record<Disturbance, readonly string[]>> = {
  isolation: ["busy"],
  memory: ["no-memory"],
  swap: ["swap"],
};

/**
 * The environment of a judged system. Without disturbances every step goes as it does when nothing interferes; with them, each step that such a
 * disturbance can hit may go either way, and the judge follows both.
 */
export function environment(allowed: readonly Disturbance[]): Environment {
  if (allowed.length === 0) return QUIET;
  const extra = new Set(allowed.flatMap((name) => CHOICES[name]));
  return (a, choices) => choices.filter((choice, i) => i === 0 || (a.op !== "invalidate" && extra.has(choice)));
}
