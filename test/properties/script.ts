/** Runs that are written down step by step, on the model under a watch. */
import { modelSystem } from "../../check/model-system.ts";
import { setupOf } from "../../check/setup.ts";
import { PROPERTIES } from "../../properties/registry.ts";
import type { TestCase } from "../../properties/test-case.ts";
import { Watch } from "../../properties/watch.ts";
import type { System } from "../../spec/system.ts";
import { TAKEN } from "../../spec/system.ts";
import type { Action, ModelCall, Ret } from "../../spec/vocabulary.ts";
import { CHOICES, STEPS } from "../../spec/words.ts";
import type { StepName } from "../../spec/words.ts";
import { testCase } from "./runs.ts";

const STEPS_MAX = 500;

/** A run in progress. */
export interface Script {
  readonly system: System;
  readonly watch: Watch;
  /** Begins a call, or another action that begins a task, and answers its task. */
  readonly begin: (action: Action) => number;
  /** Carries out an action that begins no task. */
  readonly act: (action: Action) => void;
  /** Takes steps of a task until the named one is next. */
  readonly until: (task: number, step: StepName) => void;
  /** Takes one step of a task, with the named choice. */
  readonly step: (task: number, choice?: string) => void;
  /** Takes steps of a task until it has answered; `choice` wherever a step has it. */
  readonly finish: (task: number, choice?: string) => Ret;
  /** A whole call. */
  readonly call: (call: ModelCall, actor?: number, choice?: string) => Ret;
}

/** Begins a run of a system with one page and one device, unless said otherwise. */
export function script(parts: Partial<TestCase>): Script {
  const config = { pages: 1, page_bytes: 4096, devices: [{ kind: "private" as const }] };
  const system = modelSystem(setupOf(testCase(0, { config, ...parts })));
  const watch = new Watch(system, PROPERTIES);
  const { view } = system;
  const words = new Int32Array(64);

  const act = (action: Action): void => {
    const outcome = system.apply(action);
    if (outcome.kind === "disabled") throw new Error(outcome.why);
    watch.after(-1, action, -1);
  };
  const begin = (action: Action): number => {
    let task = 0;
    while (view.taskLive(task) === 1) task++;
    act(action);
    return task;
  };
  /** Answers whether the task has ended. */
  const take = (task: number, choice = ""): boolean => {
    const own = [...words.subarray(0, system.steps(words))].filter((word) => word >> 8 === task);
    const word = own.find((w) => CHOICES[w & 0xff] === choice) ?? own[0];
    if (word === undefined) throw new Error(`task ${task} waits`);
    const ended = system.take(word) === TAKEN.returned;
    watch.after(word, null, ended ? task : -1);
    return ended;
  };
  const finish = (task: number, choice = ""): Ret => {
    for (let n = 0; n < STEPS_MAX; n++) if (take(task, choice)) return system.answer();
    throw new Error(`task ${task} never ends`);
  };
  return {
    system,
    watch,
    act,
    begin,
    until(task, step) {
      for (let n = 0; STEPS[view.taskStep(task, view.taskDepth(task) - 1)] !== step; n++)
        if (n > STEPS_MAX || take(task)) throw new Error(`task ${task} never comes to ${step}`);
    },
    step: (task, choice) => void take(task, choice),
    finish,
    call: (call, actor = 0, choice = "") => finish(begin({ type: "call", actor, call }), choice),
  };
}

/** An action that begins a call of the first process. */
export const calling = (call: ModelCall, actor = 0): Action => ({ type: "call", actor, call });

const PAGE = { page: 0, npages: 1 } as const;
const ON = { dev: 0, ...PAGE } as const;

/** Calls on the only page. */
export const on = {
  mmap: { op: "mmap", ...PAGE, prot: "rw", map: "private" },
  shared: { op: "mmap", ...PAGE, prot: "rw", map: "shared" },
  munmap: { op: "munmap", ...PAGE },
  dontneed: { op: "madvise", ...PAGE, advice: "dontneed" },
  readOnly: { op: "mprotect", ...PAGE, prot: "r" },
  writable: { op: "mprotect", ...PAGE, prot: "rw" },
  write: { op: "cpu_write", page: 0, value: 1 },
  read: { op: "cpu_read", page: 0 },
  toDevice: { op: "migrate_to_device", ...ON },
  toSystem: { op: "migrate_to_system", ...ON },
  deviceRead: { op: "device_read", ...ON },
  deviceWrite: { op: "device_write", ...ON, value: 2 },
  exclusive: { op: "make_exclusive", ...ON },
  duplicate: { op: "duplicate", ...ON },
  fork: { op: "fork", child: 1 },
  inherit: { op: "fork", child: 1, files: "inherit" },
  exit: { op: "exit", child: 1 },
  open: { op: "open", dev: 0 },
  close: { op: "close", dev: 0 },
} as const satisfies Record<string, ModelCall>;
