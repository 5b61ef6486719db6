/** The model as a system: what its view answers, which steps it names, and that it goes the same way as `step`. */
import { describe, expect, it } from "vitest";
import { modelSystem } from "../../check/model-system.ts";
import { dpteWord, frameWord, pteWord, vmWord } from "../../check/model-words.ts";
import { setupOf } from "../../check/setup.ts";
import { walk } from "../../check/walk.ts";
import { describeDpte, describeFrame, describePte, describeStep } from "../../check/words-text.ts";
import { initial, RULES, session, step } from "../../model/index.ts";
import type { Dpte, Pte, RuleTable } from "../../model/index.ts";
import { PROFILE_NAMES } from "../../properties/test-case.ts";
import { TAKEN } from "../../spec/system.ts";
import type { System, View } from "../../spec/system.ts";
import { pfn as toPfn } from "../../spec/vocabulary.ts";
import type { Action, ModelCall } from "../../spec/vocabulary.ts";
import { CHOICES, LOCAL, STEPS, VM } from "../../spec/words.ts";
import { call, model, stepOf, testCase, until, variety, words } from "./systems.ts";

const mmap = (page: number, npages: number, more: Partial<Extract<ModelCall, { op: "mmap" }>> = {}): ModelCall => ({
  op: "mmap",
  page,
  npages,
  prot: "rw",
  map: "private",
  ...more,
});
const write = (page: number, value: number): ModelCall => ({ op: "cpu_write", page, value });

/** A system with one writable mapping of all its pages, the first two written. */
function ready(parts: Parameters<typeof model>[0] = {}): System {
  const system = model(parts);
  call(system, 0, mmap(0, 4));
  call(system, 0, write(0, 7));
  call(system, 0, write(1, 8));
  return system;
}

const cpu = ({ view }: System, page: number, mm = 0): string => describePte(view.pte(mm, page));

describe("the view of the model", () => {
  it("reads CPU entries of every kind", () => {
    const s = ready({ config: { pages: 5, page_bytes: 4096, devices: [{ kind: "private" }] } });
    call(s, 0, { op: "cpu_read", page: 2 });
    expect([0, 2, 3, 4].map((page) => cpu(s, page))).toEqual(["present rw dirty pfn 6", "zero page", "none", "none"]);
    call(s, 0, { op: "fork", child: 1 });
    expect([cpu(s, 0), cpu(s, 0, 1)]).toEqual(["present ro dirty pfn 6", "present ro dirty pfn 6"]);
    call(s, 0, write(3, 1));
    call(s, 0, { op: "migrate_to_device", dev: 0, page: 3, npages: 1 });
    expect(cpu(s, 3)).toBe("device_private rw pfn 0");
    call(s, 0, { op: "make_exclusive", dev: 0, page: 1, npages: 1 });
    expect(cpu(s, 1)).toBe("device_exclusive rw pfn 8");
    call(s, 0, { op: "madvise", page: 1, npages: 1, advice: "dontneed" });
    call(s, 0, write(1, 9));
    call(s, 0, { op: "madvise", page: 1, npages: 1, advice: "pageout" }, { "reclaim.r1": "swap" });
    expect(cpu(s, 1)).toBe("swap exclusive slot 0");
    s.apply({ type: "call", actor: 0, call: { op: "migrate_to_device", dev: 0, page: 0, npages: 1 } });
    until(s, 0, "migrate.m3");
    expect(cpu(s, 0)).toBe("migration read dirty pfn 6");
    expect(describePte(s.view.pte(1, 0))).toBe("present ro dirty pfn 6");
  });

  it("reads device entries and frames", () => {
    const s = ready();
    call(s, 0, { op: "device_read", dev: 1, page: 0, npages: 3 });
    call(s, 0, { op: "device_write", dev: 1, page: 1, npages: 1, value: 200 });
    const { view } = s;
    const file = view.actorFile(0, 1);
    expect([0, 1, 2, 3].map((page) => describeDpte(view.dpte(file, page)))).toEqual([
      "write pfn 8",
      "write pfn 9",
      "read zero page",
      "none",
    ]);
    expect([view.fileDev(file), view.fileMm(file), view.fileUsers(file), view.fileMutex(file)]).toEqual([1, 0, 1, -1]);
    expect(describeFrame(view.frame(9))).toBe("system anon dirty anon-exclusive swap-backed lru");
    expect([view.frameFirst(9), view.frameFill(9), view.frameRefs(9), view.frameMaps(9), view.frameIndex(9)]).toEqual([200, 200, 1, 1, 1]);
    expect(describeFrame(view.frame(0))).toBe("private free swap-backed");
    expect(describeFrame(view.frame(4))).toBe("absent free swap-backed");
    expect([view.frameDev(2), view.frameDev(4), view.deviceFree(1), view.deviceFreeAt(1, 1)]).toEqual([1, -1, 2, 2]);
    s.apply({ type: "pin", pfn: 9 });
    s.apply({ type: "get", pfn: 9 });
    expect([view.frameRefs(9), view.framePins(9), view.frameMaps(9)]).toEqual([3, 1, 1]);
  });

  it("reads mappings, and what they are linked to", () => {
    const s = ready();
    call(s, 0, { op: "mprotect", page: 2, npages: 2, prot: "r" });
    call(s, 0, mmap(3, 1, { map: "shared" }));
    call(s, 0, write(3, 5));
    call(s, 0, { op: "fork", child: 1 });
    const { view } = s;
    expect(Array.from({ length: view.vmaCount(0) }, (_, i) => [view.vmaStart(0, i), view.vmaEnd(0, i), view.vmaMap(0, i)])).toEqual([
      [0, 2, 0],
      [2, 3, 0],
      [3, 4, 1],
    ]);
    expect([0, 1, 2, 3].map((page) => view.vmaAt(0, page))).toEqual([0, 0, 1, 2]);
    expect([view.vmaFlags(0, 0), view.vmaFlags(0, 1), view.vmaFlags(0, 2)]).toEqual([11, 9, 3]);
    expect([view.vmaAnon(0, 0), view.vmaChainLength(0, 0), view.vmaChain(0, 0, 0), view.anonRoot(0), view.anonParent(0)]).toEqual([
      0, 1, 0, 0, 0,
    ]);
    expect([view.vmaChainLength(1, 0), view.vmaChain(1, 0, 1), view.anonParent(1), view.anonRoot(1)]).toEqual([2, 1, 0, 0]);
    expect([view.vmaObject(0, 2), view.shmemPages(0), view.shmemPage(0, 0)]).toEqual([0, 1, view.pte(0, 3) >>> 8]);
  });

  it("answers -1 and empty words for what does not exist", () => {
    const { view } = ready();
    const nothing: readonly number[] = [
      view.actorMm(9),
      view.actorFile(0, 9),
      view.mmUsers(9),
      view.mmSeq(9),
      view.vmaCount(9),
      view.vmaAt(0, 9),
      view.vmaStart(0, 9),
      view.fileMm(9),
      view.frameRefs(99),
      view.frameMaps(99),
      view.frameFirst(99),
      view.deviceKind(9),
      view.chunkState(0, 9),
      view.anonRoot(9),
      view.slotUsers(9),
      view.replicaPfn(0),
      view.taskActor(3),
      view.taskStep(0, 0),
      view.taskLocal(0, 0, LOCAL.mm),
    ];
    expect(nothing.every((answer) => answer === -1)).toBe(true);
    expect([view.pte(0, 9), view.pte(9, 0), view.dpte(9, 0), view.frame(99), view.dummy(5), view.shmemPages(9)]).toEqual([
      0, 0, 0, 0, 0, 0,
    ]);
  });

  it("reads the locals of operations in flight", () => {
    const s = ready();
    s.apply({ type: "call", actor: 0, call: { op: "migrate_to_device", dev: 1, page: 0, npages: 2 } });
    until(s, 0, "migrate.m5");
    const { view } = s;
    const local = (level: number, name: keyof typeof LOCAL): number => view.taskLocal(0, level, LOCAL[name]);
    expect([0, 1].map((level) => STEPS[view.taskStep(0, level)])).toEqual(["migrate_call.moved", "migrate.m5"]);
    expect([local(0, "mm"), local(0, "start"), local(0, "end"), local(0, "dev"), local(0, "file"), local(0, "purpose")]).toEqual([
      0, 0, 2, 1, 0, -1,
    ]);
    expect([local(1, "purpose"), local(1, "at"), local(1, "pfn"), local(1, "write")]).toEqual([0, 0, -1, -1]);
    s.apply({ type: "call", actor: 0, call: { op: "fork", child: 2 } });
    expect([view.taskLocal(1, 0, LOCAL.child), view.taskLocal(1, 0, LOCAL.mm), view.taskCount()]).toEqual([2, 0, 2]);
    s.apply({ type: "call", actor: 0, call: write(3, 77) });
    expect(
      ["start", "end", "write", "value", "event", "to"].map((name) => view.taskLocal(2, 0, LOCAL[name as keyof typeof LOCAL])),
    ).toEqual([3, 4, 1, 77, -1, -1]);
    const other = ready();
    call(other, 0, { op: "open", dev: 0 });
    other.apply({ type: "call", actor: 0, call: { op: "mremap", page: 0, npages: 1, to: 2 } });
    until(other, 0, "invalidate.i2");
    expect([other.view.taskLocal(0, 2, LOCAL.event), other.view.taskLocal(0, 0, LOCAL.to)]).toEqual([0, 2]);
  });
});

describe("packed words", () => {
  const pfn = toPfn(5);
  it.each<[Pte, string]>([
    [{ kind: "none" }, "none"],
    [{ kind: "zero", huge: false }, "zero page"],
    [{ kind: "zero", huge: true }, "zero page huge"],
    [{ kind: "present", pfn, write: true, dirty: false, huge: true }, "present rw huge pfn 5"],
    [{ kind: "present", pfn, write: false, dirty: true, huge: false }, "present ro dirty pfn 5"],
    [{ kind: "swap", slot: 3, exclusive: true }, "swap exclusive slot 3"],
    [{ kind: "swap", slot: 0, exclusive: false }, "swap slot 0"],
    [{ kind: "migration", pfn, mode: "read", dirty: false }, "migration read pfn 5"],
    [{ kind: "migration", pfn, mode: "read_exclusive", dirty: true }, "migration read_exclusive dirty pfn 5"],
    [{ kind: "migration", pfn, mode: "write", dirty: false }, "migration write pfn 5"],
    [{ kind: "device_private", pfn, write: false }, "device_private ro pfn 5"],
    [{ kind: "device_exclusive", pfn, write: true }, "device_exclusive rw pfn 5"],
  ])("say of the entry %j: %s", (pte, text) => {
    expect(describePte(pteWord(pte))).toBe(text);
  });

  it.each<[Dpte | null, string]>([
    [null, "none"],
    [{ pfn, zero: false, tag: "read", unreachable: false }, "read pfn 5"],
    [{ pfn, zero: false, tag: "write", unreachable: true }, "write pfn 5 unreachable"],
    [{ pfn, zero: false, tag: "atomic", unreachable: false }, "atomic pfn 5"],
    [{ pfn, zero: true, tag: "read", unreachable: false }, "read zero page"],
  ])("say of the device entry %j: %s", (entry, text) => {
    expect(describeDpte(dpteWord(entry))).toBe(text);
  });

  it("have no pfn for the zero page, and hold large frame numbers", () => {
    expect(dpteWord({ pfn, zero: true, tag: "read", unreachable: false }) >>> 8).toBe(0);
    const far = toPfn(2 ** 24 - 1);
    expect(describePte(pteWord({ kind: "device_private", pfn: far, write: true }))).toBe("device_private rw pfn 16777215");
    expect(describeDpte(dpteWord({ pfn: far, zero: false, tag: "read", unreachable: false }))).toBe("read pfn 16777215");
  });

  it("say of the marks of a frame what it is", () => {
    const { frames } = initial(model().setup.profile, testCase().config, { deviceFrames: 1 });
    const frame = frames[0] ?? expect.fail();
    expect(describeFrame(frameWord(frame))).toBe("private free swap-backed");
    const used = {
      ...frame,
      kind: "coherent",
      free: false,
      dirty: true,
      mapping: { kind: "shmem", object: 4 },
      holders: [{ kind: "replica" }],
    } as const;
    expect(describeFrame(frameWord(used))).toBe("coherent shmem dirty swap-backed replica");
    expect(vmWord({ read: true, write: false, exec: true, account: false, hugepage: true })).toBe(VM.read | VM.exec | VM.hugepage);
    expect(vmWord({ read: false, write: true, exec: false, account: true, hugepage: false })).toBe(VM.write | VM.account);
  });
});

describe("the steps of the model", () => {
  it("have a code each, and the codes have no other names", () => {
    const names = Object.entries(RULES).flatMap(([op, steps]) => Object.keys(steps).map((pc) => `${op}.${pc}`));
    expect(names.toSorted()).toEqual([...STEPS].toSorted());
  });

  it("are those of `enabled`, ascending, in every state of a run", () => {
    const seen = new Set<number>();
    for (const each of variety({}, 6)) {
      const system = modelSystem(setupOf(each));
      const reference = session(initial(system.setup.profile, each.config, each.bounds));
      const record: Action[] = [];
      walk(
        system,
        each,
        {
          after() {
            for (const action of record.splice(0)) reference.apply(action);
            const named = reference
              .enabled()
              .map((a) => (a.type === "step" ? (a.task << 8) | CHOICES.findIndex((c) => c === a.choice) : -1));
            expect(words(system)).toEqual(named.toSorted((a, b) => a - b));
            for (const word of named) seen.add(word & 0xff);
          },
        },
        { record },
      );
      expect(system.save()).toEqual(reference.save());
    }
    expect(seen.size).toBeGreaterThan(9);
  });

  it("can be taken; others are refused and change nothing", () => {
    const s = ready();
    s.apply({ type: "call", actor: 0, call: { op: "cpu_read", page: 3 } });
    const [word = -1] = words(s);
    expect(describeStep(s.view, word)).toBe("task 0 cpu_access.access");
    const before = s.save();
    expect(() => s.take((1 << 8) | 0)).toThrow("no task 1");
    expect(() => s.take(word | 3)).toThrow("has no choice");
    expect(s.refusal({ type: "call", actor: 5, call: write(0, 1) })).toContain("does not live");
    expect(s.apply({ type: "unpin", pfn: 8 })).toMatchObject({ kind: "disabled" });
    expect(s.save()).toEqual(before);
    expect(s.take(word)).toBe(TAKEN.running);
    expect(stepOf(s.view, 0)).toBe("cpu_access.c1");
  });

  it("go on from a saved state, and the view reads that state", () => {
    const s = ready();
    s.apply({ type: "call", actor: 0, call: write(2, 3) });
    const saved = s.save();
    const first = words(s);
    until(s, 0, "cpu_access.fault");
    s.restore(saved);
    expect([stepOf(s.view, 0), words(s), cpu(s, 2)]).toEqual(["cpu_access.access", first, "none"]);
    until(s, 0, "cpu_access.fault");
    expect(cpu(s, 2)).toBe("present rw dirty pfn 10");
    s.restore(saved);
    expect(cpu(s, 2)).toBe("none");
  });

  it("follow a rule table with another entry", () => {
    const wrong: RuleTable = { ...RULES, mmap: { ...RULES.mmap, fput: { ...RULES.mmap.fput, enabled: () => false } } };
    const system = model({}, wrong);
    system.apply({ type: "call", actor: 0, call: mmap(0, 1) });
    until(system, 0, "mmap.fput");
    expect(words(system)).toEqual([]);
  });
});

describe.each(PROFILE_NAMES)("$core $driver", (name) => {
  it("goes the same way as the immutable `step`, action by action", () => {
    const [each = testCase(name)] = variety({ ...name, choices: { seed: 5, length: 250 } }, 1);
    const system = modelSystem(setupOf(each));
    const record: Action[] = [];
    walk(system, each, {}, { record });
    let state = initial(system.setup.profile, each.config, each.bounds);
    for (const action of record) state = step(state, action).state;
    expect(system.save()).toEqual(state);
    expect(record.length).toBeGreaterThan(150);
  });
});

describe("reading a state", () => {
  it("does not change it", () => {
    const s = ready();
    s.apply({ type: "call", actor: 0, call: { op: "device_write", dev: 0, page: 0, npages: 4, value: 1 } });
    until(s, 0, "hmm_range_fault.d6");
    const before = s.save();
    const { view } = s;
    for (const name of Object.getOwnPropertyNames(Object.getPrototypeOf(view)) as (keyof View)[]) {
      const read = view[name] as unknown;
      if (typeof read === "function" && name !== ("constructor" as string) && name !== ("look" as string))
        (read as (...args: number[]) => unknown).call(view, 0, 0, 0);
    }
    expect(s.save()).toEqual(before);
  });
});
