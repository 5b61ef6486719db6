/** Makes a run easier to follow: steps of a task together, and each task run to its end where nothing needs to come between. */
import type { Action } from "../../spec/vocabulary.ts";
import type { Bench } from "../bench.ts";
import type { ChoiceAt, Move } from "./move.ts";
import { operationsOf } from "./move.ts";
import { nextStep } from "./perform.ts";
import type { Trial } from "./trial.ts";

/**
 * Joins steps of one task that follow each other to one move, which tells where the task is interrupted instead of how many steps it takes. So
 * it still means the same when a call before it is left out.
 */
export function joinSteps(bench: Bench, steps: readonly Move[], actions: readonly Action[]): Move[] {
  const { view } = bench.system;
  const words = new Int32Array(1024);
  const joined: Move[] = [];
  for (let i = 0; i < steps.length;) {
    const move = steps[i];
    const action = actions[i];
    if (move === undefined || action === undefined) break;
    if (move.kind !== "step" || action.type !== "step") {
      bench.apply(action);
      joined.push(move);
      i++;
      continue;
    }
    const choices: ChoiceAt[] = [];
    const { task } = action;
    for (; i < steps.length; i++) {
      const next = steps[i];
      const step = actions[i];
      if (next?.kind !== "step" || next.of !== move.of || step === undefined) break;
      const first = firstChoice(words, bench.system.steps(words), task);
      if (first !== next.choice) choices.push({ step: nextStep(view, task), choice: next.choice });
      bench.apply(step);
    }
    const ended = bench.returned() || view.taskLive(task) !== 1;
    joined.push({ kind: "run", of: move.of, until: ended ? -1 : nextStep(view, task), choices });
  }
  return joined;
}

function firstChoice(words: Int32Array, n: number, task: number): number {
  for (let i = 0; i < n; i++) if ((words[i] ?? 0) >> 8 === task) return (words[i] ?? 0) & 0xff;
  return -1;
}

/** Runs each operation in one go: where it begins, or where it ends. */
export function serialise(trial: Trial): void {
  for (const of of operationsOf(trial.best.moves)) {
    if (trial.exhausted()) return;
    const { moves } = trial.best;
    const own = moves.filter((move) => move.of === of);
    if (own.length < 3) continue;
    const last = own.at(-1);
    const choices = own.flatMap((move) => (move.kind === "run" ? move.choices : []));
    const whole: Move = { kind: "run", of, until: last?.kind === "run" ? last.until : -1, choices };
    const others = moves.filter((move) => move.of !== of);
    const [begin] = own;
    if (begin === undefined) continue;
    const firstAt = moves.indexOf(begin);
    const lastAt = others.length - moves.slice(moves.lastIndexOf(own.at(-1) ?? begin) + 1).length;
    for (const at of [firstAt, lastAt]) {
      const before = others.slice(0, at);
      if (trial.attempt([...before, begin, whole, ...others.slice(at)])) break;
    }
  }
}

/** Moves each block of one operation next to another block of it, or across its neighbour. */
export function gather(trial: Trial): void {
  for (let again = true; again && !trial.exhausted();) {
    again = false;
    const { moves } = trial.best;
    for (let i = 1; i < moves.length && !again; i++) {
      const move = moves[i];
      if (move === undefined || moves[i - 1]?.of === move.of) continue;
      let before = i - 1;
      while (before >= 0 && moves[before]?.of !== move.of) before--;
      // Right behind what the operation did before, or right before what it does next.
      if (before >= 0) again = trial.attempt([...moves.slice(0, before + 1), move, ...moves.slice(before + 1, i), ...moves.slice(i + 1)]);
      let after = i + 1;
      while (after < moves.length && moves[after]?.of !== move.of) after++;
      if (!again && after < moves.length && after > i + 1)
        again = trial.attempt([...moves.slice(0, i), ...moves.slice(i + 1, after), move, ...moves.slice(after)]);
    }
  }
}
