/** Page table entries: their kinds, who may write through them, and how long a migration entry lives. */
import { describe, expect, it } from "vitest";
import { audit } from "./audit.ts";
import { ALL_CORES, calls, eachCore, LINUX_CORES, swapOut, system, threads } from "./support.ts";
import type { System, Threads } from "./support.ts";

/** Pages that one page table maps: the size of a huge page. */
const HUGE = 512;

/** One row for each kind of entry: how it comes about, what it is then, and what a CPU read and a CPU write make of it. */
const KINDS = [
  ["none", () => null, "none", "zero", "present rw dirty"],
  ["zero", (p: System) => p.read(0), "zero", "zero", "present rw dirty"],
  ["present", (p: System) => p.write(0, 1), "present rw dirty", "present rw dirty", "present rw dirty"],
  ["swap", (p: System) => p.write(0, 1) && swapOut(p, 0), "swap exclusive", "present r", "present rw dirty"],
  ["device-private", (p: System) => p.write(0, 1) && p.toDevice(0, 0), "device_private rw", "present rw", "present rw dirty"],
  ["device-exclusive", (p: System) => p.exclusive(0, 0), "device_exclusive rw", "present rw dirty", "present rw dirty"],
] as const;

describe("kinds", () => {
  it.each(KINDS)("[PTE-1] %s", (_, make, entry, afterRead, afterWrite) => {
    const fresh = (): System => {
      const p = system();
      p.mmap(0, 1);
      make(p);
      return p;
    };
    expect(fresh().entry(0)).toBe(entry);
    const reader = fresh();
    expect(reader.read(0)).toBe(reader.state.frames.some((f) => f.contents.first === 1) ? 1 : 0);
    expect(reader.entry(0)).toBe(afterRead);
    const writer = fresh();
    expect(writer.write(0, 9)).toBe("ok");
    expect(writer.entry(0)).toBe(afterWrite);
  });

  it("[PTE-1] a migration entry makes the CPU wait", () => {
    const p = system();
    p.mmap(0, 1);
    p.write(0, 5);
    const t = threads(p);
    const move = t.start(0, calls.toDevice(0, 0));
    t.until(move, "migrate.m4");
    expect(p.entry(0)).toBe("migration write dirty");
    const read = t.start(0, calls.read(0));
    expect(t.drive(read)).toBe("waits");
    expect(t.at(read)).toBe("handle_mm_fault.c5");
    t.finish(move);
    expect(t.finish(read)).toEqual({ status: "ok", value: 5 });
  });

  it("[PTE-1] v14 has no device-exclusive entry", () => {
    const p = system({ core: "v14" });
    p.mmap(0, 1);
    p.write(0, 1);
    expect(p.exclusive(0, 0)).toBe("EOPNOTSUPP");
    expect(p.entry(0)).toBe("present rw dirty");
  });

  it.each(ALL_CORES)("[PTE-1] under %s each page has exactly one entry, and a page outside every mapping has an empty one", (core) => {
    const p = system({ core, pages: 6 });
    p.mmap(0, 2);
    p.mmap(2, 2, "rw", "shared");
    for (const page of [0, 1, 2, 3]) p.write(page, 1);
    p.toDevice(0, 0);
    expect(p.state.mms[0]?.ptes.length).toBe(6);
    p.munmap(1, 2);
    expect(p.entries(0, 6).map((e) => e !== "none")).toEqual([true, false, false, true, false, false]);
    p.mremap(3, 1, 5);
    expect(p.entries(0, 6).map((e) => e !== "none")).toEqual([true, false, false, false, false, true]);
  });
});

eachCore(ALL_CORES, (core) => {
  it.each([
    ["a written page", (p: System) => p.write(0, 1), "present r dirty"],
    ["a page of shared memory", (p: System) => p.mmap(0, 1, "rw", "shared") && p.write(0, 1), "present r dirty"],
    ["a page of the driver's file", (p: System) => p.mmap(0, 1, "rw", "device"), "present r"],
    ["a page of a device", (p: System) => p.write(0, 1) && p.toDevice(0, 0), "device_private r"],
  ])("[PTE-2] %s is writable in a writable mapping only", (_, make, readOnly) => {
    const p = system({ core });
    p.mmap(0, 1);
    make(p);
    expect(p.entry(0)).toContain(" rw");
    p.mprotect(0, 1, "r");
    expect(p.entry(0)).toBe(readOnly);
  });

  it.each([
    ["written page", (p: System) => p.write(0, 1), "present r dirty"],
    ["page of a device", (p: System) => p.write(0, 1) && p.toDevice(0, 0), "device_private r"],
  ])("[PTE-2] a private %s that has two mappings is writable through neither", (_, make, shared) => {
    const p = system({ core });
    p.mmap(0, 1);
    make(p);
    p.fork(1);
    expect([p.entry(0), p.entry(0, 1), p.frameOf(0) === p.frameOf(0, 1)]).toEqual([shared, shared, true]);
    p.mprotect(0, 1, "r");
    p.mprotect(0, 1, "rw");
    expect(p.entry(0)).toBe(shared);
    p.write(0, 2);
    expect([p.entry(0), p.frameOf(0) === p.frameOf(0, 1)]).toEqual(["present rw dirty", false]);
  });

  it("[PTE-2] two processes that write at the same time end with a page each", () => {
    const p = system({ core });
    p.mmap(0, 1);
    p.write(0, 1);
    p.fork(1);
    const t = threads(p);
    const tasks = [t.start(0, calls.write(0, 2)), t.start(1, calls.write(0, 3))];
    for (const task of tasks) t.until(task, "handle_mm_fault.c4b");
    for (let n = 0; tasks.some((task) => t.at(task) !== null); n++) {
      const task = tasks[n % 2] as number;
      if (t.at(task) !== null) t.step(task);
      expect(audit(p.state)).toEqual([]);
    }
    expect([p.read(0), p.as(1).read(0)]).toEqual([2, 3]);
  });

  it("[PTE-2] a writable entry of shared memory may be one of several mappings", () => {
    const p = system({ core });
    p.mmap(0, 1, "rw", "shared");
    p.write(0, 1);
    p.fork(1);
    p.as(1).read(0);
    expect([p.entry(0), p.entry(0, 1)]).toEqual(["present rw dirty", "present rw"]);
    expect(p.frameOf(0)).toBe(p.frameOf(0, 1));
  });
});

/** Steps a task to its end and audits each state on the way; answers how many of them had a migration entry at page 0. */
function watch(p: System, t: Threads, task: number, actor = 0): number {
  let seen = 0;
  for (let n = 0; t.at(task) !== null && n < 1000; n++) {
    t.step(task);
    const pte = p.pte(0, actor);
    expect(audit(p.state)).toEqual([]);
    if (pte.kind !== "migration") continue;
    seen++;
    expect(p.state.frames[pte.pfn]?.locked).toBe(task);
  }
  expect(p.pte(0, actor).kind).not.toBe("migration");
  return seen;
}

eachCore(ALL_CORES, (core) => {
  it.each([
    ["migrate_to_device", (p: System) => p.write(0, 5), calls.toDevice(0, 0), "device_private rw"],
    ["migrate_to_system", (p: System) => p.write(0, 5) && p.toDevice(0, 0), calls.toSystem(0, 0), "present rw"],
    ["a CPU fault on a device page", (p: System) => p.write(0, 5) && p.toDevice(0, 0), calls.write(0, 6), "present rw dirty"],
    ...(core === "v14"
      ? []
      : [["the eviction at close", (p: System) => p.write(0, 5) && p.toDevice(0, 0), calls.close(0), "present rw"] as const]),
  ] as const)("[PTE-3] the migration entry of %s is there only while its page is locked", (_, make, call, entry) => {
    const p = system({ core });
    p.mmap(0, 1);
    make(p);
    const t = threads(p);
    expect(watch(p, t, t.start(0, call))).toBeGreaterThan(0);
    expect(p.entry(0)).toBe(entry);
  });

  it("[PTE-3] a migration that gives up puts the mapping back", () => {
    const p = system({ core });
    p.mmap(0, 1);
    p.write(0, 5);
    const pfn = p.frameOf(0);
    const t = threads(p);
    t.act({ type: "get", pfn });
    expect(watch(p, t, t.start(0, calls.toDevice(0, 0)))).toBeGreaterThan(0);
    expect([p.entry(0).startsWith("present rw"), p.frameOf(0)]).toEqual([true, pfn]);
    t.act({ type: "put", pfn });
    expect(p.read(0)).toBe(5);
  });

  it("[PTE-3] unmapping takes the migration entry away, and the migration leaves nothing behind", () => {
    const p = system({ core });
    p.mmap(0, 1);
    p.write(0, 5);
    p.fork(1);
    const t = threads(p);
    const move = t.start(1, calls.toDevice(0, 0));
    t.until(move, "migrate.m6");
    expect([p.pte(0).kind, p.pte(0, 1).kind]).toEqual(["migration", "migration"]);
    const unmap = t.start(0, calls.munmap(0));
    t.until(unmap, "do_munmap.zap");
    expect(p.pte(0).kind).toBe("migration");
    t.finish(unmap);
    expect(watch(p, t, move, 1)).toBeGreaterThan(0);
    expect([p.entry(0), p.as(1).read(0)]).toEqual(["none", 5]);
    p.as(1).munmap(0);
    expect(p.state.frames.filter((f) => !f.free)).toEqual([]);
  });

  it("[PTE-3] a migration that ends while munmap has taken the mapping out and not yet emptied it restores that entry too", () => {
    const p = system({ core });
    p.mmap(0, 1);
    p.write(0, 5);
    p.fork(1);
    const t = threads(p);
    const move = t.start(1, calls.toDevice(0, 0));
    t.until(move, "migrate.m6");
    const unmap = t.start(0, calls.munmap(0));
    t.until(unmap, "do_munmap.zap");
    t.finish(move);
    expect([p.layout(), p.pte(0).kind]).toEqual([[], "device_private"]);
    t.finish(unmap);
    expect([p.entry(0), audit(p.state)]).toEqual(["none", []]);
  });
});

eachCore(LINUX_CORES, (core) => {
  /** One huge page at [0, 512) and a small one behind it. */
  function huge(write: boolean): System {
    const p = system({ core, pages: 2 * HUGE });
    p.mmap(0, HUGE + 1);
    p.madvise(0, HUGE, "huge");
    if (write) p.write(3, 7);
    else p.read(3);
    expect(p.entry(HUGE - 1)).toBe(write ? "present rw dirty huge" : "zero huge");
    return p;
  }

  it("[PTE-4] munmap of a part of a huge page leaves the other pages where they are", () => {
    const p = huge(true);
    const others = [0, 3, 9, 20, HUGE - 1];
    const frames = others.map((page) => p.frameOf(page));
    expect(p.munmap(10, 10)).toBe("ok");
    expect(others.map((page) => p.frameOf(page))).toEqual(frames);
    expect(others.map((page) => p.entry(page))).toEqual(others.map(() => "present rw"));
    expect(p.entries(10, 10).every((entry) => entry === "none")).toBe(true);
    expect([p.read(3), p.read(HUGE - 1), p.read(10)]).toEqual([7, 0, "SIGSEGV"]);
  });

  it("[PTE-4] mprotect of a part of a huge page changes that part only", () => {
    const p = huge(true);
    expect(p.mprotect(0, 2, "r")).toBe("ok");
    expect([p.entry(1), p.entry(2), p.entry(HUGE - 1)]).toEqual(["present r", "present rw", "present rw"]);
    expect([p.write(1, 1), p.write(2, 1)]).toEqual(["SIGSEGV", "ok"]);
  });

  it("[PTE-4] a part of a huge zero page is split off too", () => {
    const p = huge(false);
    p.munmap(HUGE - 1, 1);
    expect([p.entry(0), p.entry(HUGE - 2), p.entry(HUGE - 1)]).toEqual(["zero", "zero", "none"]);
  });

  it.each([
    ["munmap", (p: System) => p.munmap(HUGE, 1)],
    ["mprotect", (p: System) => p.mprotect(HUGE, 1, "r")],
  ])("[PTE-4] %s at the border of a huge page leaves it whole", (_, change) => {
    const p = huge(true);
    change(p);
    expect([p.entry(0), p.entry(HUGE - 1)]).toEqual(["present rw dirty huge", "present rw dirty huge"]);
  });

  it("[PTE-4] the whole huge page is unmapped and protected as one", () => {
    const p = huge(true);
    p.mprotect(0, HUGE, "r");
    expect([p.entry(0), p.entry(HUGE - 1)]).toEqual(["present r dirty huge", "present r dirty huge"]);
    p.munmap(0, HUGE);
    expect(p.state.frames.filter((f) => !f.free)).toEqual([]);
  });
});
