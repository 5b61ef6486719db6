import { describe, expect, it } from "vitest";
import type { ModelCall } from "../../spec/vocabulary.ts";
import type { Core, DeviceKind } from "../../spec/vocabulary.ts";
import { TAKEN } from "../../spec/system.ts";
import { randomStream } from "../../check/random.ts";
import { rig, stateFault, valueAt } from "./engine-run.ts";
import { walkDevices } from "./engine-walk.ts";
import type { Met, Walk } from "./engine-walk.ts";

const RUNS = 14;
const STEPS = 800;
const ACCESS: readonly ModelCall["op"][] = [
  "cpu_read",
  "cpu_read",
  "cpu_write",
  "cpu_write",
  "device_write",
  "device_read",
  "make_exclusive",
];
const MIGRATE: readonly ModelCall["op"][] = ["migrate_to_device", "migrate_to_device", "migrate_to_system"];
const SPACE: readonly ModelCall["op"][] = ["mmap", "mmap", "munmap", "mprotect", "madvise"];
const MEMORY: readonly ModelCall["op"][] = ["devmem_add", "devmem_remove"];
const LIFE: readonly ModelCall["op"][] = ["fork", "exit", "open", "close"];

/** Runs with every seed, and everything that they came across together. */
function runs(walk: Omit<Walk, "seed" | "steps">, count = RUNS): Met {
  const met: Met = {};
  for (let seed = 1; seed <= count; seed++) {
    try {
      for (const [name, n] of Object.entries(walkDevices({ pages: 4, ...walk, seed, steps: STEPS }))) met[name] = (met[name] ?? 0) + n;
    } catch (error) {
      throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
    }
  }
  return met;
}

const expectMet = (met: Met, names: readonly string[]): void => expect(names.filter((name) => !(met[name]! > 0))).toEqual([]);

const DEVICES: readonly (readonly [Core, readonly DeviceKind[]])[] = [
  ["linux-6.12", ["private", "private"]],
  ["linux-6.12", ["private", "coherent"]],
  ["linux-6.1", ["private", "coherent", "private"]],
];

describe("devices that run beside CPU tasks", () => {
  it.each(DEVICES)("read the last write of anybody, whatever the interleaving (%s, %j)", (core, devices) => {
    const met = runs({ core, devices, calls: [...ACCESS, ...MIGRATE], values: true });
    const accesses = [
      "read",
      "write",
      "atomic_add",
      "copy",
      "cpu_read",
      "cpu_write",
      "device_write",
      "device_access.a1",
      "migrate_call.a1",
    ];
    expectMet(met, [
      ...accesses,
      "two accesses in flight",
      "a callback waits for a device",
      "translate: hit",
      "worker: replay",
      "copy: EIO",
    ]);
  });

  it("lose nothing while mappings come and go, and reach nothing after munmap", () => {
    const met = runs({ calls: [...ACCESS, ...MIGRATE, ...SPACE], values: true });
    expectMet(met, ["munmap: looked at", "read: EFAULT", "write: EPERM", "atomic_add: EBUSY", "read: ok", "atomic_add: ok"]);
  });

  it("lose nothing while device memory is added, evicted and removed", () => {
    const met = runs({ calls: [...ACCESS, ...MIGRATE, ...MIGRATE, ...MEMORY, ...MEMORY], values: true });
    expectMet(met, ["another chunk", "devmem_remove: ok", "read", "write", "atomic_add", "a callback waits for a device"]);
  });

  it("keep their queues, translations and order while processes and mirrors come and go", () => {
    const met = runs({ calls: [...ACCESS, ...MIGRATE, ...SPACE, ...LIFE, ...LIFE], values: false }, 2 * RUNS);
    expectMet(met, [
      "fork: ok",
      "exit: ok",
      "close: ok",
      "read: ENODEV",
      "submit: refused",
      "submit: full",
      "fault queue full",
      "order: looked at",
    ]);
  });

  it("come to an end with each command on v14, which does not know atomics", () => {
    const met = runs({ core: "v14", devices: ["private"], calls: [...ACCESS, ...MIGRATE], values: false, stale: true });
    expectMet(met, ["read: ok", "write: ok", "atomic_add: EOPNOTSUPP"]);
  });
});

describe("atomics of two devices", () => {
  it.each([1, 2, 3, 4, 5, 6])("add up, while the CPU looks and the page moves (seed %i)", (seed) => {
    const { h, d } = rig({ devices: ["private", "private"], bounds: { physicalPages: 0 } });
    const random = randomStream(seed);
    const { system } = d;
    system.run(0, { op: "mmap", page: 0, npages: 1, prot: "rw", map: "private" });
    for (const dev of [0, 1]) system.run(0, { op: "open", dev });
    const words = new Int32Array(256);
    let sum = 0;
    let last = 0;
    let submitted = 0;
    let busy = 0;
    const migrations: ModelCall[] = [
      { op: "migrate_to_device", dev: 0, page: 0, npages: 1 },
      { op: "migrate_to_device", dev: 1, page: 0, npages: 1 },
      { op: "cpu_read", page: 0 },
    ];
    for (let n = 0; n < 6000; n++) {
      const dev = random.below(2);
      if (submitted < 60 && random.below(16) === 0 && d.submit(0, dev, { op: "atomic_add", page: 0, value: 1 }).kind === "queued")
        submitted++;
      if (submitted < 60 && random.below(32) === 0 && system.view.taskLive(0) === 0)
        system.apply({ type: "call", actor: 0, call: migrations[random.below(3)]! });
      const devices = d.steps(words);
      const tasks = system.steps(words.subarray(devices));
      const pick = random.below(Math.max(1, devices + tasks));
      if (pick < devices) d.take(words[pick]!);
      else if (pick < devices + tasks && system.take(words[pick]!) === TAKEN.returned) {
        const ret = system.answer();
        if (ret.status === "ok" && ret.cpages === undefined && ret.value !== undefined) {
          if (ret.value < last) throw new Error(`the CPU read ${ret.value} after ${last}`);
          last = ret.value;
        }
      }
      const done = d.completed(dev);
      if (done?.ret.status === "ok") sum++;
      else if (done !== null) busy++;
      const fault = stateFault(h);
      if (fault !== null) throw new Error(fault);
    }
    expect([submitted, sum + busy]).toEqual([60, 60]);
    expect(sum).toBeGreaterThan(20);
    expect(valueAt(h, 0, 0)).toBe(sum);
  });
});
