/** Frames: who holds them, when they go, and what a process finds in a new one. */
import { describe, expect, it } from "vitest";
import type { Frame } from "../../model/index.ts";
import { audit } from "./audit.ts";
import { ALL_CORES, calls, eachCore, LINUX_CORES, swapOut, system, threads } from "./support.ts";
import type { System } from "./support.ts";

const mappings = (frame: Frame | undefined): number => (frame?.holders ?? []).filter((h) => h.kind === "map").length;
const frameAt = (p: System, pfn: number): Frame => p.state.frames[pfn] as Frame;

/** Some of everything: private, shared and driver memory, devices, swap, fork, calls that fail. Each step is a call or a reclaim. */
function everything(p: System): (() => unknown)[] {
  const child = p.as(1);
  return [
    () => p.mmap(0, 4),
    () => p.mmap(4, 2, "rw", "shared"),
    () => p.mmap(6, 2, "rw", "device"),
    () => p.write(0, 1),
    () => p.read(1),
    () => p.write(2, 3),
    () => p.write(4, 4),
    () => p.read(5),
    () => p.toDevice(0, 0, 2),
    () => p.devWrite(1, 2, 2, 9),
    () => p.exclusive(0, 2),
    () => p.fork(1),
    () => swapOut(p, 2),
    () => child.write(0, 5),
    () => child.read(2),
    () => child.write(4, 8),
    () => p.write(2, 6),
    () => p.mprotect(0, 2, "r"),
    () => p.mprotect(0, 2, "rw"),
    () => p.write(0, 7),
    () => p.mremap(2, 2, 8),
    () => p.madvise(8, 2, "free"),
    () => p.madvise(8, 2, "pageout"),
    () => p.madvise(0, 10, "populate_w"),
    () => p.toSystem(0, 0, 4),
    () => p.munmap(0, 1),
    () => p.write(0, 1),
    () => p.mmap(5, 1, "r"),
    () => p.exit(1),
    () => p.close(0),
    () => p.munmap(0, 10),
  ];
}

describe("holders", () => {
  it.each(ALL_CORES)(
    "[FRM-1] under %s the frames of every state are held by what its entries and caches account for, and by nothing else",
    (core) => {
      const p = system({ core, pages: 10, devices: core === "v14" ? ["private", "private"] : ["private", "coherent"] });
      for (const run of everything(p)) {
        run();
        expect(audit(p.state)).toEqual([]);
      }
      expect(p.state.frames.filter((frame) => !frame.free)).toEqual([]);
    },
  );

  it.each([
    ["v14", 1],
    ["linux-6.1", 0],
    ["linux-6.12", 0],
  ] as const)("[FRM-1] under %s the reference count of a device frame is its holders and %i", (core, base) => {
    const p = system({ core, deviceFrames: 1 });
    const references = (pfn: number): number => {
      const frame = frameAt(p, pfn);
      return frame.holders.length + (frame.kind === "system" ? 0 : p.state.profile.refBase);
    };
    expect([frameAt(p, 0).kind, references(0)]).toEqual(["private", base]);
    p.mmap(0, 1);
    p.write(0, 1);
    expect(references(p.frameOf(0))).toBe(1);
    p.toDevice(0, 0);
    expect([p.frameOf(0), references(0)]).toEqual([0, base + 1]);
    p.munmap(0);
    expect(references(0)).toBe(base);
  });

  it("[FRM-1] a frame is freed in the step in which its last holder goes", () => {
    const p = system();
    p.mmap(0, 1);
    p.write(0, 7);
    const pfn = p.frameOf(0);
    const t = threads(p);
    t.act({ type: "pin", pfn });
    const unmap = t.start(0, calls.munmap(0));
    t.until(unmap, "do_munmap.zap");
    expect(frameAt(p, pfn).holders.length).toBe(2);
    t.finish(unmap);
    expect(frameAt(p, pfn)).toMatchObject({ free: false, holders: [{ kind: "pin" }], contents: { first: 7 } });
    t.act({ type: "unpin", pfn });
    expect(frameAt(p, pfn)).toMatchObject({ free: true, holders: [] });
  });

  it("[FRM-1] a freed device frame is the next that its device gives out, and a system frame never goes to a device", () => {
    const p = system({ deviceFrames: 2 });
    p.mmap(0, 2);
    p.write(0, 1);
    p.write(1, 1);
    p.toDevice(0, 0);
    const first = p.frameOf(0);
    p.munmap(0);
    p.toDevice(0, 1);
    expect(p.frameOf(1)).toBe(first);
    expect(p.frame(1)).toMatchObject({ kind: "private", dev: 0, free: false });
  });

  it.each([
    ["present", "present rw dirty", (p: System) => p.write(0, 1)],
    ["device-private", "device_private rw", (p: System) => p.write(0, 1) && p.toDevice(0, 0)],
    ["device-exclusive", "device_exclusive rw", (p: System) => p.exclusive(0, 0)],
  ])("[FRM-2] a %s entry holds one reference", (_, entry, make) => {
    const p = system();
    p.mmap(0, 1);
    make(p);
    expect(p.entry(0)).toBe(entry);
    expect(p.frame(0).holders).toEqual([{ kind: "map", mm: 0, vpn: 0 }]);
  });

  it("[FRM-2] a swap entry holds a user of its slot and no frame", () => {
    const p = system();
    p.mmap(0, 1);
    p.write(0, 1);
    const pfn = p.frameOf(0);
    swapOut(p, 0);
    expect(p.entry(0)).toBe("swap exclusive");
    expect(frameAt(p, pfn).free).toBe(true);
    expect(p.state.slots[0]?.count).toBe(1);
    p.fork(1);
    expect(p.state.slots[0]?.count).toBe(2);
    p.munmap(0);
    expect(p.state.slots[0]?.count).toBe(1);
    p.exit(1);
    expect(p.state.slots[0]?.count).toBe(0);
  });

  it("[FRM-2] a migration entry holds nothing: what holds the frame meanwhile is the migration", () => {
    const p = system();
    p.mmap(0, 1);
    p.write(0, 1);
    const pfn = p.frameOf(0);
    const t = threads(p);
    const move = t.start(0, calls.toDevice(0, 0));
    t.until(move, "migrate.m3");
    expect(p.entry(0)).toBe("migration write dirty");
    expect(mappings(frameAt(p, pfn))).toBe(0);
    expect(frameAt(p, pfn).holders.map((h) => h.kind)).toEqual(["task"]);
    t.finish(move);
    expect(mappings(p.frame(0))).toBe(1);
  });
});

eachCore(ALL_CORES, (core) => {
  it("[FRM-2] [FRM-3] entries of the zero page hold no frame", () => {
    const p = system({ core });
    p.mmap(0, 4);
    for (const page of [0, 1, 2, 3]) expect(p.read(page)).toBe(0);
    expect(p.entries(0, 4)).toEqual(["zero", "zero", "zero", "zero"]);
    expect(p.state.frames).toEqual([]);
  });

  it.each([
    ["after a read", (p: System) => p.read(0)],
    ["after populate", (p: System) => p.madvise(0, 1, "populate_r")],
    ["after a device read", (p: System) => p.devRead(0, 0)],
    ["after mprotect to writable", (p: System) => [p.mprotect(0, 1, "r"), p.read(0), p.mprotect(0, 1, "rw")]],
    ["after a move", (p: System) => p.read(0) === 0 && p.mremap(0, 1, 2) && p.mremap(2, 1, 0)],
    ["beside a written page, after fork", (p: System) => p.write(1, 1) && p.read(0) === 0 && p.fork(1)],
  ])("[FRM-3] the zero page is mapped without write permission %s, and a write takes a page of its own", (_, make) => {
    const p = system({ core });
    p.mmap(0, 2);
    make(p);
    expect(p.entry(0)).toBe("zero");
    const taken = p.state.frames.filter((frame) => !frame.free).length;
    p.write(0, 4);
    expect(p.entry(0)).toBe("present rw dirty");
    expect(p.state.frames.filter((frame) => !frame.free).length).toBe(taken + 1);
    p.mmap(2, 1);
    expect(p.read(2)).toBe(0);
  });
});

describe("the mark of one process", () => {
  it.each(LINUX_CORES)(
    "[FRM-5] under %s a page has it from its making until fork shares it, and again when its last process reuses it",
    (core) => {
      const p = system({ core });
      p.mmap(0, 1);
      p.write(0, 1);
      expect(p.frame(0).anonExclusive).toBe(true);
      p.fork(1);
      expect(p.frameOf(0, 1)).toBe(p.frameOf(0));
      expect([mappings(p.frame(0)), p.frame(0).anonExclusive]).toEqual([2, false]);
      p.as(1).write(0, 2);
      expect([p.frame(0, 1).anonExclusive, p.frame(0).anonExclusive]).toEqual([true, false]);
      const pfn = p.frameOf(0);
      p.write(0, 3);
      expect([p.frameOf(0), p.frame(0).anonExclusive]).toEqual([pfn, true]);
    },
  );

  it.each([
    ["a filled hole on a device", (p: System) => p.toDevice(0, 0)],
    ["a page that moved to a device", (p: System) => p.write(0, 1) && p.toDevice(0, 0)],
    ["a page that came home", (p: System) => p.toDevice(0, 0) && p.read(0)],
    ["a page of a coherent device", (p: System) => p.toDevice(1, 0)],
    ["a page that was swapped in for a write", (p: System) => p.write(0, 1) && [swapOut(p, 0), p.write(0, 2)]],
    ["a page that was swapped in for a read", (p: System) => p.write(0, 1) && [swapOut(p, 0), p.read(0)]],
  ])("[FRM-5] %s has it, and loses it by fork", (_, make) => {
    const p = system({ devices: ["private", "coherent"] });
    p.mmap(0, 1);
    make(p);
    expect(p.frame(0).anonExclusive).toBe(true);
    p.fork(1);
    expect([mappings(p.frame(0)), p.frame(0).anonExclusive]).toEqual([2, false]);
  });

  it("[FRM-5] a page that two processes swap in does not have it, even if the last of them writes", () => {
    const p = system();
    p.mmap(0, 1);
    p.write(0, 1);
    p.fork(1);
    swapOut(p, 0);
    p.read(0);
    p.as(1).write(0, 2);
    expect([p.read(0), p.as(1).read(0)]).toEqual([1, 2]);
    expect(p.frameOf(0, 1)).not.toBe(p.frameOf(0));
    expect(audit(p.state)).toEqual([]);
  });

  it("[FRM-5] v14 has no such mark", () => {
    const p = system({ core: "v14", pages: 10 });
    for (const run of everything(p)) {
      run();
      expect(p.state.frames.filter((frame) => frame.anonExclusive)).toEqual([]);
    }
  });
});

describe("at rest", () => {
  const FAILING = [
    ["SIGSEGV", calls.write(3, 1)],
    ["a device access to a hole", calls.devRead(0, 0, 4)],
    ["a device write that is not allowed", calls.devWrite(0, 2, 1, 1)],
    ["migration over a hole", calls.toDevice(0, 0, 4)],
    ["migration that leaves pages", calls.toDevice(1, 0, 2)],
    ["make_exclusive over a hole", calls.exclusive(0, 0, 4)],
    ["mprotect over a hole", calls.mprotect(0, 4, "r")],
    ["madvise over a hole", calls.madvise(0, 4, "free")],
    ["populate over a hole", calls.madvise(0, 4, "populate_r")],
    ["populate of a read-only mapping", calls.madvise(0, 3, "populate_w")],
    ["mremap of several mappings", calls.mremap(0, 3, 3)],
    ["mremap onto itself", calls.mremap(0, 2, 1)],
    ["a call on nothing", calls.munmap(0, 0)],
  ] as const;

  it.each(FAILING)("[FRM-6] after %s no lock is held and no task holds a frame", (_, call) => {
    const p = system({ pages: 6 });
    p.mmap(0, 2);
    p.mmap(2, 1, "r");
    p.write(0, 1);
    p.toDevice(0, 0);
    expect(p.call(0, call).status).not.toBe("ok");
    expect(audit(p.state)).toEqual([]);
  });

  it.each([
    ["the address space lock", "munmap.unmap", calls.munmap(0), (p: System) => p.state.mms[0]?.lock.writer],
    ["the page lock", "migrate.m6", calls.toDevice(0, 0), (p: System) => p.state.frames[0]?.locked],
    ["the driver lock", "device_access.a1", calls.devRead(0, 0), (p: System) => p.state.files[0]?.mutex],
  ])("[FRM-6] a task that holds %s lets it go before it ends", (_, name, call, lock) => {
    const p = system();
    p.mmap(0, 1);
    p.write(0, 1);
    p.devRead(0, 0);
    const t = threads(p);
    const task = t.start(0, call);
    t.until(task, name);
    expect(lock(p)).toBe(task);
    t.finish(task);
    expect(lock(p) ?? null).toBe(null);
    expect(audit(p.state)).toEqual([]);
  });

  it("[FRM-6] a fault that finds no memory lets everything go and is tried again", () => {
    const p = system();
    p.mmap(0, 1);
    p.write(0, 1);
    p.fork(1);
    const t = threads(p);
    const write = t.start(0, calls.write(0, 2));
    t.until(write, "handle_mm_fault.c4b");
    t.step(write, "no-memory");
    expect(mappings(p.frame(0))).toBe(2);
    expect(p.frame(0).holders.length).toBe(2);
    t.finish(write);
    expect([p.read(0), p.as(1).read(0)]).toEqual([2, 1]);
    expect(audit(p.state)).toEqual([]);
  });
});

describe("the dirty bit", () => {
  /** A page of shared memory whose entry is dirty and whose frame is clean, or both clean. */
  function shared(write: boolean): System {
    const p = system();
    p.mmap(0, 1, "rw", "shared");
    p.read(0);
    if (write) p.write(0, 6);
    expect(p.entry(0)).toBe(write ? "present rw dirty" : "present rw");
    expect(p.frame(0).dirty).toBe(false);
    return p;
  }

  it.each([
    ["MADV_DONTNEED", true, (p: System) => p.madvise(0, 1, "dontneed")],
    ["MADV_DONTNEED", false, (p: System) => p.madvise(0, 1, "dontneed")],
    ["reclaim", true, (p: System) => p.madvise(0, 1, "pageout")],
  ] as const)("[FRM-7] %s of shared memory passes it on to the frame (entry dirty: %s)", (_, write, drop) => {
    const p = shared(write);
    const pfn = p.frameOf(0);
    drop(p);
    expect(p.entry(0)).toBe("none");
    expect(frameAt(p, pfn)).toMatchObject({ free: false, dirty: write });
  });

  it.each([
    ["munmap", (p: System) => p.munmap(0)],
    ["exit", (p: System) => p.exit(1)],
  ])("[FRM-7] %s of one mapping of shared memory passes it on to the frame", (_, drop) => {
    const p = system();
    p.mmap(0, 1, "rw", "shared");
    p.read(0);
    p.fork(1);
    p.as(1).write(0, 6);
    const pfn = p.frameOf(0, 1);
    expect(frameAt(p, pfn).dirty).toBe(true);
    p.as(1).madvise(0, 1, "dontneed");
    drop(p);
    expect(frameAt(p, pfn)).toMatchObject({ free: false, dirty: true, contents: { first: 6 } });
  });

  it("[FRM-7] reclaim of a private page passes it on, so that what the CPU wrote goes to the slot", () => {
    const p = system();
    p.mmap(0, 1);
    p.write(0, 1);
    swapOut(p, 0);
    p.read(0);
    expect([p.entry(0), p.frame(0).dirty]).toEqual(["present r", false]);
    p.write(0, 2);
    swapOut(p, 0);
    expect(p.read(0)).toBe(2);
  });
});
