/** Lockstep: two systems that behave the same never differ, and any difference is found where it arises, and said. */
import { describe, expect, it } from "vitest";
import { compareViews } from "../../check/compare.ts";
import { lockstep, sameRet } from "../../check/lockstep.ts";
import type { Lockstep } from "../../check/lockstep.ts";
import { modelSystem } from "../../check/model-system.ts";
import { setupOf } from "../../check/setup.ts";
import { completed, walk } from "../../check/walk.ts";
import { RULES } from "../../model/index.ts";
import type { RuleTable } from "../../model/index.ts";
import { PROFILE_NAMES } from "../../properties/test-case.ts";
import type { TestCase } from "../../properties/test-case.ts";
import { TAKEN } from "../../spec/system.ts";
import type { View } from "../../spec/system.ts";
import type { ModelCall, Ret } from "../../spec/vocabulary.ts";
import { model, testCase, until, variety, words } from "./systems.ts";

const MMAP: ModelCall = { op: "mmap", page: 0, npages: 4, prot: "rw", map: "private" };
const WRITE: ModelCall = { op: "cpu_write", page: 1, value: 7 };

function pair(rules: RuleTable, parts: Partial<TestCase> = {}): Lockstep {
  return lockstep(model(parts), model(parts, rules));
}

/** Carries out a call in lockstep, as long as the two agree. */
function call(system: Lockstep, wanted: ModelCall): void {
  system.apply({ type: "call", actor: 0, call: wanted });
  for (let word = words(system)[0]; word !== undefined; word = words(system)[0]) if (system.take(word) === TAKEN.returned) return;
}

/** The model with one step that does something else after what it should do. */
const cpuWrites = (also: (value: { pfn: number }) => object): RuleTable => ({
  ...RULES,
  handle_mm_fault: {
    ...RULES.handle_mm_fault,
    c3: {
      ...RULES.handle_mm_fault.c3,
      apply(s, t, a, choice) {
        RULES.handle_mm_fault.c3.apply(s, t, a, choice);
        const pte = s.mms[a.mm]?.ptes[a.vpn];
        if (pte?.kind !== "present") return;
        const frame = s.frames[pte.pfn];
        if (frame) s.frames[pte.pfn] = { ...frame, ...also(pte) };
      },
    },
  },
});

describe.each(PROFILE_NAMES)("$core $driver", (name) => {
  it("a system and its twin agree in every state of a run", () => {
    for (const each of variety({ ...name, choices: { seed: 3, length: 150 } }, 6)) {
      const system = pair(RULES, each);
      const walked = walk(system, each, { stopped: () => system.difference() !== null });
      expect([system.difference(), completed(walked.end)]).toEqual([null, true]);
      expect(walked.actions).toBeGreaterThan(50);
    }
  });
});

describe("a difference", () => {
  it("in a view is found after the step that makes it, and told with its place", () => {
    const system = pair(cpuWrites(() => ({ dirty: true })));
    call(system, MMAP);
    system.apply({ type: "call", actor: 0, call: WRITE });
    until(system, 0, "handle_mm_fault.c3");
    expect(system.difference()).toBeNull();
    system.take(words(system)[0] ?? -1);
    expect(system.difference()).toEqual({
      kind: "view",
      text: "frame 8 marks: system anon anon-exclusive swap-backed lru != system anon dirty anon-exclusive swap-backed lru",
    });
  });

  it("in what can happen next is told by the step that only one of them names", () => {
    const { c1 } = RULES.cpu_access;
    const blocked = pair({ ...RULES, cpu_access: { ...RULES.cpu_access, c1: { ...c1, enabled: () => false } } });
    call(blocked, MMAP);
    call(blocked, WRITE);
    expect(blocked.difference()).toEqual({ kind: "enabled", text: "step: task 0 cpu_access.c1 != none" });
    const { m7_copy } = RULES.migrate;
    const never = pair({ ...RULES, migrate: { ...RULES.migrate, m7_copy: { ...m7_copy, choices: () => ["copied"] } } });
    call(never, MMAP);
    call(never, { op: "migrate_to_device", dev: 0, page: 0, npages: 1 });
    expect(never.difference()).toEqual({ kind: "enabled", text: "step: task 0 migrate.m7_copy failed != none" });
  });

  it("in an answer, or in whether there is one, is an outcome", () => {
    const { c1, fault } = RULES.cpu_access;
    const other = pair({
      ...RULES,
      cpu_access: { ...RULES.cpu_access, c1: { ...c1, apply: (_s, t) => void Object.assign(t, { stack: [], ret: { status: "ok" } }) } },
    });
    call(other, WRITE);
    expect(other.difference()).toEqual({ kind: "outcome", text: '{"status":"signal","signal":"SIGSEGV"} != {"status":"ok"}' });
    const early = pair({
      ...RULES,
      cpu_access: {
        ...RULES.cpu_access,
        fault: { ...fault, apply: (_s, t) => void Object.assign(t, { stack: [], ret: { status: "ok" } }) },
      },
    });
    call(early, MMAP);
    call(early, WRITE);
    expect(early.difference()).toEqual({ kind: "outcome", text: "running != returned" });
  });

  it("in whether an action makes sense is found before it is carried out", () => {
    const system = lockstep(model(), model());
    const right = system.right;
    right.apply({ type: "call", actor: 0, call: { op: "fork", child: 1 } });
    while (right.view.taskCount() > 0) right.take(words(right)[0] ?? -1);
    expect(system.apply({ type: "call", actor: 1, call: WRITE })).toMatchObject({ kind: "disabled" });
    expect(system.difference()).toEqual({ kind: "enabled", text: "refusal: actor 1 does not live != none" });
  });

  it("stops both: nothing is carried out behind it", () => {
    const system = pair(cpuWrites(() => ({ dirty: true })));
    call(system, MMAP);
    call(system, WRITE);
    const first = system.difference();
    const before = [system.left.save(), system.right.save()];
    expect(words(system)).toEqual([]);
    expect(system.apply({ type: "call", actor: 0, call: WRITE })).toMatchObject({ kind: "disabled" });
    expect(() => system.take(0)).toThrow("the systems differ");
    expect([system.left.save(), system.right.save()]).toEqual(before);
    expect(system.difference()).toBe(first);
  });

  it("between the first states is found at once", () => {
    expect(lockstep(model(), model({ bounds: { deviceFrames: 3, physicalPages: 4 } })).difference()?.kind).toBe("view");
  });

  it("is gone when both go back to before it", () => {
    const system = pair(cpuWrites(() => ({ dirty: true })));
    call(system, MMAP);
    const saved = system.save();
    call(system, WRITE);
    expect(system.difference()).not.toBeNull();
    system.restore(saved);
    expect([system.difference(), system.view.taskCount()]).toEqual([null, 0]);
    call(system, WRITE);
    expect(system.difference()).not.toBeNull();
  });
});

describe("two answers", () => {
  const ok: Ret = { status: "ok", cpages: 2, faults: 1, data: [1, 2], entries: ["00"], value: 3 };
  it.each<[Ret, Ret, boolean]>([
    [ok, { ...ok }, true],
    [ok, { ...ok, cpages: 1 }, false],
    [ok, { ...ok, faults: 0 }, false],
    [ok, { ...ok, data: [1, 3] }, false],
    [ok, { ...ok, data: [1] }, false],
    [ok, { ...ok, entries: ["01"] }, false],
    [ok, { ...ok, value: 4 }, false],
    [{ status: "ok", data: [-1] }, { status: "ok", data: [null as unknown as number] }, true],
    [{ status: "ok", data: [0] }, { status: "ok", data: [null as unknown as number] }, false],
    [{ status: "ok" }, { status: "ok", data: [] }, false],
    [{ status: "errno", errno: "EBUSY" }, { status: "errno", errno: "EBUSY" }, true],
    [{ status: "errno", errno: "EBUSY" }, { status: "errno", errno: "EIO" }, false],
    [{ status: "signal", signal: "SIGBUS" }, { status: "signal", signal: "SIGSEGV" }, false],
    [{ status: "crash", log: "a" }, { status: "crash", log: "b" }, true],
    [{ status: "ok" }, { status: "crash", log: "b" }, false],
    [{ status: "errno", errno: "EBUSY" }, { status: "ok" }, false],
  ])("%j and %j: %s", (a, b, same) => {
    expect(sameRet(a, b)).toBe(same);
    expect(sameRet(b, a)).toBe(same);
  });
});

/** A view that answers one question differently, whenever it is asked. */
function lying(view: View, question: string): View {
  return new Proxy(view, {
    get(target, name): unknown {
      const answer: unknown = Reflect.get(target, name);
      if (typeof answer !== "function") return name === question ? (answer as number) + 1 : answer;
      const read = answer as (...args: number[]) => number;
      return (...args: number[]) => read.apply(target, args) + (name === question ? 1 : 0);
    },
  });
}

describe("compareViews", () => {
  const questions = Object.getOwnPropertyNames(Object.getPrototypeOf(model().view)).filter(
    (name) => !["constructor", "look", "vma", "file", "record", "device", "chunk", "task", "profile"].includes(name),
  );
  const found = new Map<string, string>();
  const switches = { readDuplication: true };
  const duplicates: Partial<TestCase> = { switches, mask: ["mmap", "cpu_write", "duplicate", "device_read"] };
  const swaps: Partial<TestCase> = { mask: ["mmap", "cpu_write", "madvise", "reclaim"] };
  for (const each of [...variety({}, 4), ...variety({ core: "v14" }, 4), ...variety(duplicates, 6), ...variety(swaps, 4)]) {
    const system = modelSystem(setupOf(each));
    let n = 0;
    const after = (): void => {
      if (n++ % 4 !== 0) return;
      for (const question of questions) {
        if (found.has(question)) continue;
        const text = compareViews(system.view, lying(system.view, question));
        if (text !== null) found.set(question, text);
      }
    };
    walk(system, each, { after });
  }

  it.each(questions)("asks for %s", (question) => {
    expect(found.get(question)).toMatch(/.+: .* != .*/);
  });

  it("knows all questions of a view", () => {
    expect(questions.length).toBe(80);
    const view = testCase();
    expect(compareViews(model().view, model({ ...view, config: { ...view.config, pages: 3 } }).view)).toBe("pages: 4 != 3");
  });
});
