/** Tries candidates: keeps the simplest that breaks the same property, and counts what it costs. */
import type { Action, Ret } from "../../spec/vocabulary.ts";
import type { BenchFactory, Size } from "../bench.ts";
import type { Failure } from "../failure.ts";
import { compareCosts, type Cost, costOf } from "./cost.ts";
import type { Candidate, Move } from "./move.ts";
import { perform, type Performed } from "./perform.ts";
import { stateKey } from "./state-key.ts";

/** The simplest failing run so far. */
export interface Best extends Candidate {
  readonly failure: Failure;
  readonly actions: readonly Action[];
  readonly outcomes: readonly (Ret | null)[];
  /** Every step by itself. */
  readonly steps: readonly Move[];
  readonly cost: Cost;
}

/** Bounds of one minimising. */
export interface TrialBounds {
  /** Candidates that are run. */
  readonly runs_max: number;
  /** Actions of all of them together. */
  readonly actions_max: number;
  /** Ends it early. */
  readonly stop: () => boolean;
}

/** Tries candidates one after the other. */
export class Trial {
  best: Best;
  runs = 0;
  actions = 0;
  readonly make: BenchFactory;
  private readonly bounds: TrialBounds;
  /** Keys of candidates that were run: what did not help once does not help later. */
  private readonly tried = new Set<number>();

  constructor(make: BenchFactory, first: Best, bounds: TrialBounds) {
    this.make = make;
    this.best = first;
    this.bounds = bounds;
  }

  /** Whether a bound is reached: nothing is tried any more. */
  exhausted(): boolean {
    return this.runs >= this.bounds.runs_max || this.actions >= this.bounds.actions_max || this.bounds.stop();
  }

  /** Runs moves that were not run before; answers the failing run if it breaks the same property. */
  private run(size: Size, moves: readonly Move[]): Best | null {
    if (this.exhausted()) return null;
    const key = stateKey([size, moves]);
    if (this.tried.has(key)) return null;
    this.tried.add(key);
    this.runs++;
    const done = perform(this.make(size), moves);
    this.actions += done.actions.length;
    return bestOf(size, done, this.best.failure.id);
  }

  /** Takes moves for the best run if they are simpler, or where `free` just as simple. Answers whether it did. */
  attempt(moves: readonly Move[], size: Size = this.best.size, free = false): boolean {
    const found = this.run(size, moves);
    if (found === null) return false;
    const order = compareCosts(found.cost, this.best.cost);
    if (order > 0 || (order === 0 && !free)) return false;
    this.best = found;
    return true;
  }
}

/** What was carried out, if it came to this failure. */
export function bestOf(size: Size, done: Performed, id: string): Best | null {
  const { failure, moves, actions, outcomes, steps } = done;
  if (failure === null || failure.id !== id) return null;
  return { size, failure, moves, actions, outcomes, steps, cost: costOf(size, done) };
}
