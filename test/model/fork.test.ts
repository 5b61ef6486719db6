/** fork: what the child finds, and what both may still do with what they share. */
import { describe, expect, it } from "vitest";
import { audit } from "./audit.ts";
import { ALL_CORES, calls, eachCore, LINUX_CORES, swapOut, system, threads } from "./support.ts";
import type { System } from "./support.ts";

const mappings = (p: System, page: number, actor = 0): number => p.frame(page, actor).holders.filter((h) => h.kind === "map").length;

eachCore(ALL_CORES, (core) => {
  it("[FRK-1] does not copy the entries of a private mapping without an anon_vma", () => {
    const p = system({ core });
    p.mmap(0, 2);
    p.read(0);
    expect(p.fork(1)).toBe("ok");
    expect([p.entries(0, 2), p.entries(0, 2, 1), p.layout(1)]).toEqual([["zero", "none"], ["none", "none"], ["0-2 rw private"]]);
    expect(p.as(1).read(0)).toBe(0);
  });

  it("[FRK-1] copies all entries of a mapping that has one", () => {
    const p = system({ core, pages: 6 });
    p.mmap(0, 5);
    p.read(1);
    for (const page of [2, 3, 4]) p.write(page, page);
    p.toDevice(0, 3);
    swapOut(p, 4);
    p.fork(1);
    expect(p.entries(0, 5, 1)).toEqual(["none", "zero", "present r dirty", "device_private r", "swap"]);
    expect([0, 1, 2, 3, 4].map((page) => p.as(1).read(page))).toEqual([0, 0, 2, 3, 4]);
  });

  it("[FRK-2] does not copy the entries of shared memory, and each process sees what the other writes", () => {
    const p = system({ core });
    p.mmap(0, 2, "rw", "shared");
    p.write(0, 3);
    p.fork(1);
    expect([p.entries(0, 2), p.entries(0, 2, 1)]).toEqual([
      ["present rw dirty", "none"],
      ["none", "none"],
    ]);
    expect(p.as(1).read(0)).toBe(3);
    p.as(1).write(0, 4);
    p.as(1).write(1, 5);
    expect([p.read(0), p.read(1)]).toEqual([4, 5]);
    p.as(1).fork(2);
    p.as(2).write(1, 6);
    expect([p.read(1), p.as(1).read(1)]).toEqual([6, 6]);
  });

  it.each([
    ["rw", "present rw"],
    ["r", "present r"],
  ] as const)("[FRK-3] copies the entries of a mapping of the driver's file with %s as they are, and tells nobody", (prot, entry) => {
    const p = system({ core });
    p.mmap(0, 2, prot, "device");
    p.notices();
    p.fork(1);
    expect([p.notices(), p.entries(0, 2), p.entries(0, 2, 1)]).toEqual([[], [entry, entry], [entry, entry]]);
    expect([p.frameOf(0, 1), mappings(p, 0)]).toEqual([p.frameOf(0), 2]);
    if (prot === "rw") p.as(1).write(0, 9);
    expect(p.read(0)).toBe(prot === "rw" ? 9 : 0);
  });

  it("[FRK-4] shares each present private page, read-only in both", () => {
    const p = system({ core });
    p.mmap(0, 2);
    p.mmap(2, 2, "r");
    p.write(0, 1);
    p.write(1, 2);
    p.mprotect(1, 1, "r");
    const frames = [p.frameOf(0), p.frameOf(1)];
    p.fork(1);
    for (const actor of [0, 1]) {
      expect(p.entries(0, 2, actor)).toEqual(["present r dirty", "present r dirty"]);
      expect([p.frameOf(0, actor), p.frameOf(1, actor)]).toEqual(frames);
    }
    expect([mappings(p, 0), mappings(p, 1), p.frame(0).holders.length]).toEqual([2, 2, 2]);
    p.as(1).fork(2);
    expect([mappings(p, 0), p.frameOf(0, 2)]).toEqual([3, frames[0]]);
    p.write(0, 7);
    p.as(2).write(0, 8);
    expect([p.read(0), p.as(1).read(0), p.as(2).read(0)]).toEqual([7, 1, 8]);
  });

  it("[FRK-5] copies a swap entry with one more user of its slot, exclusive in neither process", () => {
    const p = system({ core });
    p.mmap(0, 1);
    p.write(0, 4);
    swapOut(p, 0);
    p.fork(1);
    expect([p.entry(0), p.entry(0, 1), p.pte(0, 1)]).toEqual(["swap", "swap", p.pte(0)]);
    expect(p.state.slots[0]?.count).toBe(2);
    p.as(1).write(0, 5);
    expect([p.read(0), p.as(1).read(0), p.state.slots[0]?.count]).toEqual([4, 5, 0]);
    expect(audit(p.state)).toEqual([]);
  });

  it("[FRK-5] copies a migration entry in its read kind, without a reference", () => {
    const p = system({ core });
    p.mmap(0, 1);
    p.write(0, 4);
    p.fork(1);
    const pfn = p.frameOf(0);
    const t = threads(p);
    const move = t.start(1, calls.toDevice(0, 0));
    t.until(move, "migrate.m6");
    const fork = t.start(0, calls.fork(2));
    t.finish(fork);
    expect([p.entry(0), p.entry(0, 2)].map((entry) => entry.replace(" dirty", ""))).toEqual(["migration read", "migration read"]);
    expect(p.state.frames[pfn]?.holders.filter((h) => h.kind === "map")).toEqual([]);
    t.finish(move);
    expect([0, 1, 2].map((actor) => p.entry(0, actor))).toEqual(Array.from({ length: 3 }, () => "device_private r"));
    expect([mappings(p, 0), audit(p.state)]).toEqual([3, []]);
    expect([0, 1, 2].map((actor) => p.as(actor).read(0))).toEqual([4, 4, 4]);
  });

  it("[FRK-7] sends the parent one PROTECTION_PAGE over each whole private mapping whose entries it copies, and the child nothing", () => {
    const p = system({ core, pages: 10 });
    p.mmap(0, 3);
    p.write(1, 1);
    p.mmap(3, 1, "r");
    p.mmap(4, 1, "rw", "shared");
    p.write(4, 1);
    p.mmap(5, 1, "rw", "device");
    p.mmap(6, 4);
    p.read(6);
    p.write(9, 1);
    p.open(0);
    p.notices();
    p.fork(1, "inherit");
    expect(p.notices()).toEqual(["PROTECTION_PAGE 0-3", "PROTECTION_PAGE 6-10"]);
    p.as(1).fork(2);
    expect(p.notices()).toEqual(["1:PROTECTION_PAGE 0-3", "1:PROTECTION_PAGE 6-10"]);
  });

  it("[FRK-7] begins the notification before the first entry is copied", () => {
    const p = system({ core });
    p.mmap(0, 1);
    p.write(0, 1);
    p.devWrite(0, 0, 1, 2);
    const t = threads(p);
    const fork = t.start(0, calls.fork(1));
    t.until(fork, "fork.copy");
    expect([p.entry(0), p.state.files[0]?.dpt[0]]).toEqual(["present rw dirty", null]);
    t.step(fork);
    expect(p.entry(0)).toBe("present r dirty");
    t.finish(fork);
  });
});

describe("pinned pages", () => {
  it.each(LINUX_CORES)("[FRK-6] under %s a pinned page is copied for the child at once, and the parent keeps page and entry", (core) => {
    const p = system({ core });
    p.mmap(0, 2);
    p.write(0, 1);
    p.write(1, 2);
    const pfn = p.frameOf(0);
    threads(p).act({ type: "pin", pfn });
    p.fork(1);
    expect(p.entries(0, 2)).toEqual(["present rw dirty", "present r dirty"]);
    expect([p.frameOf(0), p.frame(0).anonExclusive, mappings(p, 0)]).toEqual([pfn, true, 1]);
    expect([p.frameOf(0, 1) === pfn, p.frameOf(1, 1) === p.frameOf(1)]).toEqual([false, true]);
    p.write(0, 8);
    expect([p.as(1).read(0), p.read(0)]).toEqual([1, 8]);
    p.as(1).write(0, 9);
    expect([p.as(1).read(0), p.read(0), audit(p.state)]).toEqual([9, 8, []]);
  });

  it.each(LINUX_CORES)("[FRK-6] under %s a page whose only other holder is no pin is shared", (core) => {
    const p = system({ core });
    p.mmap(0, 1);
    p.write(0, 1);
    threads(p).act({ type: "get", pfn: p.frameOf(0) });
    p.fork(1);
    expect([p.frameOf(0, 1), p.entry(0)]).toEqual([p.frameOf(0), "present r dirty"]);
  });

  it("[FRK-6] under v14 a pinned page is shared like any other", () => {
    const p = system({ core: "v14" });
    p.mmap(0, 1);
    p.write(0, 1);
    threads(p).act({ type: "pin", pfn: p.frameOf(0) });
    p.fork(1);
    expect([p.frameOf(0, 1), p.entry(0)]).toEqual([p.frameOf(0), "present r dirty"]);
  });
});

describe("pages of devices", () => {
  it.each(LINUX_CORES)("[FRK-4] under %s coherent pages are shared where they are", (core) => {
    const p = system({ core, devices: ["coherent"] });
    p.mmap(0, 1);
    p.write(0, 4);
    p.toDevice(0, 0);
    p.fork(1);
    expect([p.frame(0).kind, p.frameOf(0, 1), mappings(p, 0)]).toEqual(["coherent", p.frameOf(0), 2]);
    expect([p.entry(0).startsWith("present r "), p.entry(0, 1).startsWith("present r ")]).toEqual([true, true]);
  });

  it.each(LINUX_CORES)(
    "[FRK-5] under %s an entry that was writable before a migration is read-only after fork and after the migration",
    (core) => {
      const p = system({ core });
      p.mmap(0, 1);
      p.write(0, 4);
      p.toDevice(0, 0);
      p.mmap(2, 1);
      p.fork(1);
      p.write(0, 6);
      p.toDevice(0, 0);
      p.as(1).open(0);
      const t = threads(p);
      const evict = t.start(1, calls.close(0));
      t.until(evict, "migrate.m6");
      expect(p.entry(0)).toBe("migration write");
      t.finish(t.start(0, calls.fork(2)));
      expect([p.entry(0), p.entry(0, 2)]).toEqual(["migration read", "migration read"]);
      t.finish(evict);
      expect([p.entry(0), p.entry(0, 2), p.frame(0).anonExclusive]).toEqual(["present r", "present r", false]);
      p.write(0, 7);
      expect([p.read(0), p.as(2).read(0), audit(p.state)]).toEqual([7, 6, []]);
    },
  );
});

describe("a migration that gives up after fork", () => {
  it.each(LINUX_CORES)("[FRK-5, FRM-5] under %s leaves the page read-only in both, without the mark", (core) => {
    const p = system({ core });
    p.mmap(0, 1);
    p.write(0, 4);
    p.toDevice(0, 0);
    p.mmap(2, 1);
    p.fork(1);
    p.write(0, 6);
    p.toDevice(0, 0);
    const pfn = p.frameOf(0);
    p.as(1).open(0);
    const t = threads(p);
    const evict = t.start(1, calls.close(0));
    t.until(evict, "migrate.m6");
    t.finish(t.start(0, calls.fork(2)));
    t.act({ type: "get", pfn });
    t.finish(evict);
    expect([p.frameOf(0), p.frameOf(0, 2), p.frame(0).anonExclusive, audit(p.state)]).toEqual([pfn, pfn, false, []]);
    expect([p.entry(0), p.entry(0, 2)]).toEqual(["device_private r", "device_private r"]);
  });
});

describe("locks", () => {
  it.each(ALL_CORES)("[FRK-4] under %s the parent's faults wait for fork, and the child begins when it has ended", (core) => {
    const p = system({ core });
    p.mmap(0, 2);
    p.write(0, 1);
    const t = threads(p);
    const fork = t.start(0, calls.fork(1));
    t.until(fork, "fork.end");
    expect(t.refused({ type: "call", actor: 1, call: calls.read(0) })).toContain("does not live");
    expect(t.refused({ type: "call", actor: 0, call: calls.fork(1) })).toContain("exists already");
    const write = t.start(0, calls.write(0, 2));
    expect([t.drive(write), t.at(write)]).toEqual(["waits", "cpu_access.c1"]);
    t.finish(fork);
    t.finish(write);
    expect([p.read(0), p.as(1).read(0)]).toEqual([2, 1]);
  });
});
