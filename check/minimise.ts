/** Makes a failing run as short and as simple as it can be, in a bounded number of runs. The same run always ends as the same one. */
import type { Action, Ret } from "../spec/vocabulary.ts";
import type { BenchFactory, Size } from "./bench.ts";
import type { Failure } from "./failure.ts";
import { compareCosts, type Cost } from "./minimise/cost.ts";
import { lower, lowerPages } from "./minimise/lower.ts";
import { gather, joinSteps, serialise } from "./minimise/order.ts";
import { perform } from "./minimise/perform.ts";
import { removeMoves, removeOperations, removePairs } from "./minimise/remove.ts";
import { searchShorter } from "./minimise/search.ts";
import { symbolise } from "./minimise/symbolise.ts";
import { type Best, bestOf, Trial } from "./minimise/trial.ts";

/** Bounds of minimising. */
export interface MinimiseOptions {
  /** Runs that are tried. */
  readonly runs_max?: number;
  /** Actions of all runs together. */
  readonly actions_max?: number;
  /** States that the search for a shorter run looks at; 0 for no search. */
  readonly states_max?: number;
  /** Ends it early, with what it has by then. */
  readonly stop?: () => boolean;
}

/** A failing run that could not be made simpler. */
export interface Minimised {
  readonly size: Size;
  readonly failure: Failure;
  readonly actions: readonly Action[];
  /** What each action has answered, where it has ended its task. */
  readonly outcomes: readonly (Ret | null)[];
  readonly cost: Cost;
  /** Runs that were tried. */
  readonly runs: number;
  /** Whether a bound ended it before nothing helped any more. */
  readonly bounded: boolean;
}

const RUNS_MAX = 20_000;
const ACTIONS_MAX = 2_000_000;
const STATES_MAX = 2000;
const ROUNDS_MAX = 8;
/** A window with more pages is made smaller before anything else. */
const WIDE = 8;

/**
 * Minimises a failing run: leaves out what comes behind the failure, then blocks, single ones and pairs of operations, each with all its steps;
 * runs tasks to their end instead of interrupting them; makes ranges, values, pages, devices, processes and bounds smaller; and searches for
 * the shortest run that is made from the same operations. Whatever is taken breaks the same property.
 *
 * @param actions those of the failing run; what is not enabled is left out
 * @param make makes the system under its checks, in its first state
 * @returns `null` if the actions do not fail
 */
export function minimise(make: BenchFactory, size: Size, actions: readonly Action[], options: MinimiseOptions = {}): Minimised | null {
  const { runs_max = RUNS_MAX, actions_max = ACTIONS_MAX, states_max = STATES_MAX, stop = () => false } = options;
  const first = firstOf(make, size, actions);
  if (first === null) return null;
  const trial = new Trial(make, first, { runs_max, actions_max, stop });
  if (size.config.pages > WIDE) {
    // Every run in a wide window costs much.
    join(trial);
    lowerPages(trial);
  }
  for (let round = 0; round < ROUNDS_MAX && !trial.exhausted(); round++) {
    const before = trial.best.cost;
    reduce(trial);
    const settled = compareCosts(trial.best.cost, before) === 0;
    if (settled && (states_max === 0 || !searchShorter(trial, states_max))) break;
  }
  const { best } = trial;
  return {
    size: best.size,
    failure: best.failure,
    actions: best.actions,
    outcomes: best.outcomes,
    cost: best.cost,
    runs: trial.runs,
    bounded: trial.exhausted(),
  };
}

/** The failing run as moves, up to its failure. */
function firstOf(make: BenchFactory, size: Size, actions: readonly Action[]): Best | null {
  const { failure, moves } = symbolise(make(size), actions);
  return failure === null ? null : bestOf(size, perform(make(size), moves), failure.id);
}

/** One round of everything but the search. */
function reduce(trial: Trial): void {
  removeOperations(trial);
  join(trial);
  removeOperations(trial);
  serialise(trial);
  removeMoves(trial);
  removePairs(trial);
  lower(trial);
  gather(trial);
  // What is left of the order is made shorter step by step.
  trial.attempt(trial.best.steps, trial.best.size, true);
  removeMoves(trial);
  join(trial);
}

/** Names the places where tasks are interrupted instead of counting steps, where that comes to the same. */
function join(trial: Trial): void {
  const { size, steps, actions } = trial.best;
  trial.attempt(joinSteps(trial.make(size), steps, actions), size, true);
}
