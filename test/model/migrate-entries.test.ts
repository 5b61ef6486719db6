/** Migration, section 2: page locks, the step to a migration entry and what it keeps, huge pages. */
import { describe, expect, it } from "vitest";
import type { State } from "../../model/index.ts";
import type { Core } from "../../spec/vocabulary.ts";
import { collected, expectQuiet, frameAt, mirror } from "./migrate-support.ts";
import { ALL_CORES, LINUX_CORES, calls, eachCore, system, threads } from "./support.ts";
import type { System } from "./support.ts";

/** A state whose holders stand in an order of their own: it does not matter who came first. */
function sorted(state: State): State {
  const order = (a: object, b: object): number => JSON.stringify(a).localeCompare(JSON.stringify(b));
  return { ...state, frames: state.frames.map((f) => ({ ...f, holders: f.holders.toSorted(order) })) };
}

describe("[MIG-11] [MIG-12] a page that somebody else has locked", () => {
  /** Page 0, shared with a child whose migration holds the page lock; the child's entry is its own business. */
  function locked(core: Core) {
    const p = system({ core });
    p.mmap(0, 2);
    p.write(0, 7);
    p.write(1, 8);
    p.fork(1);
    const t = threads(p);
    const first = t.start(1, calls.toDevice(1, 0));
    // Before the walk of the reverse map: the caller's entry still maps the locked page.
    t.until(first, "migrate.m4");
    expect(p.entry(0)).toBe("present r dirty");
    return { p, t, first };
  }

  it.each(LINUX_CORES)("%s: is skipped, and never waited for", (core) => {
    const { p, t, first } = locked(core);
    const second = t.start(0, calls.toDevice(0, 0, 2));
    t.until(second, "migrate.m3");
    expect(collected(p, second)).toEqual(["page 1"]);
    expect(p.entry(0)).toBe("present r dirty");
    t.until(second, "migrate_call.moved");
    expect(p.frame(1).dev).toBe(0);
    t.finish(first);
    expect(p.frame(0).dev).toBe(1);
    t.finish(second);
    expectQuiet(p);
  });

  it("v14: is a candidate that is locked after collect by waiting, and unmapped by the reverse map", () => {
    const { p, t, first } = locked("v14");
    const second = t.start(0, calls.toDevice(0, 0, 2));
    t.until(second, "migrate.m3");
    expect(collected(p, second)).toEqual(["page 0", "page 1"]);
    expect(p.entries(0, 2)).toEqual(["present r dirty", "migration read dirty"]);
    t.step(second);
    expect(t.at(second)).toBe("migrate.m4");
    expect(t.blocked(second)).toBe(true);
    // The waiting reference makes the first migration give the page up.
    t.finish(first);
    expect(p.frame(0).dev).toBe(null);
    t.until(second, "migrate.m5");
    expect(p.frame(0).locked).toBe(second);
    expect(p.entry(0)).toBe("present r dirty");
    t.until(second, "migrate.m6");
    expect(p.entry(0)).toBe("migration read dirty");
    t.finish(second);
    expect(p.frame(0).dev).toBe(0);
    expect(p.read(0)).toBe(7);
    expectQuiet(p);
  });

  it("[MIG-18] v14: a page that only the reverse map walk has unmapped ends in the same state", () => {
    const ends = [false, true].map((slow) => {
      const { p, t, first } = locked("v14");
      const busy = { "migrate.m4": "busy" };
      if (!slow) t.finish(first, busy);
      const second = t.start(0, calls.toDevice(0, 0, 2));
      t.until(second, "migrate.m3");
      expect(p.entry(0)).toBe(slow ? "present r dirty" : "migration read dirty");
      if (slow) t.finish(first, busy);
      t.finish(second);
      expect(p.frame(0).dev).toBe(0);
      return sorted(p.state);
    });
    expect(ends[0]).toEqual(ends[1]);
  });
});

eachCore(ALL_CORES, (core) => {
  it("[MIG-18] it makes no difference which of two mappings the collect walk unmaps", () => {
    const ends = [0, 1].map((caller) => {
      const p = system({ core });
      p.mmap(0, 1);
      p.write(0, 7);
      p.fork(1);
      for (const actor of [0, 1]) p.as(actor).open(0);
      const t = threads(p);
      const task = t.start(caller, calls.toDevice(0, 0));
      t.until(task, "migrate.m3");
      expect(p.entry(0, caller)).toBe("migration read dirty");
      expect(p.entry(0, 1 - caller)).toBe("present r dirty");
      t.until(task, "migrate.m9");
      t.step(task);
      expect(p.pte(0, 0)).toEqual(p.pte(0, 1));
      // The driver word names the caller's file.
      return { mms: p.state.mms.map((mm) => mm.ptes), frames: sorted(p.state).frames.map((f) => ({ ...f, driverWord: null })) };
    });
    expect(ends[0]).toEqual(ends[1]);
  });

  it("[MIG-15] an entry goes over to a migration entry in one step", () => {
    const p = system({ core });
    p.mmap(0, 1);
    p.write(0, 7);
    p.fork(1);
    const t = threads(p);
    const task = t.start(0, calls.toDevice(0, 0));
    const seen = [new Set([p.entry(0, 0)]), new Set([p.entry(0, 1)])];
    while (t.at(task) !== "migrate.m9") {
      t.step(task);
      for (const actor of [0, 1]) seen[actor]?.add(p.entry(0, actor));
    }
    expect(seen.map((s) => [...s])).toEqual([
      ["present r dirty", "migration read dirty"],
      ["present r dirty", "migration read dirty"],
    ]);
  });

  it.each<[string, (p: System) => unknown, "toDevice" | "toSystem", string]>([
    ["a writable entry", (p) => p.write(0, 7), "toDevice", "migration write"],
    ["a read-only entry of an exclusive page", (p) => [p.write(0, 7), p.mprotect(0, 1, "r")], "toDevice", "migration read_exclusive"],
    ["a read-only entry of a shared page", (p) => [p.write(0, 7), p.fork(1)], "toDevice", "migration read"],
    ["a writable device-private entry", (p) => [p.write(0, 7), p.toDevice(0, 0)], "toSystem", "migration write"],
    [
      "a read-only device-private entry of an exclusive page",
      (p) => [p.write(0, 7), p.toDevice(0, 0), p.mprotect(0, 1, "r")],
      "toSystem",
      "migration read_exclusive",
    ],
    ["a device-private entry of a shared page", (p) => [p.write(0, 7), p.toDevice(0, 0), p.fork(1)], "toSystem", "migration read"],
  ])("[MIG-16] %s", (_, place, direction, entry) => {
    const p = system({ core });
    p.mmap(0);
    place(p);
    const t = threads(p);
    const task = t.start(0, calls[direction](0, 0));
    t.until(task, "migrate.m3");
    // v14 does not mark pages as exclusive.
    expect(p.entry(0).replace(" dirty", "")).toBe(core === "v14" ? entry.replace("_exclusive", "") : entry);
  });

  it("[MIG-17] what the CPU has written through the entry is marked in the page when the entry goes", () => {
    const p = system({ core });
    p.mmap(0, 2);
    for (const page of [0, 1]) p.write(page, 7);
    // MADV_FREE makes entry and page clean; one of them is written again.
    p.madvise(0, 2, "free");
    p.write(0, 8);
    const frames = [p.frameOf(0), p.frameOf(1)];
    expect(frames.map((n) => frameAt(p, n).dirty)).toEqual([false, false]);
    const t = threads(p);
    const task = t.start(0, calls.toDevice(0, 0, 2));
    t.until(task, "migrate.m2");
    expect(frames.map((n) => frameAt(p, n).dirty)).toEqual([false, false]);
    t.step(task);
    expect(frames.map((n) => frameAt(p, n).dirty)).toEqual([true, false]);
  });
});

describe("[MIG-13] [MIG-14] huge pages", () => {
  function huge(core: Core, touch: (p: System) => unknown): System {
    const p = system({ core, pages: 512 });
    p.mmap(0, 512);
    p.madvise(0, 512, "huge");
    touch(p);
    expect(p.entry(300)).toMatch(/huge$/);
    return p;
  }
  const write = (p: System) => [p.write(0, 1), p.write(9, 2)];

  it.each(LINUX_CORES)("%s: a huge page is split, and the pages of the piece move", (core) => {
    const p = huge(core, write);
    expect(p.toDevice(0, 8, 3)).toBe("ok");
    expect(p.last()).toMatchObject({ cpages: 3, data: [0, 2, 0] });
    expect(p.entries(8, 3)).toEqual(["device_private rw", "device_private rw", "device_private rw"]);
    expect(p.entries(0, 1)).toEqual(["present rw"]);
    expect(p.read(0)).toBe(1);
  });

  it.each([
    ["linux-6.1", "present rw"],
    ["linux-6.12", "zero"],
  ] as const)("[MIG-14] %s: the pages outside that hold only zeroes", (core, entry) => {
    const p = huge(core, write);
    p.toDevice(0, 8, 3);
    for (const page of [1, 7, 11, 511]) expect(p.entry(page)).toBe(entry);
  });

  it("v14: the pages of a huge page stay at the source", () => {
    const p = huge("v14", write);
    const frames = [8, 9, 10].map((page) => p.frameOf(page));
    const t = threads(p);
    const task = t.start(0, calls.toDevice(0, 8, 3));
    t.until(task, "migrate.m3");
    expect(collected(p, task)).toEqual([]);
    t.finish(task);
    expect([8, 9, 10].map((page) => p.frameOf(page))).toEqual(frames);
    expect(p.read(9)).toBe(2);
  });

  it.each(LINUX_CORES)("%s: a part of the huge zero page is filled, the rest is the zero page", (core) => {
    const p = huge(core, (q) => q.read(0));
    expect(p.toDevice(0, 8, 1)).toBe("ok");
    expect(p.entries(7, 3)).toEqual(["zero", "device_private rw", "zero"]);
    expect(mirror(p, 0, 8)).toBe("write");
  });
});
