/**
 * The model and the implementation side by side, for tests that say step by step what happens. Each action is carried out on both; the first
 * difference ends the test.
 *
 *     const p = pair({ pages: 130 });
 *     p.call({ op: "mmap", page: 0, npages: 130, prot: "rw", map: "private" });
 *     expect(p.call({ op: "device_read", dev: 0, page: 0, npages: 1 })).toMatchObject({ data: [0] });
 *
 * `begin`, `until` and `finish` interleave calls.
 */
import { lockstep } from "../../check/lockstep.ts";
import { modelSystem } from "../../check/model-system.ts";
import { setupOf } from "../../check/setup.ts";
import { implSystem } from "../../impl/index.ts";
import type { CoreSwitches } from "../../spec/profile.ts";
import type { Bounds, View } from "../../spec/system.ts";
import { TAKEN } from "../../spec/system.ts";
import type { Action, Core, DeviceKind, DriverName, ModelCall, Ret } from "../../spec/vocabulary.ts";
import { CHOICES, STEP } from "../../spec/words.ts";
import type { StepName } from "../../spec/words.ts";

interface Kind {
  readonly core?: Core;
  readonly driver?: DriverName;
  readonly switches?: Partial<CoreSwitches>;
  readonly pages?: number;
  readonly devices?: readonly DeviceKind[];
  readonly bounds?: Bounds;
}

/** Choices of the environment by step; a step that is not named takes its first. */
type Choices = Partial<Readonly<Record<StepName, string>>>;

/** Both systems. A task goes on only when it is told to. */
export interface Pair {
  readonly view: View;
  /** Begins a call, takes all its steps, and answers what it answered. */
  call(call: ModelCall, choices?: Choices, actor?: number): Ret;
  /** Begins a call, and answers its task. */
  begin(call: ModelCall, actor?: number): number;
  /** Takes steps of a task until it is at this one. */
  until(task: number, step: StepName, choices?: Choices): void;
  /** Whether a task can take a step. */
  ready(task: number): boolean;
  /** Takes one step. */
  step(task: number, choices?: Choices): Ret | null;
  /** Takes all steps of a task, and answers what it answered. */
  finish(task: number, choices?: Choices): Ret;
  /** Something that the environment does. */
  act(action: Action): void;
}

/** Steps of a call that has no end. */
const STEPS_MAX = 20_000;

/** Both systems in their first state. */
export function pair(kind: Kind = {}): Pair {
  const { core = "linux-6.1", driver = "ideal", switches = {}, pages = 4, devices = ["private"], bounds = {} } = kind;
  const config = { pages, page_bytes: 4096, devices: devices.map((k) => ({ kind: k })) };
  const setup = setupOf({ core, driver, switches, config, bounds: { deviceFrames: 4, physicalPages: 4, ...bounds } });
  const both = lockstep(modelSystem(setup), implSystem(setup));
  const words = new Int32Array(1024);
  const same = (): void => {
    const found = both.difference();
    if (found !== null) throw new Error(`${found.kind}: ${found.text}`);
  };
  const act = (action: Action): void => {
    const outcome = both.apply(action);
    same();
    if (outcome.kind === "disabled") throw new Error(outcome.why);
  };
  const at = (task: number): number => both.view.taskStep(task, both.view.taskDepth(task) - 1);
  const offered = (task: number): number[] => [...words.subarray(0, both.steps(words))].filter((word) => word >> 8 === task);
  const step = (task: number, choices: Choices = {}): Ret | null => {
    const found = offered(task);
    const name = Object.keys(STEP)[at(task)] as StepName;
    const choice = choices[name];
    const word = choice === undefined ? found[0] : found.find((w) => CHOICES[w & 255] === choice);
    if (word === undefined) throw new Error(`task ${task} cannot take ${name} ${choice ?? ""}`);
    const taken = both.take(word);
    same();
    return taken === TAKEN.returned ? both.answer() : null;
  };
  const begin = (call: ModelCall, actor = 0): number => {
    let task = 0;
    while (both.view.taskLive(task) === 1) task++;
    act({ type: "call", actor, call });
    return task;
  };
  const finish = (task: number, choices: Choices = {}): Ret => {
    for (let n = 0; n < STEPS_MAX; n++) {
      const ret = step(task, choices);
      if (ret !== null) return ret;
    }
    throw new Error(`task ${task} does not end`);
  };
  same();
  return {
    view: both.view,
    begin,
    step,
    finish,
    act,
    ready: (task) => offered(task).length > 0,
    until(task, name, choices) {
      while (at(task) !== STEP[name]) if (step(task, choices) !== null) throw new Error(`task ${task} has ended before ${name}`);
    },
    call: (call, choices, actor) => finish(begin(call, actor), choices),
  };
}

/** A private writable mapping. */
export const mapped = (page: number, npages: number): ModelCall => ({ op: "mmap", page, npages, prot: "rw", map: "private" });
/** A store of the CPU. */
export const store = (page: number, value: number): ModelCall => ({ op: "cpu_write", page, value });
/** A call on a range of device 0, or of another. */
export const on = (
  op: "device_read" | "migrate_to_device" | "migrate_to_system" | "snapshot" | "make_exclusive" | "check_exclusive" | "duplicate",
  page: number,
  npages = 1,
  dev = 0,
): ModelCall => ({ op, dev, page, npages });
