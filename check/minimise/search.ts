/** The shortest run that a bounded breadth-first search finds, made from the operations of a failing one. */
import { operationsOf, type ChoiceAt, type Move } from "./move.ts";
import { Performance, type Point } from "./perform.ts";
import { stateKey } from "./state-key.ts";
import type { Trial } from "./trial.ts";

/** What can be begun: an action, and the choices with which its task may go on. */
interface Letter {
  readonly begins: Move;
  readonly choices: readonly (readonly ChoiceAt[])[];
}

/** A state that was reached. */
interface Node {
  readonly point: Point;
  readonly moves: readonly Move[];
  readonly operations: number;
}

/** Failing runs with more operations than this are not searched: there would be too many others. */
const OPERATIONS_MAX = 8;
/** Places at which a task is interrupted. */
const PLACES_MAX = 6;
/** Actions that one search carries out. */
const ACTIONS_MAX = 30_000;

/** What the run is made from: each different operation once. */
function lettersOf(moves: readonly Move[]): Letter[] {
  const letters = new Map<string, Letter>();
  for (const of of operationsOf(moves)) {
    const own = moves.filter((move) => move.of === of);
    const [begins] = own;
    if (begins === undefined || begins.kind === "step" || begins.kind === "run" || begins.kind === "give") continue;
    const key = JSON.stringify(begins.kind === "begin" ? begins.action : [begins.kind, begins.pfn]);
    const choices = own.flatMap((move) => (move.kind === "run" ? move.choices : []));
    const known = letters.get(key)?.choices ?? [[]];
    letters.set(key, { begins, choices: choices.length === 0 ? known : [...known, choices] });
  }
  return [...letters.values()];
}

/** Steps before which some task of the run is interrupted; -1 stands for its end. */
function placesOf(moves: readonly Move[]): number[] {
  const places = new Set([-1]);
  for (const move of moves) if (move.kind === "run" && places.size < PLACES_MAX) places.add(move.until);
  return [...places];
}

/** Everything that can be done next: what goes on first, then what begins. */
function* nextMoves(node: Node, letters: readonly Letter[], places: readonly number[], begins: boolean): Generator<readonly Move[]> {
  const interrupted = new Map<number, readonly ChoiceAt[]>();
  for (const move of node.moves) if (move.kind === "run") interrupted.set(move.of, move.choices);
  for (const of of node.point.tasks.keys())
    for (const until of places) yield [{ kind: "run", of, until, choices: interrupted.get(of) ?? [] }];
  if (!begins) return;
  for (const of of node.point.held.keys()) yield [{ kind: "give", of }];
  const of = Math.max(-1, ...node.moves.map((move) => move.of)) + 1;
  for (const { begins: letter, choices } of letters) {
    const begin = { ...letter, of };
    if (letter.kind !== "begin") {
      yield [begin];
      continue;
    }
    for (const chosen of choices) for (const until of places) yield [begin, { kind: "run", of, until, choices: chosen }];
  }
}

/**
 * Searches for a failing run with fewer operations. It goes by whole operations, and interrupts them where the failing run does.
 *
 * @param states_max different states that are looked at
 * @returns whether one was found; it then is the best
 */
export function searchShorter(trial: Trial, states_max: number): boolean {
  const { best } = trial;
  const most = best.cost.operations - 1;
  if (most > OPERATIONS_MAX || most < 1) return false;
  const letters = lettersOf(best.moves);
  const places = placesOf(best.moves);
  const run = new Performance(trial.make(best.size));
  const bound = trial.actions + ACTIONS_MAX;
  const queue: Node[] = [{ point: run.point(), moves: [], operations: 0 }];
  const seen = new Set([stateKey(queue[0]?.point)]);
  for (let n = 0; n < queue.length && seen.size < states_max && !trial.exhausted(); n++) {
    const node = queue[n];
    if (node === undefined) break;
    for (const moves of nextMoves(node, letters, places, node.operations < most)) {
      if (trial.exhausted() || trial.actions > bound) return false;
      run.goBack(node.point);
      const moved = moves.filter((move) => run.failure === null && run.move(move));
      trial.actions += run.actions.length;
      if (moved.length === 0) continue;
      const all = [...node.moves, ...moved];
      if (run.failure !== null) {
        if (run.failure.id === best.failure.id && trial.attempt(all)) return true;
        continue;
      }
      const point = run.point();
      const key = stateKey(point.saved);
      if (seen.has(key)) continue;
      seen.add(key);
      const begun = moved[0]?.kind !== "run";
      queue.push({ point, moves: all, operations: node.operations + (begun ? 1 : 0) });
    }
  }
  return false;
}
