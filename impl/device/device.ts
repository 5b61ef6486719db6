/**
 * The devices as hardware, beside the calls of the driver. Each has
 *
 * - a command queue: bounded, filled by `submit` and emptied by `completed`; commands of one file on the same page keep their order, others do
 *   not, and a fence separates those before it from those behind it;
 * - an engine that runs each command in steps (engine.ts): fetch, translate (by the translation cache), walk (of the page table of the file),
 *   access. A copy is done page by page, each in two steps, and can fail;
 * - a fault queue: bounded; a walk that finds no entry, or one that does not grant the access, parks its command there;
 * - a fault worker of the driver, which begins a task of the core for the oldest entry (fault-worker.ts). Its steps are those of any task. When it
 *   has ended the command is replayed from translate on, or is done with the error.
 *
 * Between translate and access a translation is in use: the callback of a notification (`invalidate.i2`) waits until no access is in flight in its
 * range, and then clears page table and translation cache. A replay may fault again, when a CPU or another device has been quicker: that shows
 * as steps that go on, never as a step that does not end; `replays_max` bounds it.
 *
 * All of this lies in the flat buffer of the implementation, so that `system.save` and `restore` cover it.
 */
import type { Ret } from "../../spec/vocabulary.ts";
import { ERRNOS } from "../../spec/vocabulary.ts";
import type { Setup } from "../../spec/system.ts";
import { Arena, ImplBug } from "../arena.ts";
import type { Capacity } from "../capacity.ts";
import { COMMAND, ENGINE, NIL, answerErrno } from "../layout.ts";
import { systemOn } from "../system.ts";
import type { Implementation } from "../system.ts";
import { COMMAND_STATE, CRASHED, DEVICE_OP, DEVICE_OPS, commandRow } from "./command.ts";
import { ENGINE_STEPS, engineChoices, engineStep } from "./engine.ts";
import { workerReady, workerStep } from "./fault-worker.ts";
import { faultsOf } from "./fault-queue.ts";
import { commandRefusal, firstDone, removeCommand, submitCommand } from "./queue.ts";
import type { DeviceCommand } from "./queue.ts";

/** The part of a step word that stands for the fault worker, in the place of a command. */
const WORKER = 255;
const COMMANDS_DEFAULT = 8;
/** Steps that `settle` stays with one task: more than a fault needs, and an end for one that waits for another in a loop. */
const STAY_MAX = 256;

/** What a device has done. `ticket` is that of `submit`; it may be given out again from now on. */
export interface Completion {
  readonly ticket: number;
  readonly op: DeviceCommand["op"];
  /** `read` and `atomic_add` answer `value`, the byte before the command; it is missing where nobody can know it. `copy` answers `cpages`. */
  readonly ret: Ret;
}

/** What has become of a command that was handed in. */
export type Submitted =
  | { readonly kind: "queued"; readonly ticket: number }
  /** No room: complete and take other commands first. */
  | { readonly kind: "full" }
  | { readonly kind: "refused"; readonly why: string };

/** Sizes and habits of the devices. */
export interface DeviceOptions {
  /** Sizes of tables; `commands` (8 unless said otherwise, at most 255) and `faults` are those of one device. */
  readonly capacity?: Partial<Capacity>;
  /** How often a command may fault again before it ends with EAGAIN. 0, which is the default: for ever. */
  readonly replays_max?: number;
}

/** The implementation with devices that run by themselves. A scheduler chooses among `system.steps` and `steps`. */
export interface DeviceSystem {
  /** CPU tasks, and those of the fault workers. Its `save` and `restore` cover the devices. */
  readonly system: Implementation;
  /** Every step that a device can take now, as words `device << 16 | unit << 8 | choice`, ascending. Writes them to `into` and answers how many. */
  steps(into: Int32Array): number;
  /** Takes a step that `steps` has named. */
  take(word: number): void;
  /** What a step word stands for, such as `device 0: walk (command 3)`. */
  nameOf(word: number): string;
  /** Hands a command in, for the file that an actor has open. */
  submit(actor: number, dev: number, command: DeviceCommand): Submitted;
  /** Takes the command that was submitted first of those that are done, or `null`. */
  completed(dev: number): Completion | null;
  /** Commands in the queue of a device whose completion was not taken. */
  queued(dev: number): number;
  /** Entries of the fault queue of a device. */
  faults(dev: number): number;
  /**
   * Runs everything until no step can be taken or `steps_max` have been: devices first, then one task as far as it can go. The environment interferes
   * in none. Who lets all take turns, step by step, can see devices take one page from each other for ever.
   *
   * @returns how many steps were taken
   */
  settle(steps_max: number): number;
}

/** The answer of a command as a return. */
function retOf(h: Arena, c: number): Ret {
  const op = h.command[c + COMMAND.op]!;
  const answer = h.command[c + COMMAND.answer]!;
  const errno = ERRNOS[answerErrno(answer)];
  if (errno !== undefined) return { status: "errno", errno };
  if (answer === CRASHED) return { status: "crash", log: "the system died while it handled the fault of a device" };
  if (op === DEVICE_OP.copy) return { status: "ok", cpages: h.command[c + COMMAND.npages]! };
  if (op !== DEVICE_OP.read && op !== DEVICE_OP.atomic_add) return { status: "ok" };
  return answer === NIL ? { status: "ok" } : { status: "ok", value: answer };
}

/** Devices on the state of an implementation. */
class Devices implements DeviceSystem {
  readonly system: Implementation;
  private readonly h: Arena;
  private readonly scratch: Int32Array;

  constructor(h: Arena) {
    this.h = h;
    this.system = systemOn(h);
    this.scratch = new Int32Array(2 * h.devices * (h.capacity.commands + 1) + h.capacity.tasks * 32);
  }

  steps(into: Int32Array): number {
    const { h } = this;
    let n = 0;
    for (let dev = 0; dev < h.devices; dev++) {
      for (let slot = 0; slot < h.capacity.commands; slot++) {
        const choices = engineChoices(h, dev, slot);
        for (let bits = choices; bits !== 0; bits &= bits - 1) into[n++] = (dev << 16) | (slot << 8) | (31 - Math.clz32(bits & -bits));
      }
      if (workerReady(h, dev)) into[n++] = (dev << 16) | (WORKER << 8);
    }
    return n;
  }

  take(word: number): void {
    const dev = word >>> 16;
    const unit = (word >>> 8) & 255;
    if (unit === WORKER) workerStep(this.h, dev);
    else engineStep(this.h, dev, unit, word & 255);
  }

  nameOf(word: number): string {
    const dev = word >>> 16;
    const unit = (word >>> 8) & 255;
    if (unit === WORKER) return `device ${dev}: resolve`;
    const c = commandRow(this.h, dev, unit);
    const state = this.h.command[c + COMMAND.state]!;
    const copies = state === COMMAND_STATE.translated && this.h.command[c + COMMAND.op] === DEVICE_OP.copy;
    return `device ${dev}: ${copies ? "copy_first" : (ENGINE_STEPS[state] ?? "nothing")} (command ${unit})`;
  }

  submit(actor: number, dev: number, command: DeviceCommand): Submitted {
    const why = commandRefusal(this.h, actor, dev, command);
    if (why !== null) return { kind: "refused", why };
    const ticket = submitCommand(this.h, actor, dev, command);
    return ticket < 0 ? { kind: "full" } : { kind: "queued", ticket };
  }

  completed(dev: number): Completion | null {
    const ticket = firstDone(this.h, dev);
    if (ticket < 0) return null;
    const c = commandRow(this.h, dev, ticket);
    const op = DEVICE_OPS[this.h.command[c + COMMAND.op]!];
    if (op === undefined) throw new ImplBug(`command ${ticket} of device ${dev} has no operation`);
    const ret = retOf(this.h, c);
    removeCommand(this.h, dev, ticket);
    return { ticket, op, ret };
  }

  queued(dev: number): number {
    return this.h.engine[dev * this.h.engineWords + ENGINE.commands]!;
  }

  faults(dev: number): number {
    return faultsOf(this.h, dev);
  }

  settle(steps_max: number): number {
    let task = 0;
    let stayed = 0;
    for (let taken = 0; taken < steps_max; taken++) {
      if (this.steps(this.scratch) > 0) {
        this.take(this.scratch[0]!);
        continue;
      }
      const n = this.system.steps(this.scratch);
      if (n === 0) return taken;
      if (stayed++ >= STAY_MAX) task++;
      const word = this.scratch[firstOf(this.scratch, n, task)]!;
      if (word >>> 8 !== task) stayed = 0;
      task = word >>> 8;
      this.system.take(word);
    }
    return steps_max;
  }
}

/** The place of the first step of a task, or of the next task that has one. */
function firstOf(words: Int32Array, n: number, task: number): number {
  for (let i = 0; i < n; i++) if (words[i]! >>> 8 >= task) return i;
  return 0;
}

/** The devices on a state with room for commands. */
export function devicesOn(h: Arena): DeviceSystem {
  return new Devices(h);
}

/**
 * A new implementation with devices that run by themselves, in its first state.
 *
 * @param setup as for `implSystem`
 * @throws RangeError where the queue would have no rows, or more than a step word can name
 */
export function deviceSystem(setup: Setup, options: DeviceOptions = {}): DeviceSystem {
  const commands = options.capacity?.commands ?? COMMANDS_DEFAULT;
  if (!(commands > 0 && commands <= WORKER)) throw new RangeError(`a device has 1 to ${WORKER} commands, not ${commands}`);
  const h = new Arena(setup, { tasks: 4 + setup.config.devices.length, ...options.capacity, commands });
  for (let dev = 0; dev < h.devices; dev++) h.engine[dev * h.engineWords + ENGINE.replays_max] = options.replays_max ?? 0;
  return devicesOn(h);
}
