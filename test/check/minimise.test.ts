import { describe, expect, it } from "vitest";
import { type Bench, type BenchFactory, benchOf, type Size } from "../../check/bench.ts";
import type { Failure } from "../../check/failure.ts";
import { minimise, type Minimised } from "../../check/minimise.ts";
import { operationsOf } from "../../check/minimise/move.ts";
import { perform } from "../../check/minimise/perform.ts";
import { symbolise } from "../../check/minimise/symbolise.ts";
import { stateKey } from "../../check/minimise/state-key.ts";
import { simplerCalls } from "../../check/minimise/simpler-call.ts";
import { type Scope, setupOf } from "../../check/setup.ts";
import { subjectFactory } from "../../check/subject.ts";
import { walk } from "../../check/walk.ts";
import { RULES, type RuleTable } from "../../model/index.ts";
import type { Step } from "../../properties/property.ts";
import { PROPERTIES } from "../../properties/registry.ts";
import type { Operation, TestCase } from "../../properties/test-case.ts";
import { TAKEN } from "../../spec/system.ts";
import type { System } from "../../spec/system.ts";
import type { Action, ModelCall } from "../../spec/vocabulary.ts";
import { CHOICES } from "../../spec/words.ts";

const CHECKED = PROPERTIES.filter(({ kind }) => kind !== "sometimes");
const SCOPE: Scope = {
  core: "linux-6.1",
  driver: "ideal",
  switches: {},
  config: { pages: 4, page_bytes: 4096, devices: [{ kind: "coherent" }, { kind: "private" }] },
  bounds: { deviceFrames: 3, physicalPages: 2, sectionPages: 1 },
};
const MASK: readonly Operation[] = [
  "mmap",
  "cpu_write",
  "device_read",
  "device_write",
  "migrate_to_device",
  "munmap",
  "fork",
  "get",
  "reclaim",
];

/** Callbacks of invalidations forget to erase what the mirror has. */
const DEAF: RuleTable = {
  ...RULES,
  invalidate: {
    ...RULES.invalidate,
    i2: {
      ...RULES.invalidate.i2,
      apply(s, t, a, choice) {
        const dpts = s.files.map((file) => file.dpt.slice());
        RULES.invalidate.i2.apply(s, t, a, choice);
        for (const [i, dpt] of dpts.entries()) {
          const file = s.files[i];
          if (file !== undefined) file.dpt = dpt;
        }
      },
    },
  },
};

/** Reclaim keeps the lock of a page that it cannot free. */
const KEEPS_LOCK: RuleTable = {
  ...RULES,
  reclaim: {
    ...RULES.reclaim,
    r3: {
      ...RULES.reclaim.r3,
      apply(s, t, a, choice) {
        const frame = s.frames[a.pfn];
        RULES.reclaim.r3.apply(s, t, a, choice);
        const now = s.frames[a.pfn];
        if (frame !== undefined && now !== undefined && !now.free) s.frames[a.pfn] = { ...now, locked: frame.locked };
      },
    },
  },
};

const factory =
  (rules: RuleTable, kind: "model" | "lockstep" = "model", scope: Scope = SCOPE): BenchFactory =>
  (size) =>
    benchOf(subjectFactory(kind, { rules })(setupOf({ ...scope, ...size })), CHECKED);

/** The first random run that fails, as recorded. */
function failingRun(make: BenchFactory, size: Size, mask = MASK): Action[] {
  for (let seed = 0; seed < 400; seed++) {
    const bench = make(size);
    let failure: Failure | null = null;
    const record: Action[] = [];
    const system: System = {
      setup: bench.system.setup,
      view: bench.system.view,
      steps: (into) => bench.system.steps(into),
      take(word) {
        failure = bench.take(word);
        return bench.returned() ? TAKEN.returned : TAKEN.running;
      },
      answer: () => bench.system.answer(),
      refusal: (action) => bench.system.refusal(action),
      apply(action) {
        failure = bench.apply(action);
        return { kind: "running" };
      },
      save: () => bench.save(),
      restore: (saved) => bench.restore(saved),
    };
    const testCase: Pick<TestCase, "mask" | "limits" | "style" | "config" | "choices"> = {
      mask,
      limits: { tasks_max: 3, actors_max: 2 },
      style: Math.imul(seed, 0x9e3779b1) >>> 0,
      config: size.config,
      choices: { seed, length: 200 },
    };
    walk(system, testCase, { stopped: () => failure !== null }, { record });
    if (failure !== null) return record;
  }
  throw new Error("no run fails");
}

const SIZE: Size = { config: SCOPE.config, bounds: SCOPE.bounds };

function found(minimal: Minimised | null): Minimised {
  if (minimal === null) throw new Error("the run does not fail");
  return minimal;
}

describe("minimising", () => {
  const make = factory(DEAF);
  const actions = failingRun(make, SIZE);
  const minimal = found(minimise(make, SIZE, actions));

  it("ends with the shortest run of the smallest system", () => {
    expect(actions.length).toBeGreaterThan(30);
    const calls = minimal.actions.flatMap((action) => (action.type === "call" ? [action.call.op] : []));
    expect(calls).toHaveLength(3);
    expect(calls[0]).toBe("mmap");
    expect(minimal.cost).toMatchObject({ operations: 3, switches: expect.any(Number) as number });
    expect(minimal.size.config).toEqual({ pages: 1, page_bytes: 4096, devices: [{ kind: "private" }] });
    expect(minimal.size.bounds).toEqual({ deviceFrames: 0, physicalPages: 0 });
    expect(minimal.bounded).toBe(false);
  });

  it("keeps the property, and every action of the result is enabled where it stands", () => {
    const bench = make(minimal.size);
    let failure: Failure | null = null;
    for (const action of minimal.actions) {
      expect(failure).toBeNull();
      expect(bench.system.refusal(action)).toBeNull();
      failure = bench.apply(action);
    }
    expect(failure).toEqual(minimal.failure);
    expect(minimal.failure.id).toBe(found(minimise(make, SIZE, actions, { runs_max: 1 })).failure.id);
  });

  it("is the same each time", () => {
    expect(minimise(make, SIZE, actions)).toEqual(minimal);
  });

  it("cannot make its own result simpler", () => {
    expect(found(minimise(make, minimal.size, minimal.actions)).actions).toEqual(minimal.actions);
  });

  it("keeps what it has when a bound ends it", () => {
    const bounded = found(minimise(make, SIZE, actions, { runs_max: 3 }));
    expect(bounded).toMatchObject({ bounded: true, runs: 3, failure: { id: minimal.failure.id } });
    expect(found(minimise(make, SIZE, actions, { stop: () => true })).runs).toBe(0);
    expect(found(minimise(make, SIZE, actions, { actions_max: 200 })).bounded).toBe(true);
  });

  it("answers null for a run that does not fail", () => {
    expect(minimise(factory(RULES), SIZE, actions)).toBeNull();
  });

  it("records what the calls of the result have answered", () => {
    expect(minimal.outcomes).toHaveLength(minimal.actions.length);
    for (const [i, outcome] of minimal.outcomes.entries()) if (outcome !== null) expect(minimal.actions[i]?.type).toBe("step");
  });
});

describe("minimising two systems that differ", () => {
  it("ends with a run in which they differ", () => {
    const make = factory(DEAF, "lockstep");
    const minimal = found(minimise(make, SIZE, failingRun(make, SIZE)));
    expect(minimal.failure).toMatchObject({ kind: "refines", id: "refines" });
    expect(minimal.cost.operations).toBeLessThanOrEqual(3);
    expect(minimal.size.config.pages).toBe(1);
  });

  it("finds the frames of reclaim and pins again when others get other numbers", () => {
    const make = factory(KEEPS_LOCK, "lockstep");
    const minimal = found(minimise(make, SIZE, failingRun(make, SIZE, ["mmap", "cpu_write", "device_write", "get", "reclaim"])));
    const types = minimal.actions.flatMap((action) => (action.type === "step" ? [] : [action.type]));
    expect(types).toEqual(["call", "call", "get", "reclaim"]);
    expect(minimal.size.config).toMatchObject({ pages: 1, devices: [] });
  });
});

describe("what is accepted", () => {
  const step = (id: string, check: Step["check"]): Step => ({ id, kind: "step", spec: [], statement: id, check });
  /** Two properties: the run that breaks one of them breaks the other one as soon as something is left out. */
  const properties: readonly Step[] = [
    step("few", (_, { call }, now) => (call?.op === "munmap" && now.view.vmaCount(0) < 2 ? "few" : null)),
    step("many", (_, __, now) => (now.view.vmaCount(0) > 2 ? "many" : null)),
  ];

  it("breaks the same property, and no other one", () => {
    const size: Size = { config: { pages: 6, page_bytes: 4096, devices: [] }, bounds: { deviceFrames: 0, physicalPages: 0 } };
    const make: BenchFactory = (smaller) => benchOf(subjectFactory("model")(setupOf({ ...SCOPE, ...smaller })), properties);
    const calls: readonly ModelCall[] = [
      { op: "mmap", page: 0, npages: 1, prot: "rw", map: "private" },
      { op: "mmap", page: 2, npages: 1, prot: "rw", map: "private" },
      { op: "munmap", page: 5, npages: 1 },
      { op: "mmap", page: 4, npages: 1, prot: "rw", map: "private" },
    ];
    const minimal = found(minimise(make, size, oneByOne(make(size), calls)));
    expect(minimal.failure.id).toBe("many");
    expect(minimal.actions.flatMap((action) => (action.type === "call" ? [action.call.op] : []))).toEqual(["mmap", "mmap", "mmap"]);
  });
});

/** Carries out calls one after the other, and answers all actions. */
function oneByOne(bench: Bench, calls: readonly ModelCall[]): Action[] {
  const actions: Action[] = [];
  const words = new Int32Array(64);
  let failure: Failure | null = null;
  const run = (action: Action): void => {
    actions.push(action);
    failure = bench.apply(action);
  };
  for (const call of calls) {
    run({ type: "call", actor: 0, call });
    for (let n = bench.system.steps(words); n > 0 && failure === null; n = bench.system.steps(words))
      run({ type: "step", task: (words[0] ?? 0) >> 8, choice: CHOICES[(words[0] ?? 0) & 0xff] ?? "" });
  }
  return actions;
}

describe("a frame", () => {
  it("is found by the page that maps it, when it has another number", () => {
    const size: Size = { config: { pages: 4, page_bytes: 4096, devices: [] }, bounds: { deviceFrames: 0, physicalPages: 0 } };
    const make = (): Bench => benchOf(subjectFactory("model")(setupOf({ ...SCOPE, ...size })), []);
    const write = (page: number): ModelCall => ({ op: "cpu_write", page, value: 1 });
    const calls: readonly ModelCall[] = [{ op: "mmap", page: 0, npages: 4, prot: "rw", map: "private" }, write(0), write(1), write(2)];
    const actions = [...oneByOne(make(), calls), { type: "pin", pfn: 2 } as const];
    const { moves } = symbolise(make(), actions);
    const second = operationsOf(moves)[1];
    const without = perform(
      make(),
      moves.filter(({ of }) => of !== second),
    );
    expect(without.actions.filter(({ type }) => type === "pin")).toEqual([{ type: "pin", pfn: 1 }]);
  });
});

describe("a deadlock", () => {
  /** Whoever has the address space for reading never gives it back. */
  const stuck: RuleTable = {
    ...RULES,
    cpu_access: {
      ...RULES.cpu_access,
      fault: {
        ...RULES.cpu_access.fault,
        apply(s, t, a, choice) {
          const readers = s.mms[a.mm]?.lock.readers.slice() ?? [];
          RULES.cpu_access.fault.apply(s, t, a, choice);
          const mm = s.mms[a.mm];
          if (mm !== undefined) mm.lock = { ...mm.lock, readers };
        },
      },
    },
  };

  it("is a failure of a run that is over, and is minimised as such", () => {
    const scope = { ...SCOPE, core: "linux-6.1" } as const;
    const make: BenchFactory = (size) => benchOf(subjectFactory("model", { rules: stuck })(setupOf({ ...scope, ...size })), []);
    const mapping = { op: "mmap", npages: 2, prot: "rw", map: "private" } as const;
    const actions = oneByOne(make(SIZE), [
      { ...mapping, page: 0 },
      { ...mapping, page: 2 },
      { op: "cpu_write", page: 3, value: 9 },
      { op: "munmap", page: 0, npages: 4 },
    ]);
    const minimal = found(minimise(make, SIZE, actions));
    expect(minimal.failure).toMatchObject({ kind: "stuck", id: "deadlock" });
    expect(minimal.cost.operations).toBe(3);
    expect(minimal.size.config.pages).toBe(1);
  });
});

describe("simpler calls", () => {
  it("have less pages, lower numbers, and less arguments", () => {
    expect(simplerCalls({ op: "device_write", dev: 1, page: 2, npages: 3, value: 9 })).toEqual([
      { op: "cpu_write", page: 2, value: 9 },
      { op: "device_write", dev: 1, page: 2, npages: 1, value: 9 },
      { op: "device_write", dev: 1, page: 4, npages: 1, value: 9 },
      { op: "device_write", dev: 1, page: 2, npages: 2, value: 9 },
      { op: "device_write", dev: 1, page: 3, npages: 2, value: 9 },
      { op: "device_write", dev: 1, page: 0, npages: 3, value: 9 },
      { op: "device_write", dev: 1, page: 1, npages: 3, value: 9 },
      { op: "device_write", dev: 0, page: 2, npages: 3, value: 9 },
      { op: "device_write", dev: 1, page: 2, npages: 3, value: 1 },
      { op: "device_write", dev: 1, page: 2, npages: 3, value: 2 },
    ]);
    expect(simplerCalls({ op: "fork", child: 1, files: "inherit" })).toEqual([{ op: "fork", child: 1 }]);
    expect(simplerCalls({ op: "hmm_device_new" })).toEqual([]);
  });
});

describe("the key of a state", () => {
  it("is the same for equal states, and another one for others", () => {
    const state = { a: [1, 2, { b: "x", c: true, d: null }], words: new Int32Array([0, 0, 5]) };
    expect(stateKey(structuredClone(state))).toBe(stateKey(state));
    const others = [
      { ...state, a: [1, 2, { b: "y", c: true, d: null }] },
      { ...state, a: [2, 1, { b: "x", c: true, d: null }] },
      { ...state, a: [1, 2, { b: "x", c: false, d: null }] },
      { ...state, words: new Int32Array([0, 5, 0]) },
      { ...state, words: new Int32Array([0, 0, 6]) },
    ];
    expect(new Set([state, ...others].map(stateKey)).size).toBe(6);
  });

  it("leaves the other side of two systems out", () => {
    expect(stateKey({ left: [1], right: [2] })).toBe(stateKey({ left: [1], right: [3] }));
  });
});
