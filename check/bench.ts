/** A system with everything that is checked while it runs, for those who try many runs of it. */
import type { Property } from "../properties/property.ts";
import { Watch } from "../properties/watch.ts";
import type { WatchSaved } from "../properties/watch.ts";
import type { Bounds, Saved, System } from "../spec/system.ts";
import { TAKEN } from "../spec/system.ts";
import type { Action, Config } from "../spec/vocabulary.ts";
import { CHOICES } from "../spec/words.ts";
import { type Failure, failureOfCrash, failureOfDifference, failureOfException, failureOfTasks, failureOfWatch } from "./failure.ts";
import type { Subject } from "./subject.ts";

/** A system under checks. A run ends with its first failure. */
export interface Bench {
  readonly system: System;
  /** Carries out an action that is enabled, and answers what it has broken. */
  readonly apply: (action: Action) => Failure | null;
  /** Takes a step that `System.steps` has named. */
  readonly take: (word: number) => Failure | null;
  /** Where the two sides of the system differ, also about what is enabled: asking them may have shown it. */
  readonly differs: () => Failure | null;
  /** Whether the last action has ended its task. */
  readonly returned: () => boolean;
  /** What is wrong with a run that ends here: calls that do not end. */
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

interface SavedBench {
  readonly system: Saved;
  readonly watch: WatchSaved;
}

/**
 * Puts a system under the checks.
 *
 * @param properties what it is held to
 * @param finding id of the known defect that counts as a failure, if any: see `findingId`
 */
export function benchOf({ system, difference }: Subject, properties: readonly Property[], finding: string | null = null): Bench {
  const watch = new Watch(system, properties);
  let returned = false;

  const differs = (): Failure | null => {
    const found = difference();
    return found === null ? null : failureOfDifference(found);
  };
  const carryOut = (word: number, action: Action | null): Failure | null => {
    returned = false;
    try {
      if (action === null) returned = system.take(word) === TAKEN.returned;
      else system.apply(action);
      const differing = differs();
      if (differing !== null) return differing;
      watch.after(word, action, returned ? word >> 8 : -1);
    } catch (error) {
      return failureOfException(error);
    }
    const failure = failureOfWatch(watch, finding);
    if (failure !== null || !returned || system.answer().status !== "crash") return failure;
    return failureOfCrash(system.answer());
  };
  return {
    system,
    apply: (action) => (action.type === "step" ? carryOut(wordOf(action), null) : carryOut(-1, action)),
    take: (word) => carryOut(word, null),
    differs,
    returned: () => returned,
    atEnd: () => failureOfTasks(system),
    save: (): SavedBench => ({ system: system.save(), watch: watch.save() }),
    restore(saved) {
      const both = saved as SavedBench;
      system.restore(both.system);
      watch.restore(both.watch);
    },
  };
}

/** The word of a step. */
function wordOf({ task, choice }: Extract<Action, { type: "step" }>): number {
  return (task << 8) | CHOICES.indexOf(choice);
}
