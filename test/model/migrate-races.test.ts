/** Migration against everything that may run beside it. */
import { describe, expect, it } from "vitest";
import type { Core } from "../../spec/vocabulary.ts";
import { candidates, collected, destination, expectQuiet, frameAt, holders, mirror, mirrored, used } from "./migrate-support.ts";
import { ALL_CORES, LINUX_CORES, calls, eachCore, system, threads } from "./support.ts";
import type { System, Threads } from "./support.ts";

/** One written page, alone or shared with actor 1, and a migration of it up to some step. */
function migrating(core: Core, step: string, options: { shared?: boolean; home?: boolean; driver?: "ideal" | "dmirror-fixed" } = {}) {
  const p = system({ core, deviceFrames: 2, ...(options.driver && { driver: options.driver }) });
  p.mmap(0, 2);
  p.write(0, 7);
  if (options.shared) p.fork(1);
  if (options.home) p.toDevice(0, 0);
  const frame = p.frameOf(0);
  const t = threads(p);
  const task = t.start(0, options.home ? calls.toSystem(0, 0) : calls.toDevice(0, 0));
  t.until(task, step);
  return { p, t, task, frame };
}

const STEPS = ["migrate.m2", "migrate.m4", "migrate.m6", "migrate.m7", "migrate.m8", "migrate.m9"];

eachCore(ALL_CORES, (core) => {
  describe.each(STEPS)("with a migration before %s", (step) => {
    it.each([
      ["munmap", calls.munmap(0)],
      ["mmap", calls.mmap(0)],
      ["mprotect", calls.mprotect(0, 1, "r")],
      ["mremap", calls.mremap(0, 1, 1)],
      ["fork", calls.fork(5)],
    ])("[MIG-4] %s of the same address space waits to the end", (_, call) => {
      const { p, t, task } = migrating(core, step);
      const other = t.start(0, call);
      expect(t.blocked(other)).toBe(true);
      t.until(task, "migrate_call.unlock");
      expect(t.blocked(other)).toBe(true);
      t.step(task);
      expect(t.drive(other)).toBe("ended");
      t.finish(task);
      expectQuiet(p);
    });

    it("[MIG-4] CPU faults elsewhere and MADV_DONTNEED do not wait", () => {
      const { p, t, task } = migrating(core, step);
      expect(t.finish(t.start(0, calls.write(1, 9)))).toEqual({ status: "ok" });
      expect(t.finish(t.start(0, calls.madvise(0, 2, "dontneed")))).toEqual({ status: "ok" });
      t.finish(task);
      expect([p.read(0), p.read(1)]).toEqual([0, 0]);
      expectQuiet(p);
    });

    it.each([false, true])("[MIG-40] an entry that MADV_DONTNEED has zapped does not come back (migration home: %s)", (home) => {
      const { p, t, task, frame } = migrating(core, step, { home });
      t.finish(t.start(0, calls.madvise(0, 1, "dontneed")));
      expect(p.entry(0)).toBe("none");
      t.until(task, "migrate_call.moved");
      // A migration that finds the entry gone before it collects may fill the hole instead.
      const refilled = step === "migrate.m2" && core !== "v14" && !home;
      expect(p.entry(0)).toBe(refilled ? "device_private rw" : "none");
      expect(frameAt(p, frame).free).toBe(!refilled || frame !== p.frameOf(0));
      expect(used(p, 0)).toBe(refilled ? 1 : 0);
      expect(p.state.frames.filter((f) => !f.free).length).toBe(refilled ? 1 : 0);
      t.finish(task);
      expectQuiet(p);
    });

    it("[MIG-40] a sharer that exits meanwhile is simply not found", () => {
      const { p, t, task } = migrating(core, step, { shared: true });
      t.finish(t.start(0, calls.exit(1)));
      t.finish(task);
      expect(p.frame(0).dev).toBe(0);
      expect(holders(p, p.frameOf(0))).toEqual(["map"]);
      expect(p.read(0)).toBe(7);
      expectQuiet(p);
    });

    it("[MIG-42] [MIG-44] a sharer that forks meanwhile hands the migration entry on, and all get the page", () => {
      const { p, t, task } = migrating(core, step, { shared: true });
      const forking = t.start(1, calls.fork(2));
      expect(t.drive(forking)).toBe("ended");
      t.finish(task);
      expect([0, 1, 2].map((actor) => p.frameOf(0, actor))).toEqual([0, 1, 2].map(() => p.frameOf(0)));
      expect([0, 1, 2].map((actor) => p.entry(0, actor).split(" ")[1])).toEqual(["r", "r", "r"]);
      expectQuiet(p);
      p.as(1).write(0, 8);
      expect([0, 1, 2].map((actor) => p.as(actor).read(0))).toEqual([7, 8, 7]);
      expectQuiet(p);
    });
  });

  it.each([0, 1])("[MIG-41] [MIG-42] a CPU access of actor %i waits until the page is unlocked, and is then tried again", (actor) => {
    const { p, t, task } = migrating(core, "migrate.m7", { shared: true });
    const access = t.start(actor, calls.write(0, 9));
    expect(t.drive(access)).toBe("waits");
    expect(t.at(access)).toBe(core === "v14" ? "handle_mm_fault.c5_wait" : "handle_mm_fault.c5");
    t.until(task, "migrate.m9");
    expect(t.blocked(access)).toBe(true);
    t.until(task, "migrate_call.moved");
    expect(t.blocked(access)).toBe(false);
    expect(t.finish(access)).toEqual({ status: "ok" });
    t.drive(task);
    expect(p.as(actor).read(0)).toBe(9);
    expect(p.as(1 - actor).read(0)).toBe(7);
    expectQuiet(p);
  });

  it("[MIG-41] who waits costs the migration nothing, but under v14 holds a reference, by which m8 refuses the page", () => {
    const { p, t, task, frame } = migrating(core, "migrate.m7");
    const access = t.start(0, calls.read(0));
    expect(t.drive(access)).toBe("waits");
    expect(frameAt(p, frame).holders.some((h) => h.kind === "task" && h.why === "wait")).toBe(core === "v14");
    t.until(task, "migrate.m8");
    t.step(task);
    expect(candidates(p, task)[0]?.migrate).toBe(core !== "v14");
    t.finish(task);
    t.finish(access);
    expectQuiet(p);
  });

  it("[MIG-42] [MIG-22] a page that was pinned meanwhile stays, and reclaim cannot have it", () => {
    const { p, t, task, frame } = migrating(core, "migrate.m6");
    t.act({ type: "pin", pfn: frame });
    expect(t.refused({ type: "reclaim", pfn: frame })).not.toBe(null);
    t.until(task, "migrate_call.moved");
    expect(p.frameOf(0)).toBe(frame);
    expect(p.entry(0)).toBe("present rw dirty");
    expect(holders(p, frame).toSorted()).toEqual(["map", "pin"]);
    t.act({ type: "unpin", pfn: frame });
    t.finish(task);
    expectQuiet(p);
  });

  it("[MIG-11] [MIG-12] [MIG-42] reclaim that has the page lock first: the page is skipped, but v14 waits", () => {
    const p = system({ core });
    p.mmap(0);
    p.write(0, 7);
    const t = threads(p);
    const reclaim = t.reclaim(p.frameOf(0));
    t.step(reclaim, "swap");
    const task = t.start(0, calls.toDevice(0, 0));
    t.until(task, "migrate.m3");
    expect(collected(p, task)).toEqual(core === "v14" ? ["page 0"] : []);
    expect(t.drive(task)).toBe(core === "v14" ? "waits" : "ended");
    t.finish(reclaim);
    expect(p.entry(0)).toMatch(/^swap/);
    if (core === "v14") t.finish(task);
    expectQuiet(p);
    expect(p.read(0)).toBe(7);
  });

  it("[MIG-42] a second migration and a CPU access meanwhile leave nothing behind, whoever wins", () => {
    for (const step of STEPS) {
      const { p, t, task } = migrating(core, step, { shared: true });
      const second = t.start(1, calls.toDevice(1, 0));
      const third = t.start(0, calls.read(0));
      for (const other of [third, second, task]) t.drive(other);
      for (const other of [task, second, third]) if (t.at(other) !== null) t.drive(other);
      for (const other of [second, third]) if (t.at(other) !== null) t.finish(other);
      expectQuiet(p);
      expect([p.read(0), p.as(1).read(0)]).toEqual([7, 7]);
    }
  });
});

/** A migration of the untouched page 0, up to the step that fills the hole. */
function filling(core: Core): { p: System; t: Threads; task: number } {
  const p = system({ core, deviceFrames: 2 });
  p.mmap(0, 2);
  const t = threads(p);
  const task = t.start(0, calls.toDevice(0, 0));
  t.until(task, "migrate.m8_insert");
  return { p, t, task };
}

eachCore(LINUX_CORES, (core) => {
  it.each([
    ["a CPU write", calls.write(0, 9), "present rw dirty", 9],
    ["a device write of another device", calls.devWrite(1, 0, 1, 9), "present rw dirty", 9],
  ])("[MIG-34] a hole that %s has filled in between is left alone, and the destination goes back", (_, call, entry, value) => {
    const p = system({ core, deviceFrames: 2 });
    p.mmap(0, 2);
    p.open(1);
    const t = threads(p);
    const task = t.start(0, calls.toDevice(0, 0));
    t.until(task, "migrate.m7");
    t.finish(t.start(0, call));
    t.until(task, "migrate.m8_insert");
    const dst = destination(p, task);
    t.step(task);
    expect(p.entry(0)).toBe(entry);
    t.until(task, "migrate_call.moved");
    expect(frameAt(p, dst).free).toBe(true);
    expect(p.state.devices[0]?.freeList).toHaveLength(2);
    t.finish(task);
    expect(p.read(0)).toBe(value);
    expectQuiet(p);
  });

  it("[MIG-34] a hole that became the zero page is filled, and one that the CPU wrote under the notification is not", () => {
    const read = filling(core);
    read.t.finish(read.t.start(0, calls.read(0)));
    expect(read.p.entry(0)).toBe("zero");
    expect(read.t.finish(read.task)).toMatchObject({ status: "ok", cpages: 1 });
    expect(read.p.entry(0)).toBe("device_private rw");
    const written = filling(core);
    written.t.finish(written.t.start(0, calls.write(0, 9)));
    expect(written.t.finish(written.task)).toEqual({ status: "errno", errno: "ENOENT" });
    expect([written.p.entry(0), written.p.read(0), used(written.p, 0)]).toEqual(["present rw dirty", 9, 0]);
  });

  it("[MIG-37] [MIG-40] dmirror enters a page that MADV_DONTNEED has zapped, so the entry names a freed frame", () => {
    const { p, t, task } = migrating(core, "migrate.m8_end");
    const dst = destination(p, task);
    t.finish(t.start(0, calls.madvise(0, 1, "dontneed")));
    t.until(task, "migrate_call.moved");
    expect(mirrored(p, 0, 0)).toBe(dst);
    expect(frameAt(p, dst).free).toBe(true);
    t.finish(task);
    expectQuiet(p);
  });

  it("[MIG-28] what the device of dmirror writes while the page is copied is lost", () => {
    const p = system({ core });
    p.mmap(0);
    p.write(0, 7);
    p.devWrite(0, 0, 1, 8);
    const t = threads(p);
    const task = t.start(0, calls.toDevice(0, 0));
    t.until(task, "migrate.m8");
    expect(mirror(p, 0, 0)).toBe("write");
    expect(t.finish(t.start(0, calls.devWrite(0, 0, 1, 9)))).toMatchObject({ status: "ok", faults: 0 });
    expect(t.finish(task)).toMatchObject({ status: "ok", data: [8] });
    expect(p.read(0)).toBe(8);
  });
});

eachCore(ALL_CORES, (core) => {
  it("[MIG-28] under ideal no device reaches the source while it is copied, and a write comes after the move", () => {
    const p = system({ core, driver: "ideal" });
    p.mmap(0);
    p.write(0, 7);
    p.devWrite(0, 0, 1, 8);
    p.devWrite(1, 0, 1, 8);
    const t = threads(p);
    const task = t.start(0, calls.toDevice(0, 0));
    t.until(task, "migrate.m7");
    const writers = [0, 1].map((dev) => t.start(0, calls.devWrite(dev, 0, 1, 9)));
    while (t.at(task) !== "migrate.m9") {
      expect([mirror(p, 0, 0), mirror(p, 1, 0)]).toEqual(["none", "none"]);
      for (const writer of writers) expect(t.drive(writer)).toBe("waits");
      t.step(task);
    }
    t.until(task, "migrate_call.moved");
    for (const writer of writers) expect(t.finish(writer)).toMatchObject({ status: "ok" });
    t.finish(task);
    expect(p.read(0)).toBe(9);
    expectQuiet(p);
  });
});

describe("[MIG-12] [MIG-42] two migrations of v14 that meet on two pages", () => {
  it("both end, and nothing is left", () => {
    const p = system({ core: "v14" });
    p.mmap(0, 2);
    p.write(0, 7);
    p.write(1, 8);
    p.fork(1);
    const t = threads(p);
    const one = t.start(0, calls.toDevice(0, 0, 2));
    t.until(one, "migrate.m4");
    const two = t.start(1, calls.toDevice(1, 0, 2));
    expect(t.drive(two)).toBe("waits");
    expect(t.at(two)).toBe("migrate.m4");
    t.finish(one);
    t.finish(two);
    expectQuiet(p);
    for (const actor of [0, 1]) expect([p.as(actor).read(0), p.as(actor).read(1)]).toEqual([7, 8]);
  });
});
