/** Random runs: the same everywhere, within their limits and their mask, with every call answered at the end. */
import { describe, expect, it } from "vitest";
import { Client, DECIDED } from "../../check/client.ts";
import { compareViews } from "../../check/compare.ts";
import { modelSystem } from "../../check/model-system.ts";
import { randomStream } from "../../check/random.ts";
import { setupOf } from "../../check/setup.ts";
import { styleOf } from "../../check/style.ts";
import { completed, walk } from "../../check/walk.ts";
import type { Observer, Walked } from "../../check/walk.ts";
import { callTable } from "../../check/weights.ts";
import { profile, RULES } from "../../model/index.ts";
import type { RuleTable } from "../../model/index.ts";
import { OPERATIONS } from "../../properties/test-case.ts";
import type { Operation, TestCase } from "../../properties/test-case.ts";
import type { System } from "../../spec/system.ts";
import type { Action } from "../../spec/vocabulary.ts";
import { STEPS } from "../../spec/words.ts";
import { call, model, stepOf, testCase, variety, words } from "./systems.ts";

interface Ran extends Walked {
  readonly system: System;
  readonly actions_taken: readonly Action[];
}

function ran(each: TestCase, observer: (system: System) => Observer = () => ({}), rules?: RuleTable): Ran {
  const system = modelSystem(setupOf(each), rules);
  const record: Action[] = [];
  return { ...walk(system, each, observer(system), { record }), system, actions_taken: record };
}

const calls = (actions: readonly Action[]): string[] => actions.flatMap((a) => (a.type === "call" ? [a.call.op] : []));
const living = ({ view }: System): number =>
  Array.from({ length: view.actorCount() }, (_, i) => view.actorMm(i)).filter((mm) => mm >= 0).length;

describe("the random numbers", () => {
  it("are the same on every machine", () => {
    const { next } = randomStream(1);
    expect([next(), next(), next()]).toEqual(NUMBERS);
    const other = randomStream(2 ** 40 + 1);
    expect(other.next()).not.toBe(NUMBERS[0]);
  });

  it("fill the 32 bits evenly", () => {
    const { next, below } = randomStream(7);
    const bits = Array.from({ length: 32 }, () => 0);
    for (let n = 0; n < 4000; n++) for (let x = next(), bit = 0; bit < 32; bit++) bits[bit] = (bits[bit] ?? 0) + ((x >>> bit) & 1);
    expect(bits.every((count) => Math.abs(count - 2000) < 150)).toBe(true);
    expect(new Set(Array.from({ length: 100 }, () => below(5)))).toEqual(new Set([0, 1, 2, 3, 4]));
  });
});

describe("a run", () => {
  it("is the same whenever it is run, and its record leads a fresh system to the same state", () => {
    for (const each of variety({}, 6)) {
      const first = ran(each);
      const second = ran(each);
      expect(second.actions_taken).toEqual(first.actions_taken);
      const fresh = modelSystem(setupOf(each));
      for (const action of first.actions_taken) expect(fresh.apply(action).kind).not.toBe("disabled");
      expect(compareViews(first.system.view, fresh.view)).toBeNull();
    }
  });

  it("goes by the numbers that it is given as by those of a seed", () => {
    const { next } = randomStream(1);
    const given = ran(testCase({ choices: Array.from({ length: 300 }, next) }));
    expect(given.actions_taken).toEqual(ran(testCase()).actions_taken);
  });

  it("changes with its numbers and with its style", () => {
    const first = ran(testCase()).actions_taken;
    expect(ran(testCase({ choices: { seed: 2, length: 300 } })).actions_taken).not.toEqual(first);
    expect(ran(testCase({ style: 2 })).actions_taken).not.toEqual(first);
  });

  it("of no decision does nothing, and one of zeroes is one mapping", () => {
    expect(ran(testCase({ choices: [] }))).toMatchObject({ end: "done", actions: 0, answers: 0 });
    const zeroes = ran(testCase({ choices: Array.from({ length: 20 }, () => 0) }));
    expect(calls(zeroes.actions_taken).slice(0, 1)).toEqual(["mmap"]);
    expect(zeroes.end).toBe("done");
  });

  it("begins with a mapping, where its mask has one", () => {
    const firsts = variety({}, 40).map((each) => calls(ran(each).actions_taken)[0]);
    expect(firsts.filter((op) => op === "mmap").length).toBeGreaterThan(30);
  });

  it("makes only calls of its mask, and lets only that happen which the mask names", () => {
    const mask: Operation[] = ["mmap", "cpu_write", "migrate_to_device", "pin"];
    const { actions_taken } = ran(testCase({ mask, style: 0b11_10_00_00, choices: { seed: 3, length: 600 } }));
    expect(new Set(calls(actions_taken))).toEqual(new Set(["mmap", "cpu_write", "migrate_to_device"]));
    expect(new Set(actions_taken.map((a) => a.type))).toEqual(new Set(["call", "step", "pin", "unpin"]));
    expect(ran(testCase({ mask: [] }))).toMatchObject({ end: "done", actions: 0 });
  });

  it.each([1, 2, 3])("has at most %i tasks and as many processes, and uses that", (most) => {
    const seen = { tasks: 0, actors: 0 };
    const limits = { tasks_max: most, actors_max: most };
    for (const each of [...variety({ limits }, 6), ...variety({ limits, mask: ["mmap", "cpu_write", "fork", "exit"] }, 4)]) {
      ran(each, (system) => ({
        after() {
          seen.tasks = Math.max(seen.tasks, system.view.taskCount());
          seen.actors = Math.max(seen.actors, living(system));
        },
      }));
    }
    expect(seen).toEqual({ tasks: most, actors: most });
  });

  it("gives back what it holds, and leaves no task", () => {
    for (const each of variety({ mask: OPERATIONS, choices: { seed: 9, length: 500 } }, 8)) {
      const { actions_taken, system, end } = ran({ ...each, style: each.style | 0b11_00_00_00 });
      const count = (type: Action["type"]): number => actions_taken.filter((a) => a.type === type).length;
      expect(end).toBe("done");
      expect(system.view.taskCount()).toBe(0);
      expect([count("pin"), count("get")]).toEqual([count("unpin"), count("put")]);
      for (let pfn = 0; pfn < system.view.frameCount(); pfn++) expect(system.view.framePins(pfn)).toBe(0);
    }
  });

  it("tells its observer of each action, before and after it", () => {
    let expected = 0;
    let told = 0;
    const { actions, answers } = ran(testCase(), (system) => {
      let step = "";
      return {
        before(word, action) {
          expect(word >= 0).toBe(action === null);
          if (word >= 0) step = stepOf(system.view, word >> 8);
          expected = system.view.taskCount();
        },
        after(word, _action, returned) {
          told++;
          if (returned >= 0) expect([word >> 8, system.view.taskLive(returned)]).toEqual([returned, 0]);
          if (word >= 0 && returned < 0) expect(STEPS.some((name) => name === step) && expected > 0).toBe(true);
        },
      };
    });
    expect(told).toBe(actions);
    expect(answers).toBeGreaterThan(10);
  });
});

describe("the end of a run", () => {
  it("comes when the observer says so, before another action", () => {
    let n = 0;
    const { end, actions } = ran(testCase(), () => ({ after: () => void n++, stopped: () => n === 17 }));
    expect([end, actions]).toEqual(["stopped", 17]);
  });

  it("comes with the system's death", () => {
    const mask: Operation[] = ["mmap", "cpu_write", "migrate_to_device", "device_read"];
    const runs = variety({ core: "linux-6.1", driver: "dmirror", mask }, 20).map((each) => ran(each));
    const died = runs.filter(({ end }) => end === "crash");
    expect(died.length).toBeGreaterThan(0);
    for (const { system, actions_taken } of runs) {
      const fresh = modelSystem(system.setup);
      const crashes = actions_taken
        .map((action) => fresh.apply(action))
        .flatMap((o, i) => (o.kind === "return" && o.ret.status === "crash" ? [i] : []));
      expect(crashes).toEqual(system.answer().status === "crash" ? [actions_taken.length - 1] : []);
    }
  });

  it("is a deadlock when calls are in flight and none can go on", () => {
    const { fault } = RULES.cpu_access;
    const stuck = { ...RULES, cpu_access: { ...RULES.cpu_access, fault: { ...fault, enabled: () => false } } };
    const { end, system } = ran(testCase({ mask: ["mmap", "cpu_write"] }), undefined, stuck);
    expect([end, completed(end)]).toEqual(["deadlock", false]);
    expect(stepOf(system.view, 0)).toBe("cpu_access.fault");
  });

  it("is endless when the calls go on for ever", () => {
    const { fault } = RULES.cpu_access;
    const again = { ...RULES, cpu_access: { ...RULES.cpu_access, fault: { ...fault, apply: () => undefined } } };
    const each = testCase({ mask: ["mmap", "cpu_write"], choices: { seed: 1, length: 50 } });
    const system = modelSystem(setupOf(each), again);
    expect(walk(system, each, {}, { finish_max: 500 })).toMatchObject({ end: "endless" });
  });

  it("is reached by two calls that undo each other's work as long as they take turns step by step", () => {
    const mask: Operation[] = ["mmap", "make_exclusive"];
    const ends = variety({ mask, limits: { tasks_max: 3, actors_max: 1 }, choices: { seed: 4, length: 60 } }, 20).map(
      (each) => ran({ ...each, config: { ...each.config, pages: 2 }, choices: { seed: each.style, length: 60 } }).end,
    );
    expect(new Set(ends)).toEqual(new Set(["done"]));
  });

  it("waits for the removal of device memory: who still maps it is made to unmap it, and what is pinned is given back", () => {
    const system = model({ core: "v14" });
    call(system, 0, { op: "mmap", page: 0, npages: 4, prot: "rw", map: "private" });
    for (const page of [0, 1]) call(system, 0, { op: "cpu_write", page, value: 1 });
    call(system, 0, { op: "migrate_to_device", dev: 0, page: 0, npages: 2 });
    system.apply({ type: "call", actor: 0, call: { op: "devmem_release", dev: 0 } });
    const record: Action[] = [];
    expect(walk(system, testCase({ choices: [] }), {}, { record })).toMatchObject({ end: "done", answers: 2 });
    expect(record.filter((a) => a.type !== "step")).toEqual([{ type: "call", actor: 0, call: { op: "munmap", page: 0, npages: 4 } }]);
    expect([system.view.chunkCount(0), system.view.deviceFree(0)]).toEqual([0, 0]);
  });

  it("is not a deadlock as long as something is held that a task may wait for", () => {
    const system = model({ core: "linux-6.1" });
    call(system, 0, { op: "mmap", page: 0, npages: 1, prot: "rw", map: "private" });
    call(system, 0, { op: "cpu_write", page: 0, value: 1 });
    call(system, 0, { op: "migrate_to_device", dev: 0, page: 0, npages: 1 });
    const client = new Client(system, testCase({ limits: { tasks_max: 1, actors_max: 1 } }));
    const act = (action: Action): void => {
      expect(system.apply(action)).toEqual({ kind: "running" });
      client.began(action);
    };
    act({ type: "get", pfn: system.view.pte(0, 0) >>> 8 });
    act({ type: "call", actor: 0, call: { op: "devmem_release", dev: 0 } });
    for (let word = client.next(0); word >= 0; word = client.next(0)) client.took(word, system.take(word) === 1);
    expect([stepOf(system.view, 0), words(system)]).toEqual(["remove_chunk.e7", []]);
    expect([client.next(0), client.action]).toEqual([DECIDED.action, { type: "put", pfn: system.view.pte(0, 0) >>> 8 }]);
    act(client.action ?? expect.fail());
    expect(words(system)).toHaveLength(1);
  });
});

describe("the style of a run", () => {
  it("is taken apart two bits a habit", () => {
    expect(styleOf(0)).toEqual({ stay: 0, freezes: false, trouble: 0, calls: 6, environment: 0, focus: "any range" });
    expect(styleOf(0b01_10_01_11_10)).toEqual({ stay: 15, freezes: false, trouble: 10, calls: 12, environment: 4, focus: "single pages" });
    expect(styleOf(0b11)).toMatchObject({ freezes: true, stay: 8 });
  });

  const chosen = (style: number): Set<string> => {
    const seen = new Set<string>();
    const mask: Operation[] = ["mmap", "cpu_write", "migrate_to_device", "madvise", "reclaim"];
    for (let seed = 1; seed <= 12; seed++)
      for (const action of ran(testCase({ mask, style, choices: { seed, length: 400 } })).actions_taken)
        if (action.type === "step") seen.add(action.choice);
    return seen;
  };

  it("decides whether the environment makes trouble", () => {
    const calm = chosen(0b10_01_00_00);
    const rough = chosen(0b10_01_11_00);
    const trouble = ["busy", "no-memory", "error", "failed"];
    expect(trouble.filter((choice) => calm.has(choice))).toEqual([]);
    expect(trouble.filter((choice) => rough.has(choice))).toEqual(trouble);
    expect([calm.has("copied"), calm.has("swap"), calm.has("no-swap")]).toEqual([true, true, true]);
  });

  /** How often the next step is one of another task, although the last one could go on. */
  const switches = (style: number): number => {
    let n = 0;
    let all = 0;
    for (let seed = 1; seed <= 6; seed++) {
      const into = new Int32Array(256);
      let last = -1;
      ran(testCase({ style, choices: { seed, length: 400 } }), (system) => ({
        before(word) {
          const enabled = into.subarray(0, system.steps(into));
          if (word < 0 || !enabled.some((w) => w >> 8 === last) || enabled.every((w) => w >> 8 === last)) return;
          all++;
          if (word >> 8 !== last) n++;
        },
        after: (word) => void (last = word >= 0 ? word >> 8 : last),
      }));
    }
    return n / all;
  };

  it("decides how often another task goes on", () => {
    const [any, seldom, rarely] = [switches(0), switches(1), switches(2)];
    expect(any).toBeGreaterThan(0.4);
    expect(seldom).toBeLessThan(0.3);
    expect(rarely).toBeLessThan(0.15);
  });

  it("may hold one task up in the middle, while the others go on", () => {
    /** For how many steps a task that could go on was passed over. */
    const passed = (style: number): number => {
      const into = new Int32Array(256);
      let most = 0;
      for (let seed = 1; seed <= 5; seed++) {
        const idle = [0, 0, 0];
        const each = testCase({ style: style | 0b10_00_00, choices: { seed, length: 600 } });
        ran(each, (system) => ({
          before(word) {
            const ready = new Set(Array.from(into.subarray(0, system.steps(into)), (w) => w >> 8));
            for (let task = 0; task < 3; task++)
              idle[task] = word < 0 || task === word >> 8 || !ready.has(task) ? 0 : (idle[task] ?? 0) + 1;
            most = Math.max(most, ...idle);
          },
        }));
      }
      return most;
    };
    expect(passed(0b00)).toBeLessThan(25);
    expect(passed(0b11)).toBeGreaterThan(40);
  });

  it("may keep the calls to few pages", () => {
    const pages = (focus: number): number[] => {
      const seen = new Set<number>();
      for (const a of ran(testCase({ style: focus << 8, choices: { seed: 5, length: 900 } })).actions_taken)
        if (a.type === "call" && "page" in a.call && "npages" in a.call && a.call.op !== "mmap") seen.add(a.call.npages);
      return [...seen].toSorted((a, b) => a - b);
    };
    expect(pages(1).filter((n) => n > 1)).toEqual([]);
    expect(pages(2)).toEqual([4]);
    expect(pages(3).filter((n) => n > 2)).toEqual([]);
    expect(pages(0)).toContain(3);
  });
});

describe("the table of calls", () => {
  it("has each operation of the mask, what is seldom and what a core does not have the fewest times", () => {
    const count = (op: string, core: "v14" | "linux-6.1"): number =>
      callTable(OPERATIONS, profile(core, "ideal")).filter((each) => each === op).length;
    expect(count("cpu_write", "v14")).toBeGreaterThan(count("munmap", "v14"));
    expect([count("make_exclusive", "v14"), count("make_exclusive", "linux-6.1")]).toEqual([1, 8]);
    expect([count("hmm_device_new", "v14"), count("hmm_device_new", "linux-6.1")]).toEqual([4, 1]);
    expect([count("pin", "v14"), count("duplicate", "v14"), count("devmem_release", "v14")]).toEqual([0, 1, 1]);
    expect(callTable(["pin", "mmap"], profile("v14", "ideal")).every((op) => op === "mmap")).toBe(true);
  });
});

describe("a system that a walk continues", () => {
  it("finishes also the calls that were in flight before", () => {
    const system = model();
    system.apply({ type: "call", actor: 0, call: { op: "mmap", page: 0, npages: 4, prot: "rw", map: "private" } });
    expect(walk(system, testCase({ choices: [] }))).toMatchObject({ end: "done", answers: 1 });
    expect(system.view.vmaCount(0)).toBe(1);
  });
});

const NUMBERS = [441_792_574, 614_447_336, 1_644_328_534];
