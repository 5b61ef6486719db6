/** A private mutable run of the model: the same rules as `step`, without a new state for each. For long walks, which look only at the last state. */
import { copyWork } from "./copy.ts";
import { disabledIn, enabledIn, transition } from "./step.ts";
import { RULES } from "./rules/index.ts";
import type { RuleTable } from "./rules/index.ts";
import type { State, Work } from "./state.ts";
import type { Action, Outcome } from "../spec/vocabulary.ts";

/** A run in progress. */
export interface Session {
  /** The state now. It changes under the reader with the next action: `copy` it to keep it. */
  readonly state: State;
  /** Carries out one action. A disabled one changes nothing and says why. */
  readonly apply: (action: Action) => Outcome;
  /** Every step that some task can take now, with every choice of the environment, in a fixed order. */
  readonly enabled: () => Action[];
  /** Why an action makes no sense now, or `null`. */
  readonly refusal: (action: Action) => string | null;
  /** The state as it is now, for `restore`. */
  readonly save: () => State;
  /** Goes on from a state. */
  readonly restore: (saved: State) => void;
}

/**
 * Starts a run.
 *
 * @param first where it starts; it is copied
 * @param rules the rules to run by: those of the model, or a table with one entry replaced (a mutant)
 */
export function session(first: State, rules: RuleTable = RULES): Session {
  let s: Work = copyWork(first);
  return {
    get state() {
      return s;
    },
    apply(action) {
      const why = disabledIn(s, action, rules);
      return why === null ? transition(s, action, rules) : { kind: "disabled", why };
    },
    enabled: () => enabledIn(s, rules),
    refusal: (action) => disabledIn(s, action, rules),
    save: () => copyWork(s),
    restore(saved) {
      s = copyWork(saved);
    },
  };
}
