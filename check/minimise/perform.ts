/** Carries out a candidate on a bench, and says what came of it in actions with numbers. */
import type { System, View } from "../../spec/system.ts";
import type { Action, Ret } from "../../spec/vocabulary.ts";
import { CHOICES } from "../../spec/words.ts";
import type { Bench } from "../bench.ts";
import type { Failure } from "../failure.ts";
import { frameAt, type Beginning, type ChoiceAt, type Move, type Place, placeOf } from "./move.ts";

/** What a candidate came to. */
export interface Performed {
  readonly failure: Failure | null;
  /** Everything that was carried out. */
  readonly actions: readonly Action[];
  /** What each of them has answered, where it has ended its task. */
  readonly outcomes: readonly (Ret | null)[];
  /** The moves that had an effect, up to the failure. */
  readonly moves: readonly Move[];
  /** The same, each step by itself. */
  readonly steps: readonly Move[];
}

/** Steps that one move may take, and turns that bring the rest to its end. */
const RUN_MAX = 400;
const WORDS_MAX = 1024;

/** The code of the next step of a task. */
export function nextStep(view: View, task: number): number {
  return view.taskStep(task, view.taskDepth(task) - 1);
}

/** The task that begins next: it gets the least free number. */
function nextTask(view: View): number {
  let task = 0;
  while (view.taskLive(task) === 1) task++;
  return task;
}

/** A point of a run to which it can go back. */
export interface Point {
  readonly saved: object;
  readonly tasks: ReadonlyMap<number, number>;
  readonly held: ReadonlyMap<number, Held>;
}

interface Held {
  readonly type: "pin" | "get";
  readonly pfn: number;
}

/** The run of one candidate, move by move. */
export class Performance {
  readonly actions: Action[] = [];
  readonly outcomes: (Ret | null)[] = [];
  readonly steps: Move[] = [];
  failure: Failure | null = null;
  private readonly bench: Bench;
  private readonly system: System;
  private readonly words = new Int32Array(WORDS_MAX);
  /** Tasks in flight by operation, and what the operations hold. */
  private tasks = new Map<number, number>();
  private held = new Map<number, Held>();

  constructor(bench: Bench) {
    this.bench = bench;
    this.system = bench.system;
  }

  /** Where the run is now. */
  point(): Point {
    return { saved: this.bench.save(), tasks: new Map(this.tasks), held: new Map(this.held) };
  }

  /** Goes back to a point, with nothing carried out since. */
  goBack({ saved, tasks, held }: Point): void {
    this.bench.restore(saved);
    this.tasks = new Map(tasks);
    this.held = new Map(held);
    this.failure = null;
    this.actions.length = 0;
    this.outcomes.length = 0;
    this.steps.length = 0;
  }

  /** Operations whose task is in flight, and those that hold a page. */
  pending(): { readonly running: readonly number[]; readonly holding: readonly number[] } {
    return { running: [...this.tasks.keys()], holding: [...this.held.keys()] };
  }

  /** Carries out one move; answers whether it had an effect. */
  move(move: Move): boolean {
    switch (move.kind) {
      case "begin":
        return this.begin(move.of, move.action, move.at);
      case "step":
        return this.step(move.of, move.choice);
      case "run":
        return this.run(move.of, move.until, move.choices);
      case "hold":
        return this.hold(move.of, move.type, move.pfn, move.at);
      case "give":
        return this.give(move.of);
      case "put":
        return this.act(move, { type: "wrong_put", pfn: this.frame("wrong_put", move.pfn, null) });
    }
  }

  /** Brings what is in flight to its end, as far as it goes. */
  drain(): void {
    for (const of of this.held.keys()) if (this.failure === null) this.give(of);
    for (let n = 0; n < RUN_MAX && this.failure === null && this.tasks.size > 0; n++) {
      let moved = false;
      for (const of of this.tasks.keys()) moved = (this.failure === null && this.step(of, -1)) || moved;
      if (!moved) break;
    }
    this.failure ??= this.bench.atEnd();
  }

  private act(move: Move, action: Action): boolean {
    const refused = this.system.refusal(action) !== null;
    this.failure = this.bench.differs();
    if (refused && this.failure === null) return false;
    this.failure ??= this.bench.apply(action);
    this.note(move, action, null);
    return true;
  }

  private note(move: Move, action: Action, outcome: Ret | null): void {
    this.actions.push(action);
    this.outcomes.push(outcome);
    this.steps.push(move);
  }

  private begin(of: number, action: Beginning, at: Place | null): boolean {
    const now: Beginning = action.type === "call" ? action : { type: action.type, pfn: this.frame(action.type, action.pfn, at) };
    const place = now.type === "call" ? null : placeOf(this.system.view, now.pfn);
    const task = nextTask(this.system.view);
    if (!this.act({ kind: "begin", of, action: now, at: place }, now)) return false;
    this.tasks.set(of, task);
    return true;
  }

  private hold(of: number, type: "pin" | "get", pfn: number, at: Place | null): boolean {
    const now = this.frame(type, pfn, at);
    const place = placeOf(this.system.view, now);
    if (!this.act({ kind: "hold", of, type, pfn: now, at: place }, { type, pfn: now })) return false;
    this.held.set(of, { type, pfn: now });
    return true;
  }

  private give(of: number): boolean {
    const held = this.held.get(of);
    if (held === undefined) return false;
    this.held.delete(of);
    return this.act({ kind: "give", of }, { type: held.type === "pin" ? "unpin" : "put", pfn: held.pfn });
  }

  /** The frame that is meant: that of the place, else the number, else the first that will do. */
  private frame(type: "reclaim" | "move" | "pin" | "get" | "wrong_put", pfn: number, at: Place | null): number {
    const { system } = this;
    const placed = at === null ? -1 : frameAt(system.view, at);
    if (placed >= 0) return placed;
    for (let n = -1; n < system.view.frameCount(); n++) {
      const tried = n < 0 ? pfn : n;
      if (system.refusal({ type, pfn: tried }) === null) return tried;
    }
    return pfn;
  }

  private step(of: number, choice: number): boolean {
    const word = this.wordOf(of, choice);
    return word >= 0 && this.take(of, word);
  }

  /** The word of a task's next step with this choice, or with the first that there is; -1 if it must wait. */
  private wordOf(of: number, choice: number): number {
    const task = this.tasks.get(of);
    if (task === undefined) return -1;
    const n = this.system.steps(this.words);
    let first = -1;
    for (let i = 0; i < n; i++) {
      const word = this.words[i] ?? 0;
      if (word >> 8 !== task) continue;
      if ((word & 0xff) === choice) return word;
      if (first < 0) first = word;
    }
    return first;
  }

  private take(of: number, word: number): boolean {
    this.failure = this.bench.take(word);
    const returned = this.bench.returned();
    if (returned) this.tasks.delete(of);
    const choice = word & 0xff;
    const action: Action = { type: "step", task: word >> 8, choice: CHOICES[choice] ?? "" };
    this.note({ kind: "step", of, choice }, action, returned ? this.system.answer() : null);
    return true;
  }

  private run(of: number, until: number, choices: readonly ChoiceAt[]): boolean {
    const { view } = this.system;
    const left = [...choices];
    for (let n = 0; n < RUN_MAX && this.failure === null; n++) {
      const task = this.tasks.get(of);
      if (task === undefined) return n > 0;
      const code = nextStep(view, task);
      if (n > 0 && code === until) return true;
      const at = left.findIndex(({ step }) => step === code);
      const word = this.wordOf(of, left[at]?.choice ?? -1);
      if (word < 0) return n > 0;
      if (at >= 0) left.splice(at, 1);
      this.take(of, word);
    }
    return true;
  }
}

/** Carries out moves, leaving out those that make no sense. Without a failure in them everything is brought to its end. */
export function perform(bench: Bench, moves: readonly Move[]): Performed {
  const run = new Performance(bench);
  const effective: Move[] = [];
  for (const move of moves) {
    if (run.failure !== null) break;
    if (run.move(move)) effective.push(move);
  }
  const drained = run.steps.length;
  if (run.failure === null) run.drain();
  const moved = run.failure === null ? effective : [...effective, ...run.steps.slice(drained)];
  const { failure, actions, outcomes, steps } = run;
  return { failure, actions, outcomes, steps, moves: moved };
}
