/** Device memory: CPU access to private memory (c6), coherent memory, several devices. */
import { describe, expect, it } from "vitest";
import { profile } from "../../model/index.ts";
import type { Activation } from "../../model/index.ts";
import type { Core, ModelCall } from "../../spec/vocabulary.ts";
import { added, auditDevmem, COHERENT, devmem, framesOf, freeList, notes, onDevice } from "./devmem-support.ts";
import { ALL_CORES, calls, eachCore, LINUX_CORES, system, threads } from "./support.ts";
import type { System } from "./support.ts";

type Migrate = Extract<Activation, { op: "migrate" }>;

/** One process with a mapping of four pages and private memory on devices 0 and 1. */
function ready(core: Core, npages = 4): System {
  const s = devmem({ core, physicalPages: 8 });
  added(s, 0, npages);
  added(s, 1, 4);
  s.mmap(0, 4);
  return s;
}

/** The migration that a task is in. */
function migrationOf(s: System, task: number): Migrate {
  const found = s.state.tasks.find((t) => t.id === task)?.stack.find((a) => a.op === "migrate");
  return (found as Migrate | undefined) ?? expect.fail();
}

eachCore(ALL_CORES, (core) => {
  it.each([
    ["a load", calls.read(1), [1]],
    ["a store", calls.write(1, 9), [1]],
    ["MADV_POPULATE_READ", calls.madvise(0, 3, "populate_r"), [0, 1, 2]],
    ["MADV_POPULATE_WRITE", calls.madvise(0, 3, "populate_w"), [0, 1, 2]],
  ] as const)("[MEM-17] %s calls the handler of the frame's device for each page, and is tried again after it", (_, call, pages) => {
    const s = ready(core);
    const frames = [0, 1, 2].map((page) => onDevice(s, page, page + 1, page === 1 ? 1 : 0));
    const t = threads(s);
    const task = t.start(0, call);
    for (const page of pages) {
      t.until(task, "migrate.m1");
      const dev = page === 1 ? 1 : 0;
      expect(migrationOf(s, task)).toMatchObject({
        purpose: "cpu_fault",
        mm: 0,
        start: page,
        end: page + 1,
        faultAt: page,
        dev,
        faultPage: frames[page],
      });
      t.until(task, "handle_mm_fault.c6_put");
    }
    expect(t.finish(task)).toEqual(call.op === "cpu_read" ? { status: "ok", value: 2 } : { status: "ok" });
    expect(s.read(1)).toBe(call.op === "cpu_write" ? 9 : 2);
    expect(s.frame(1).kind).toBe("system");
  });

  it("[MEM-18] the page comes home alone, for every process that shares it", () => {
    const s = ready(core);
    for (const page of [0, 1, 2]) onDevice(s, page, page + 1);
    s.fork(1);
    s.fork(2);
    expect(s.as(1).read(1)).toBe(2);
    expect([0, 2].map((page) => s.entry(page).split(" ")[0])).toEqual(["device_private", "device_private"]);
    expect(s.frame(1).kind).toBe("system");
    expect([1, 2].map((actor) => s.frameOf(1, actor))).toEqual([s.frameOf(1), s.frameOf(1)]);
  });

  it.each([
    ["writable", (s: System) => s.entry(0), "device_private rw", "present rw"],
    ["read-only after mprotect", (s: System) => s.mprotect(0, 1, "r"), "device_private r", "present r"],
  ] as const)("[MEM-19] a page that comes home is clean and keeps its permission: %s", (_, prepare, before, after) => {
    const s = ready(core);
    onDevice(s, 0, 7);
    prepare(s);
    expect(s.entry(0)).toBe(before);
    expect(s.read(0)).toBe(7);
    expect(s.entry(0)).toBe(after);
  });

  it("[MEM-20] a store to a read-only entry brings the page home for all sharers, and then faults again and copies it", () => {
    const s = ready(core);
    onDevice(s, 0, 7);
    s.fork(1);
    const t = threads(s);
    const task = t.start(0, calls.write(0, 9));
    t.until(task, "handle_mm_fault.c6_put");
    expect([s.entry(0), s.entry(0, 1)]).toEqual(["present r", "present r"]);
    expect(s.frameOf(0)).toBe(s.frameOf(0, 1));
    t.until(task, "handle_mm_fault.c4a");
    t.finish(task);
    expect(s.entry(0)).toBe("present rw dirty");
    expect(s.frameOf(0)).not.toBe(s.frameOf(0, 1));
    expect([s.read(0), s.as(1).read(0)]).toEqual([9, 7]);
  });

  it("[MEM-24] a handler that fails ends the access with SIGBUS, and the page stays on the device", () => {
    const s = ready(core);
    const frame = onDevice(s, 0, 7);
    s.fork(1);
    const before = [s.entry(0), s.entry(0, 1)];
    expect(s.as(0, { "migrate.m7": "error" }).read(0)).toBe("SIGBUS");
    expect([s.entry(0).split(" ")[0], s.frameOf(0), s.frameOf(0, 1)]).toEqual(["device_private", frame, frame]);
    expect([s.entry(0), s.entry(0, 1)]).toEqual(before);
    expect(s.state.frames[frame]).toMatchObject({ locked: null, contents: { first: 7 } });
    expect(notes(s, "free")).toEqual([]);
    expect(s.read(0)).toBe(7);
  });

  it("[MEM-24] a handler that finds no memory still finishes its migration", () => {
    const s = ready(core);
    const frame = onDevice(s, 0, 7);
    const t = threads(s);
    const task = t.start(0, calls.read(0));
    t.until(task, "migrate.m7");
    expect(s.entry(0)).toMatch(/^migration/);
    t.step(task, "no-memory");
    t.until(task, "handle_mm_fault.c6_put");
    expect([s.entry(0), s.frameOf(0)]).toEqual(["device_private rw", frame]);
    expect(s.state.frames[frame]?.locked).toBeNull();
    expect(t.finish(task)).toEqual({ status: "ok", value: 7 });
  });

  it.each([
    ["locked by another migration", "migrate.m7"],
    ["moved by another migration", null],
  ] as const)("[MEM-25] a handler that finds the page %s answers success, and the access faults again", (_, stop) => {
    const s = ready(core);
    onDevice(s, 0, 7);
    const t = threads(s);
    const reader = t.start(0, calls.read(0));
    t.until(reader, "migrate.m1");
    const mover = t.start(0, calls.toSystem(0, 0));
    // The reference of the CPU keeps the page on the device under the later cores, so the migration ends without it.
    if (stop === null) t.finish(mover);
    else t.until(mover, "migrate.m3");
    t.until(reader, "handle_mm_fault.c6_put");
    expect(s.state.tasks.find((task) => task.id === reader)?.stack.at(-1)?.got ?? null).toBeNull();
    if (stop !== null) t.finish(mover);
    expect(t.finish(reader)).toEqual({ status: "ok", value: 7 });
  });

  it("[MEM-45] a frame of one device is not allocated, collected or freed by another", () => {
    const s = devmem({ core, physicalPages: 4 });
    added(s, 0, 2);
    s.mmap(0, 4);
    s.write(0, 7);
    const mine = freeList(s, 0);
    s.toDevice(1, 0);
    expect([s.frame(0).kind, freeList(s, 0)]).toEqual(["system", mine]);
    added(s, 1, 2);
    const frame = onDevice(s, 0, 7);
    s.toSystem(1, 0);
    expect(s.frameOf(0)).toBe(frame);
    // v14 lets a device take another's page; the frame goes back to where it came from.
    s.toDevice(1, 0);
    expect(s.frame(0).dev === 1).toBe(core === "v14");
    s.munmap(0);
    expect([freeList(s, 0).length, freeList(s, 1).length]).toEqual([2, 2]);
    expect(notes(s, "free").every(({ pfn, dev }) => framesOf(s, dev).some((f) => f.pfn === pfn))).toBe(true);
    expect(auditDevmem(s.state)).toEqual([]);
  });
});

eachCore(LINUX_CORES, (core) => {
  it("[MEM-21] the handler of dmirror erases the entry in the mirror that had the frame allocated, and in no other of that device", () => {
    const s = system({ core, driver: "dmirror-fixed" });
    s.mmap(0, 1);
    s.write(0, 7);
    s.open(0);
    s.fork(1, "inherit");
    // A second file of the device for the same address space; the child keeps the first one.
    s.open(0);
    s.toDevice(0, 0);
    s.as(1).devRead(0, 0);
    const frame = s.frameOf(0);
    const entries = (): (number | null)[] => s.state.files.filter((f) => f.dev === 0 && f.mm === 0).map((f) => f.dpt[0]?.pfn ?? null);
    expect(entries()).toEqual([frame, frame]);
    const word = s.frame(0).driverWord ?? expect.fail();
    // Mapped once, the page is found by its entry, and no reverse map walk tells the mirrors.
    s.as(1).munmap(0);
    s.read(0);
    expect(s.state.files[word]?.dpt[0]).toBeNull();
    expect(entries().filter((pfn) => pfn === frame)).toHaveLength(1);
  });

  it("[MEM-22] the fault looks at the entry again before it takes its reference", () => {
    const s = ready(core);
    const frame = onDevice(s, 0, 7);
    const t = threads(s);
    const task = t.start(0, calls.read(0));
    t.until(task, "handle_mm_fault.c6");
    t.finish(t.start(0, calls.madvise(0, 1, "dontneed")));
    t.step(task);
    expect(s.state.frames[frame]).toMatchObject({ free: true, holders: [] });
    expect(t.at(task)).not.toContain("migrate");
    expect(t.finish(task)).toEqual({ status: "ok", value: 0 });
  });

  it("[MEM-22] the reference of the fault does not hinder the page, that of a second CPU does, and both fault again", () => {
    const s = ready(core);
    const frame = onDevice(s, 0, 7);
    const t = threads(s);
    const [one, two] = [t.start(0, calls.read(0)), t.start(0, calls.read(0))];
    t.until(one, "migrate.m1");
    t.until(two, "migrate.m1");
    expect(s.state.frames[frame]?.holders.filter((h) => h.kind === "task" && h.why === "fault")).toHaveLength(2);
    t.until(one, "handle_mm_fault.c6_put");
    expect(s.frameOf(0)).toBe(frame);
    t.step(one);
    t.until(two, "handle_mm_fault.c6_put");
    expect(s.frame(0).kind).toBe("system");
    expect([t.finish(one), t.finish(two)]).toEqual(Array.from({ length: 2 }, () => ({ status: "ok", value: 7 })));
  });

  it("[MEM-37] a coherent page is mapped by a present entry, and the CPU uses it where it is", () => {
    const s = devmem({ core, devices: ["coherent", "private"] });
    added(s, 0, 2, COHERENT);
    s.mmap(0, 4);
    const frame = onDevice(s, 0, 7);
    expect(s.entry(0)).toMatch(/^present rw/);
    const t = threads(s);
    for (const call of [calls.read(0), calls.write(0, 8)] satisfies ModelCall[]) {
      // One step: no fault.
      expect(t.step(t.start(0, call))).toMatchObject({ status: "ok" });
    }
    expect([s.frameOf(0), s.read(0)]).toEqual([frame, 8]);
  });

  it("[MEM-38] a device reads and writes a page in another device's coherent memory where it is", () => {
    const s = system({ core, devices: ["coherent", "private", "coherent"] });
    s.mmap(0, 1);
    const frame = onDevice(s, 0, 7);
    for (const dev of [1, 2]) {
      expect(s.devRead(dev, 0)).toEqual([dev === 1 ? 7 : 8]);
      expect(s.devWrite(dev, 0, 1, 7 + dev)).toBe("ok");
      expect(s.frameOf(0)).toBe(frame);
      expect(s.read(0)).toBe(7 + dev);
    }
  });

  it.each([
    ["CPU", (s: System) => s.write(0, 9)],
    ["device", (s: System) => s.devWrite(0, 0, 1, 9)],
  ] as const)(
    "[MEM-39] fork shares a coherent page, a %s write copies it to system memory, and the last process writes in place",
    (_, write) => {
      const s = system({ core, devices: ["coherent"] });
      s.mmap(0, 1);
      const frame = onDevice(s, 0, 7);
      s.fork(1);
      expect([s.frameOf(0), s.frameOf(0, 1)]).toEqual([frame, frame]);
      expect([s.entry(0), s.entry(0, 1)].every((entry) => entry.startsWith("present r"))).toBe(true);
      expect([s.pte(0), s.pte(0, 1)].some((pte) => "write" in pte && pte.write)).toBe(false);
      write(s);
      expect(s.frame(0).kind).toBe("system");
      expect(s.frameOf(0, 1)).toBe(frame);
      s.as(1).write(0, 3);
      expect(s.frameOf(0, 1)).toBe(frame);
      expect([s.read(0), s.as(1).read(0)]).toEqual([9, 3]);
    },
  );

  it("[MEM-40] mprotect to read-only and back leaves a written coherent page writable", () => {
    const s = system({ core, devices: ["coherent"] });
    s.mmap(0, 1);
    onDevice(s, 0, 7);
    s.write(0, 8);
    s.mprotect(0, 1, "r");
    expect(s.entry(0)).toBe("present r dirty");
    s.mprotect(0, 1, "rw");
    expect(s.entry(0)).toBe("present rw dirty");
  });
});

describe("v14", () => {
  it("[MEM-23] the handler is called without a reference, and its frame may be another page's by then", () => {
    const s = ready("v14", 1);
    const frame = onDevice(s, 0, 7);
    s.write(1, 8);
    const t = threads(s);
    const task = t.start(0, calls.read(0));
    t.until(task, "migrate.m1");
    expect(s.state.frames[frame]?.holders.map((h) => h.kind)).toEqual(["map"]);
    t.finish(t.start(0, calls.madvise(0, 1, "dontneed")));
    t.finish(t.start(0, calls.toDevice(0, 1)));
    expect([migrationOf(s, task).faultPage, s.frameOf(1)]).toEqual([frame, frame]);
    expect(t.finish(task)).toEqual({ status: "ok", value: 0 });
    expect([s.frameOf(1), s.read(1)]).toEqual([frame, 8]);
  });

  it("[MEM-37] there is no coherent memory", () => {
    const s = devmem({ core: "v14", devices: ["coherent", "private"] });
    s.mmap(0, 1);
    s.write(0, 7);
    expect(s.call(0, { op: "devmem_add", dev: 0, npages: 1, flags: COHERENT })).toEqual({ status: "errno", errno: "ENODEV" });
    expect(s.toDevice(0, 0)).toBe("ENOENT");
    expect(s.frame(0).kind).toBe("system");
  });

  const around = { driver: { ...profile("v14", "ideal").driver, faultAround: 4 } };

  function spread(): System {
    const s = devmem({ core: "v14", pages: 8, physicalPages: 8, switches: around });
    added(s, 0, 8);
    s.mmap(1, 7);
    for (let page = 1; page < 8; page++) onDevice(s, page, page);
    return s;
  }

  it("[MEM-26] the helper moves the whole range that it is given around the address", () => {
    const s = spread();
    expect(s.read(2)).toBe(2);
    expect([1, 2, 3, 4, 5, 6, 7].map((page) => s.frame(page).kind === "system")).toEqual([true, true, true, false, false, false, false]);
    expect([1, 3, 5].map((page) => s.read(page))).toEqual([1, 3, 5]);
    expect(auditDevmem(s.state)).toEqual([]);
  });

  it.each([1, 2, 3])("[MEM-26] it answers 0 if and only if the page of the address has no error destination: error at page %i", (bad) => {
    const s = spread();
    const t = threads(s);
    const task = t.start(0, calls.read(2));
    for (const page of [1, 2, 3]) {
      t.until(task, "migrate.m7");
      t.step(task, page === bad ? "error" : "page");
    }
    expect(t.finish(task)).toEqual(bad === 2 ? { status: "signal", signal: "SIGBUS" } : { status: "ok", value: 2 });
    for (const page of [1, 2, 3]) expect(s.frame(page).kind === "private").toBe(page === bad);
    expect([1, 2, 3].map((page) => s.frame(page).contents.first)).toEqual([1, 2, 3]);
  });
});
