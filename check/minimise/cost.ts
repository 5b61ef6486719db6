/** Which of two runs is simpler. */
import { CHOICES } from "../../spec/words.ts";
import type { Size } from "../bench.ts";
import type { Performed } from "./perform.ts";

/** What a run is measured by; the first number that differs decides. */
export interface Cost {
  /** Calls and actions of the surroundings. */
  readonly operations: number;
  readonly steps: number;
  /** How often something else goes on than before. */
  readonly switches: number;
  /** The sum of everything that is written in it. */
  readonly size: number;
}

/** A page, a device or a process more is worse than any value. */
const THING = 1000;
/** Words that are the plainest of their kind. */
const PLAIN: ReadonlySet<string> = new Set(["rw", "private", "call"]);

function sizeOf(value: unknown): number {
  if (typeof value === "number") return value;
  if (typeof value === "string") return PLAIN.has(value) ? 0 : 1;
  if (typeof value !== "object" || value === null) return 0;
  return Object.values(value).reduce((sum: number, item: unknown) => sum + 1 + sizeOf(item), 0);
}

/** Measures a run. */
export function costOf({ config, bounds }: Size, { actions, steps }: Performed): Cost {
  let operations = 0;
  let switches = 0;
  let size = THING * (config.pages + config.devices.length + (bounds.physicalPages ?? 0) + (bounds.deviceFrames ?? 0));
  size += (bounds.sectionPages ?? 0) + config.devices.filter(({ kind }) => kind === "coherent").length;
  for (const [i, action] of actions.entries()) {
    if (i > 0 && steps[i]?.of !== steps[i - 1]?.of) switches++;
    if (action.type === "step") size += CHOICES.indexOf(action.choice);
    else {
      operations++;
      size += sizeOf(action) + ("actor" in action ? THING * action.actor : 0);
    }
  }
  return { operations, steps: actions.length - operations, switches, size };
}

/** Negative where `a` is the simpler one. */
export function compareCosts(a: Cost, b: Cost): number {
  return a.operations - b.operations || a.steps - b.steps || a.switches - b.switches || a.size - b.size;
}
