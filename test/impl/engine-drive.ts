/** Devices driven by hand: the step that a test names, and no other. */
import { expect } from "vitest";
import type { DeviceCommand } from "../../impl/index.ts";
import type { ModelCall, Ret } from "../../spec/vocabulary.ts";
import { rig, stateFault } from "./engine-run.ts";
import type { Kind, Rig } from "./engine-run.ts";

const words = new Int32Array(512);

/** Devices that are open, beside a process that has mapped all but its last page. */
export function opened(kind: Kind = {}): Rig {
  const r = rig(kind);
  r.d.system.run(0, { op: "mmap", page: 0, npages: r.h.pages - 1, prot: "rw", map: "private" });
  for (let dev = 0; dev < r.h.devices; dev++) r.d.system.run(0, { op: "open", dev });
  return r;
}

/** A store of the CPU. */
export const write = (r: Rig, page: number, value: number): Ret => r.d.system.run(0, { op: "cpu_write", page, value });
/** A load of the CPU. */
export const read = (r: Rig, page: number): Ret => r.d.system.run(0, { op: "cpu_read", page });

/** Hands a command in, and answers its ticket. */
export function submit(r: Rig, command: DeviceCommand, dev = 0, actor = 0): number {
  const got = r.d.submit(actor, dev, command);
  if (got.kind !== "queued") throw new Error(got.kind);
  return got.ticket;
}

/** Names of the steps that the devices can take. */
export const offered = (r: Rig): string[] => [...words.subarray(0, r.d.steps(words))].map((word) => r.d.nameOf(word));

/** Takes the step of this name; `choice` where the environment decides. */
export function take(r: Rig, name: string, choice = 0): void {
  const found = [...words.subarray(0, r.d.steps(words))].filter((word) => r.d.nameOf(word) === name);
  const word = found.find((w) => choice === 0 || (w & 255) === choice);
  if (word === undefined) throw new Error(`no step "${name}", only ${offered(r).join(", ")}`);
  r.d.take(word);
}

/** Takes the steps of these names by a command. */
export const advance = (r: Rig, ticket: number, ...names: string[]): void =>
  names.forEach((name) => take(r, `device 0: ${name} (command ${ticket})`));

/** Begins a call, and answers its task. */
export function begin(r: Rig, call: ModelCall): number {
  let task = 0;
  while (r.d.system.view.taskLive(task) === 1) task++;
  expect(r.d.system.apply({ type: "call", actor: 0, call }).kind).toBe("running");
  return task;
}

/** The next step of a task. */
export const stepOf = (r: Rig, task: number): number => r.d.system.view.taskStep(task, r.d.system.view.taskDepth(task) - 1);
/** Steps that a task can take now. */
export const ready = (r: Rig, task: number): number[] =>
  [...words.subarray(0, r.d.system.steps(words))].filter((word) => word >>> 8 === task);

/** Takes steps of a task until it is at a step, or has ended. */
export function until(r: Rig, task: number, step: number): void {
  while (r.d.system.view.taskLive(task) === 1 && stepOf(r, task) !== step) {
    const [word] = ready(r, task);
    if (word === undefined) throw new Error(`task ${task} waits`);
    r.d.system.take(word);
  }
}
/** Takes all steps of a task, and answers what it answered. */
export const finish = (r: Rig, task: number): Ret => {
  until(r, task, -1);
  return r.d.system.answer();
};

/** Lets everything come to its end, and answers what each command of a device did, by ticket. */
export function settled(r: Rig, dev = 0): Record<number, Ret> {
  expect(r.d.settle(5000)).toBeLessThan(5000);
  const answers: Record<number, Ret> = {};
  for (let done = r.d.completed(dev); done !== null; done = r.d.completed(dev)) answers[done.ticket] = done.ret;
  expect(stateFault(r.h)).toBeNull();
  return answers;
}

/** Success, and nothing more. */
export const OK: Ret = { status: "ok" };
/** Success, with a byte. */
export const value = (n: number): Ret => ({ status: "ok", value: n });
/** An error number. */
export const errno = (name: Extract<Ret, { status: "errno" }>["errno"]): Ret => ({ status: "errno", errno: name });
