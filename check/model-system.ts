/** The reference model as a system under a checker. Beside `model-*.ts` here nothing outside of the model knows how it is made. */
import { initial, RULES, session } from "../model/index.ts";
import type { RuleTable, State } from "../model/index.ts";
import { ruleOf } from "../model/rules/index.ts";
import type { Work } from "../model/state.ts";
import type { Setup, System } from "../spec/system.ts";
import { TAKEN } from "../spec/system.ts";
import type { Action, Outcome, Ret } from "../spec/vocabulary.ts";
import { CHOICES } from "../spec/words.ts";
import { ModelView } from "./model-view.ts";

/** Codes of choices by name. */
const CHOICE = new Map<string, number>(CHOICES.map((name, code) => [name, code]));
const ANY_CHOICE: readonly string[] = [""];

/**
 * Runs the model in place.
 *
 * @param rules the rules of the model, or a table with one entry replaced: a mutant
 */
export function modelSystem(setup: Setup, rules: RuleTable = RULES): System {
  const run = session(initial(setup.profile, setup.config, setup.bounds), rules);
  const view = new ModelView(run.state as Work);
  let last: Ret = { status: "ok" };

  const apply = (action: Action): Outcome => {
    const outcome = run.apply(action);
    if (outcome.kind === "return") last = outcome.ret;
    return outcome;
  };
  return {
    setup,
    view,
    steps: (into) => enabledWords(run.state as Work, rules, into),
    take(word) {
      const outcome = apply({ type: "step", task: word >> 8, choice: CHOICES[word & 0xff] ?? "" });
      if (outcome.kind === "disabled") throw new Error(outcome.why);
      return outcome.kind === "return" ? TAKEN.returned : TAKEN.running;
    },
    answer: () => last,
    refusal: (action) => run.refusal(action),
    apply,
    save: () => run.save(),
    restore(saved) {
      run.restore(saved as State);
      view.look(run.state as Work);
    },
  };
}

/** Writes every step that can be taken, by task and choice. Tasks lie in the order in which they began, so each word is sorted in. */
function enabledWords(s: Work, rules: RuleTable, into: Int32Array): number {
  let n = 0;
  for (const task of s.tasks) {
    const a = task.stack.at(-1);
    if (a === undefined) continue;
    const rule = ruleOf(a, rules);
    if (rule.enabled && !rule.enabled(s, task, a)) continue;
    const choices = rule.choices ? rule.choices(s, task, a) : ANY_CHOICE;
    for (const choice of choices) {
      const word = (task.id << 8) | (CHOICE.get(choice) ?? 0);
      let i = n++;
      for (; i > 0 && (into[i - 1] ?? 0) > word; i--) into[i] = into[i - 1] ?? 0;
      into[i] = word;
    }
  }
  return n;
}
