/** What a campaign drives: the model, the implementation, or both in lockstep. */
import { implSystem } from "../impl/index.ts";
import type { Capacity } from "../impl/index.ts";
import { RULES, type RuleTable } from "../model/index.ts";
import type { Setup, System } from "../spec/system.ts";
import { type Difference, type Lockstep, lockstep } from "./lockstep.ts";
import { modelSystem } from "./model-system.ts";

/** Systems that a campaign can drive. */
export const SUBJECTS = ["lockstep", "model", "impl"] as const;
/** One of them. */
export type SubjectName = (typeof SUBJECTS)[number];

/** A system, and where it differs from the one beside it. */
export interface Subject {
  readonly system: System;
  readonly difference: () => Difference | null;
  /** Both sides, where there are two. */
  readonly both: Lockstep | null;
}

/** Makes a subject in its first state. */
export type SubjectFactory = (setup: Setup) => Subject;

/** What the two sides of a subject are made by; what is not said is the correct one. */
export interface Sides {
  /** The rules of the model: a changed table is a mutant. */
  readonly rules?: RuleTable;
  /** The implementation: a changed copy is a mutant. */
  readonly impl?: (setup: Setup, capacity?: Partial<Capacity>) => System;
  readonly capacity?: Partial<Capacity>;
}

/** No other system, no difference. */
const ALONE = (): null => null;

/** The factory of a subject. */
export function subjectFactory(name: SubjectName, sides: Sides = {}): SubjectFactory {
  const { rules = RULES, impl = implSystem, capacity = {} } = sides;
  switch (name) {
    case "model":
      return (setup) => ({ system: modelSystem(setup, rules), difference: ALONE, both: null });
    case "impl":
      return (setup) => ({ system: impl(setup, capacity), difference: ALONE, both: null });
    case "lockstep":
      return (setup) => {
        const both = lockstep(modelSystem(setup, rules), impl(setup, capacity));
        return { system: both, difference: both.difference, both };
      };
  }
}
