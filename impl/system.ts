/** The implementation as a checker sees it: `System` over the words of one arena. */
import { TAKEN } from "../spec/system.ts";
import type { Saved, Setup, System, View } from "../spec/system.ts";
import type { Action, ModelCall, Outcome, Ret } from "../spec/vocabulary.ts";
import { CHOICES, STEPS } from "../spec/words.ts";
import { Arena, ImplBug } from "./arena.ts";
import { beginCall } from "./calls.ts";
import { Full } from "./capacity.ts";
import type { Capacity } from "./capacity.ts";
import { workerTaskEnded } from "./device/fault-worker.ts";
import { dropBriefly, holdBriefly, pinPage, unpinPage } from "./frames.ts";
import { R, TASK } from "./layout.ts";
import { beginMove } from "./ops/migrate.ts";
import { beginReclaim } from "./ops/reclaim.ts";
import { APPLY, CHOICE_BITS, ENABLED } from "./steps.ts";
import { callRefusal, frameRefusal } from "./refusals.ts";
import { dropData, topRecord } from "./tasks.ts";
import { ArenaView } from "./view.ts";

const CODE = new Map<string, number>(CHOICES.map((name, code) => [name, code]));
const RUNNING: Outcome = { kind: "running" };

/** The implementation under a checker, or at work. */
export interface Implementation extends System {
  /**
   * Carries out one call with nothing in between; the environment interferes in no step.
   *
   * @throws ImplBug where the call would have to wait: only with other tasks or accesses of devices in flight, or for memory that is pinned.
   */
  run(actor: number, call: ModelCall): Ret;
  /** Bytes of the whole state. */
  readonly bytes: number;
}

/** One implementation of HMM, with its state in one flat buffer. */
class ImplSystem implements Implementation {
  readonly setup: Setup;
  readonly view: View;
  private readonly h: Arena;
  private readonly scratch = new Int32Array(64);

  constructor(h: Arena) {
    this.setup = h.setup;
    this.h = h;
    this.view = new ArenaView(this.h);
  }

  steps(into: Int32Array): number {
    const { h } = this;
    let n = 0;
    for (let t = 0; t < h.capacity.tasks; t++) if (h.task[t * h.taskWords + TASK.live] !== 0) n = this.stepsOf(t, into, n);
    return n;
  }

  private stepsOf(t: number, into: Int32Array, first: number): number {
    const { h } = this;
    const row = t * h.taskWords;
    const r = row + TASK.records + (h.task[row + TASK.depth]! - 1) * R.words;
    const step = h.task[r + R.step]!;
    const enabled = ENABLED[step];
    if (enabled !== undefined && !enabled(h, t, r)) return first;
    const choices = CHOICE_BITS[step];
    let n = first;
    if (choices === undefined) into[n++] = t << 8;
    else for (let bits = choices(h, t, r); bits !== 0; bits &= bits - 1) into[n++] = (t << 8) | (31 - Math.clz32(bits & -bits));
    return n;
  }

  take(word: number): number {
    const { h } = this;
    const t = word >>> 8;
    const row = t * h.taskWords;
    const r = row + TASK.records + (h.task[row + TASK.depth]! - 1) * R.words;
    APPLY[h.task[r + R.step]!]!(h, t, r, word & 255);
    if (h.task[row + TASK.depth] !== 0) return TAKEN.running;
    this.end(t);
    return TAKEN.returned;
  }

  private end(t: number): void {
    const { h } = this;
    dropData(h, t);
    h.task[t * h.taskWords + TASK.live] = 0;
    h.task[t * h.taskWords + TASK.actor] = 0;
    if (h.capacity.commands > 0) workerTaskEnded(h, t, h.answer());
  }

  run(actor: number, call: ModelCall): Ret {
    const { h } = this;
    const why = this.refusal({ type: "call", actor, call });
    if (why !== null) throw new ImplBug(why);
    const t = this.newTask(actor);
    beginCall(h, t, call);
    const row = t * h.taskWords;
    for (;;) {
      const r = row + TASK.records + (h.task[row + TASK.depth]! - 1) * R.words;
      const step = h.task[r + R.step]!;
      const enabled = ENABLED[step];
      if (enabled !== undefined && !enabled(h, t, r)) throw new ImplBug(`a lone call waits in ${STEPS[step]!}`);
      const choices = CHOICE_BITS[step];
      const bits = choices === undefined ? 1 : choices(h, t, r);
      APPLY[step]!(h, t, r, 31 - Math.clz32(bits & -bits));
      if (h.task[row + TASK.depth] === 0) break;
    }
    this.end(t);
    return h.answer();
  }

  get bytes(): number {
    return this.h.words.byteLength;
  }

  answer(): Ret {
    return this.h.answer();
  }

  apply(action: Action): Outcome {
    const why = this.refusal(action);
    if (why !== null) return { kind: "disabled", why };
    const { h } = this;
    switch (action.type) {
      case "call":
        beginCall(h, this.newTask(action.actor), action.call);
        return RUNNING;
      case "step": {
        const word = (action.task << 8) | (CODE.get(action.choice) ?? 0);
        return this.take(word) === TAKEN.running ? RUNNING : { kind: "return", task: action.task, ret: this.answer() };
      }
      case "reclaim":
        beginReclaim(h, this.newTask(0), action.pfn);
        return RUNNING;
      case "move":
        beginMove(h, this.newTask(0), action.pfn);
        return RUNNING;
      case "pin":
        pinPage(h, action.pfn);
        return RUNNING;
      case "unpin":
        unpinPage(h, action.pfn);
        return RUNNING;
      case "get":
        holdBriefly(h, action.pfn);
        return RUNNING;
      case "put":
        dropBriefly(h, action.pfn);
        return RUNNING;
      case "wrong_put":
        // The count of a free frame is put back as soon as somebody sees it at 0.
        return RUNNING;
    }
  }

  refusal(action: Action): string | null {
    const { h } = this;
    switch (action.type) {
      case "call":
        return callRefusal(h, action.actor, action.call);
      case "step":
        return this.stepRefusal(action.task, action.choice);
      default:
        return frameRefusal(h, action.type, action.pfn);
    }
  }

  private newTask(actor: number): number {
    const { h } = this;
    let t = 0;
    while (t < h.capacity.tasks && h.task[t * h.taskWords + TASK.live] !== 0) t++;
    if (t >= h.capacity.tasks) throw new Full("tasks");
    h.task[t * h.taskWords + TASK.live] = 1;
    h.task[t * h.taskWords + TASK.actor] = actor;
    return t;
  }

  private stepRefusal(t: number, choice: string): string | null {
    const { h } = this;
    if (t < 0 || t >= h.capacity.tasks || h.task[t * h.taskWords + TASK.live] === 0) return `no task ${t}`;
    const name = STEPS[h.task[topRecord(h, t) + R.step]!]!;
    const n = this.stepsOf(t, this.scratch, 0);
    if (n === 0) return `task ${t} waits in ${name}`;
    const allowed = Array.from(this.scratch.subarray(0, n), (word) => CHOICES[word & 255]!);
    return allowed.includes(choice) ? null : `${name} has no choice "${choice}", only ${allowed.join(", ")}`;
  }

  save(): Saved {
    return this.h.words.slice();
  }

  restore(saved: Saved): void {
    this.h.words.set(saved as Int32Array);
  }
}

/**
 * A new implementation in its first state.
 *
 * @param setup as for the model; `bounds` must give `deviceFrames` and `physicalPages`, because a flat buffer does not grow
 * @param capacity sizes of tables that are to differ from what the setup suggests
 */
export function implSystem(setup: Setup, capacity: Partial<Capacity> = {}): Implementation {
  return new ImplSystem(new Arena(setup, capacity));
}

/** The implementation on a state that is there already, and that others work on as well: the devices of `deviceSystem`. */
export function systemOn(h: Arena): Implementation {
  return new ImplSystem(h);
}
