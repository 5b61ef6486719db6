/** A system with everything that is checked while it runs, for those who try many runs of it. */
import type { Bounds, System } from "../spec/system.ts";
import type { Action, Config } from "../spec/vocabulary.ts";

/** A failure that a run has come to. Two failures with the same id are the same failure. */
export interface Failure {
  /** Id of the property, `refines` for two systems that differ, `deadlock`, `endless` or `exception`. */
  readonly id: string;
  /** One line: page, frame and task, or the difference. */
  readonly text: string;
}

/** A system under checks. Nothing is carried out any more once it has failed. */
export interface Bench {
  readonly system: System;
  /** Carries out an action that is enabled, and answers what it has broken. */
  readonly apply: (action: Action) => Failure | null;
  /** Takes a step that `System.steps` has named. */
  readonly take: (word: number) => Failure | null;
  /** Whether the last step has ended its task. */
  readonly returned: () => boolean;
  /** What is wrong with a run that ends here: calls that nobody can go on with. */
  readonly atEnd: () => Failure | null;
  /** The state with all that the checks remember. */
  readonly save: () => object;
  readonly restore: (saved: object) => void;
}

/** The part of a test case that minimising makes smaller. */
export interface Size {
  readonly config: Config;
  readonly bounds: Bounds;
}

/** Makes a bench of this size in its first state. */
export type BenchFactory = (size: Size) => Bench;
