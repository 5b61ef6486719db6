/** Who decides what happens next in a random run: a step of a task, a new call, or something that the environment does. */
import { ENVIRONMENT_OPERATIONS } from "../properties/test-case.ts";
import type { CallOperation, EnvironmentOperation, RunLimits, TestCase } from "../properties/test-case.ts";
import type { System, View } from "../spec/system.ts";
import type { Action } from "../spec/vocabulary.ts";
import { CHOICES, FILES_MAX, STEP, STEPS } from "../spec/words.ts";
import { CallMaker } from "./client-calls.ts";
import type { Digits } from "./client-calls.ts";
import { styleOf } from "./style.ts";
import type { Style } from "./style.ts";
import { callTable } from "./weights.ts";

/** What a client decides beside the word of a step, which is 0 or more. */
export const DECIDED = {
  /** Something other than a step: `Client.action`. */
  action: -1,
  /** Nothing comes of this decision. */
  skip: -2,
  /** Nothing can happen although calls are in flight. */
  deadlock: -3,
  /** No call is in flight, and nothing is held. */
  quiet: -4,
  /** A table that bounds the run is nearly full: no further call is made. */
  bound: -5,
} as const;

/** Choices of the environment for the worse, by their codes. */
const TROUBLE = CHOICES.reduce(
  (mask, choice, code) => (["busy", "no-memory", "error", "dropped", "failed"].includes(choice) ? mask | (1 << code) : mask),
  0,
);
/** Steps of a call that maps something. */
const MAPPING: readonly number[] = STEPS.flatMap((name, code) => (name.startsWith("mmap.") ? [code] : []));
/** Words that a state can name. */
const WORDS_MAX = 1024;
/** Pages that the environment holds at a time. */
const HELD_MAX = 2;
/** Turns at the end of a run are twice as long after so many steps (as a power of two), up to a longest one. */
const TURN_GROWS_SHIFT = 6;
const TURN_SHIFT_MAX = 8;
/** Scatters the lengths of turns: with the same length again and again, a task would always be stopped at the same point of a loop. */
const SCATTER = 0x9e3779b1;
/** Tables that the calls in flight may still fill. */
const FILES_SPARE = 4;

/** A decision that is spent digit by digit, without a new object for each. */
class Spent implements Digits {
  rest = 0;

  take(below: number): number {
    const digit = this.rest % below;
    this.rest = (this.rest - digit) / below;
    return digit;
  }
}

/** Chooses the actions of one run. It keeps count of what it has begun, so it must see every action: `took` and `began`. */
export class Client {
  /** What `next` has decided where it is no step. */
  action: Action | null = null;
  private readonly system: System;
  private readonly view: View;
  private readonly limits: RunLimits;
  private readonly style: Style;
  private readonly calls: readonly CallOperation[];
  private readonly environment: readonly EnvironmentOperation[];
  private readonly maps: boolean;
  private readonly maker: CallMaker;
  private readonly words = new Int32Array(WORDS_MAX);
  private readonly digits = new Spent();
  private readonly pinned: number[] = [];
  private readonly got: number[] = [];
  private live = 0;
  private last = 0;
  private frozen = -1;
  private thaw = 0;
  private finished = 0;
  private turn = 0;

  constructor(system: System, testCase: Pick<TestCase, "mask" | "limits" | "style" | "config">) {
    const { mask, limits, config } = testCase;
    this.system = system;
    this.view = system.view;
    this.limits = limits;
    this.style = styleOf(testCase.style);
    this.calls = callTable(mask, system.view.profile);
    this.environment = ENVIRONMENT_OPERATIONS.filter((op) => mask.includes(op));
    this.maps = mask.includes("mmap");
    const { focus } = this.style;
    this.maker = new CallMaker({ view: system.view, devices: config.devices.length, actors_max: limits.actors_max, focus });
    for (let task = 0; task < this.view.taskCount(); task++) this.live += this.view.taskLive(task);
  }

  /** What happens by this decision: the word of a step, or one of `DECIDED`. */
  next(decision: number): number {
    const { style } = this;
    const kind = decision & 63;
    const rest = decision >>> 6;
    const environment = this.environment.length > 0 ? style.environment : 0;
    if (kind >= 64 - environment && this.disturb(rest)) return DECIDED.action;
    if (this.live > 0 && kind < 64 - environment - style.calls) {
      if (style.freezes) this.freeze(rest >>> 4);
      const word = this.step(rest, this.frozen);
      if (word >= 0) return word;
    }
    if (this.live < this.limits.tasks_max && this.calls.length > 0) {
      if (this.view.fileCount() > FILES_MAX - FILES_SPARE) return DECIDED.bound;
      if (this.call(rest)) return DECIDED.action;
    }
    if (this.live === 0) return DECIDED.skip;
    const word = this.step(rest, -1);
    return word >= 0 ? word : this.unblock();
  }

  /**
   * What brings the run to its end: what is held is given back, then the tasks go on by turns, without trouble. The turns grow longer, and
   * are of uneven length: two tasks that undo each other's work would do so for ever if both always took one step.
   */
  finish(): number {
    if (this.release()) return DECIDED.action;
    if (this.live === 0) return DECIDED.quiet;
    const n = this.system.steps(this.words);
    if (n === 0) return this.unblock();
    const stays = --this.turn > 0;
    const from = stays ? this.last : this.last + 1;
    const length =
      1 + ((Math.imul(this.finished, SCATTER) >>> 8) & ((1 << Math.min(TURN_SHIFT_MAX, this.finished >> TURN_GROWS_SHIFT)) - 1));
    this.finished++;
    // The task behind the one that went last, or that one again; of its choices the first.
    for (let i = 0; i < n; i++) {
      const word = this.words[i] ?? 0;
      if (word >> 8 < from) continue;
      if (!stays || word >> 8 !== from) this.turn = length;
      return word;
    }
    this.turn = length;
    return this.words[0] ?? 0;
  }

  /** Tells of a step that was taken. */
  took(word: number, returned: boolean): void {
    this.last = word >> 8;
    if (!returned) return;
    this.live--;
    if (this.last === this.frozen) this.frozen = -1;
  }

  /** Tells of another action that was carried out. */
  began(action: Action): void {
    switch (action.type) {
      case "call":
      case "reclaim":
      case "move":
        this.live++;
        return;
      case "pin":
        this.pinned.push(action.pfn);
        return;
      case "get":
        this.got.push(action.pfn);
        return;
      case "unpin":
        this.pinned.splice(this.pinned.indexOf(action.pfn), 1);
        return;
      case "put":
        this.got.splice(this.got.indexOf(action.pfn), 1);
        return;
      case "step":
      case "wrong_put":
    }
  }

  /** Draws a step that some task other than `but` can take, or -1. */
  private step(decision: number, but: number): number {
    const { words, style } = this;
    const n = this.system.steps(words);
    if (n === 0) return -1;
    let bits = decision;
    const stays = (bits & 15) < style.stay;
    bits >>>= 4;
    let task = -1;
    let tasks = 0;
    let lastEnabled = false;
    for (let i = 0, before = -1; i < n; i++) {
      const of = (words[i] ?? 0) >> 8;
      if (of === before || of === but) continue;
      before = of;
      tasks++;
      if (of === this.last) lastEnabled = true;
    }
    if (tasks === 0) return -1;
    if (stays && lastEnabled) task = this.last;
    else {
      let nth = ((bits & 255) * tasks) >> 8;
      for (let i = 0, before = -1; i < n && task < 0; i++) {
        const of = (words[i] ?? 0) >> 8;
        if (of === before || of === but) continue;
        before = of;
        if (nth-- === 0) task = of;
      }
    }
    return this.choice(task, n, bits >>> 8);
  }

  /** Draws among the choices of a task's step; those for the worse only now and then. */
  private choice(task: number, n: number, decision: number): number {
    const { words } = this;
    let from = 0;
    while (from < n && (words[from] ?? 0) >> 8 !== task) from++;
    let to = from + 1;
    while (to < n && (words[to] ?? 0) >> 8 === task) to++;
    if (to - from === 1) return words[from] ?? -1;
    const worse = (decision & 15) < this.style.trouble;
    const bits = (decision >>> 4) & 255;
    if (worse) return words[from + ((bits * (to - from)) >> 8)] ?? -1;
    let fair = 0;
    for (let i = from; i < to; i++) if (!isTrouble(words[i] ?? 0)) fair++;
    let nth = (bits * fair) >> 8;
    for (let i = from; i < to; i++) if (!isTrouble(words[i] ?? 0) && nth-- === 0) return words[i] ?? -1;
    return words[from] ?? -1;
  }

  /** Now and then holds up the task that went last, for a while: it goes on only where no other can. */
  private freeze(bits: number): void {
    if (this.frozen < 0) {
      if ((bits & 31) !== 31) return;
      this.frozen = this.last;
      this.thaw = 8 + ((bits >>> 5) & 127);
    } else if (--this.thaw <= 0) this.frozen = -1;
  }

  /** Draws a call that can be made now. */
  private call(decision: number): boolean {
    const { digits, view } = this;
    digits.rest = decision;
    const op = this.calls[digits.take(this.calls.length)];
    const actor = this.actor(digits);
    if (op === undefined || actor < 0) return false;
    const begins = this.maps && view.vmaCount(view.actorMm(actor)) === 0 && digits.take(8) !== 7;
    if (begins && this.mapping(actor)) return false;
    const call = begins ? this.maker.firstMapping(digits) : this.maker.make(op, actor, digits);
    return call !== null && this.offer({ type: "call", actor, call });
  }

  /** Whether a process is about to map something. */
  private mapping(actor: number): boolean {
    const { view } = this;
    for (let task = 0; task < view.taskCount(); task++)
      if (view.taskLive(task) === 1 && view.taskActor(task) === actor && MAPPING.includes(view.taskStep(task, 0))) return true;
    return false;
  }

  private actor(digits: Digits): number {
    const { view } = this;
    const count = view.actorCount();
    const first = digits.take(count);
    for (let n = 0; n < count; n++) if (view.actorMm((first + n) % count) >= 0) return (first + n) % count;
    return -1;
  }

  /** Draws something that the environment does. */
  private disturb(decision: number): boolean {
    const { digits, environment } = this;
    digits.rest = decision;
    const op = environment[digits.take(environment.length)];
    switch (op) {
      case "pin":
      case "get": {
        const held = op === "pin" ? this.pinned : this.got;
        const back = digits.take(2) === 1 || held.length >= HELD_MAX;
        const pfn = held[digits.take(Math.max(1, held.length))];
        if (back && pfn !== undefined) return this.offer({ type: op === "pin" ? "unpin" : "put", pfn });
        return this.frame(op, digits);
      }
      case "reclaim":
      case "move":
        return this.live < this.limits.tasks_max && this.frame(op, digits);
      case "wrong_put":
        return this.frame(op, digits);
      default:
        return false;
    }
  }

  /** Offers an action on a frame: the drawn one, or the next one for which it makes sense. */
  private frame(type: "pin" | "get" | "reclaim" | "move" | "wrong_put", digits: Digits): boolean {
    const count = this.view.frameCount();
    const first = digits.take(Math.max(1, count));
    for (let n = 0; n < count; n++) if (this.offer({ type, pfn: (first + n) % count })) return true;
    return false;
  }

  private offer(action: Action): boolean {
    if (this.system.refusal(action) !== null) return false;
    this.action = action;
    return true;
  }

  /** Gives back a page that the environment holds. */
  private release(): boolean {
    const pinned = this.pinned.at(-1);
    if (pinned !== undefined) return this.offer({ type: "unpin", pfn: pinned });
    const got = this.got.at(-1);
    return got !== undefined && this.offer({ type: "put", pfn: got });
  }

  /**
   * No task can go on. One that removes device memory may wait for pages that the environment holds, or that processes still map: these are given
   * back, or unmapped. Otherwise the tasks wait for each other.
   */
  private unblock(): number {
    if (this.release()) return DECIDED.action;
    return this.removalWaits() && this.unmap() ? DECIDED.action : DECIDED.deadlock;
  }

  private removalWaits(): boolean {
    const { view } = this;
    for (let task = 0; task < view.taskCount(); task++)
      if (view.taskLive(task) === 1 && view.taskStep(task, view.taskDepth(task) - 1) === STEP["remove_chunk.e7"]) return true;
    return false;
  }

  private unmap(): boolean {
    const { view } = this;
    for (let actor = 0; actor < view.actorCount(); actor++) {
      const mm = view.actorMm(actor);
      if (mm < 0 || view.vmaCount(mm) === 0) continue;
      if (this.offer({ type: "call", actor, call: { op: "munmap", page: 0, npages: view.pages } })) return true;
    }
    return false;
  }
}

function isTrouble(word: number): boolean {
  return (TROUBLE & (1 << (word & 0xff))) !== 0;
}
