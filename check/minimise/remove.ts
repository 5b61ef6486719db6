/** Leaves parts of a run out: whole operations, pairs of them, then single moves. */
import { type Move, operationsOf } from "./move.ts";
import type { Trial } from "./trial.ts";

/** Operations up to which every pair is tried. */
const PAIRS_MAX = 16;

/** Leaves out blocks of units, halves first, until no single one can be left out. */
function removeBlocks(trial: Trial, units: () => readonly unknown[], without: (from: number, to: number) => readonly Move[]): void {
  for (let block = Math.ceil(units().length / 2); block >= 1 && !trial.exhausted();) {
    let removed = false;
    // From the end: what comes later depends on what comes before.
    for (let to = units().length; to > 0 && !trial.exhausted(); to -= block) {
      const end = Math.min(to, units().length);
      if (trial.attempt(without(Math.max(0, end - block), end))) removed = true;
    }
    if (block > 1) block = Math.ceil(block / 2);
    else if (!removed) return;
  }
}

/** Leaves out whole operations, each with all its steps. */
export function removeOperations(trial: Trial): void {
  const operations = (): number[] => operationsOf(trial.best.moves);
  removeBlocks(trial, operations, (from, to) => {
    const gone = new Set(operations().slice(from, to));
    return trial.best.moves.filter(({ of }) => !gone.has(of));
  });
}

/** Leaves out two operations that need each other. */
export function removePairs(trial: Trial): void {
  for (let again = true; again && !trial.exhausted();) {
    again = false;
    const operations = operationsOf(trial.best.moves);
    if (operations.length > PAIRS_MAX) return;
    for (const [i, a] of operations.entries())
      for (const b of operations.slice(i + 1))
        if (!again && trial.attempt(trial.best.moves.filter(({ of }) => of !== a && of !== b))) again = true;
  }
}

/** Leaves out single moves. What a task does then happens later, or not at all. */
export function removeMoves(trial: Trial): void {
  removeBlocks(
    trial,
    () => trial.best.moves,
    (from, to) => trial.best.moves.filter((_, i) => i < from || to <= i),
  );
}
