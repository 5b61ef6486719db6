/** CPU accesses: what a fault makes of each entry, whom it tells, and what it does when the entry changes under it. */
import { describe, expect, it } from "vitest";
import { ALL_CORES, calls, eachCore, LINUX_CORES, swapOut, system, threads } from "./support.ts";
import type { System } from "./support.ts";
import type { MapKind, Prot } from "../../spec/vocabulary.ts";

/** Pages that one page table maps: the size of a huge page. */
const HUGE = 512;

const taken = (p: System): number => p.state.frames.filter((frame) => !frame.free).length;

eachCore(ALL_CORES, (core) => {
  const REFUSED: readonly (readonly [access: "read" | "write", prot: Prot, map: MapKind])[] = [
    ["write", "r", "private"],
    ["write", "rx", "private"],
    ["write", "x", "private"],
    ["write", "n", "private"],
    ["read", "n", "private"],
    ["write", "r", "shared"],
    ["read", "n", "shared"],
    ["write", "r", "device"],
    ["read", "n", "device"],
  ];
  it.each(REFUSED)("[CPU-1] a %s of a mapping with %s (%s) ends in SIGSEGV and changes nothing", (access, prot, map) => {
    const p = system({ core });
    p.mmap(0, 2, "rw", map);
    p.write(0, 1);
    p.mprotect(0, 2, prot);
    for (const page of [0, 1]) expect(p.nothing(() => (access === "read" ? p.read(page) : p.write(page, 2)))).toBe("SIGSEGV");
  });

  it("[CPU-1] an access outside every mapping ends in SIGSEGV and changes nothing", () => {
    const p = system({ core });
    p.mmap(0, 1);
    p.mmap(2, 1);
    expect([p.nothing(() => p.read(1)), p.nothing(() => p.write(1, 1)), p.nothing(() => p.read(3))]).toEqual([
      "SIGSEGV",
      "SIGSEGV",
      "SIGSEGV",
    ]);
  });

  it.each(["private", "shared"] as const)("[CPU-2] a read of a %s mapping that has write permission only succeeds", (map) => {
    const p = system({ core });
    p.mmap(0, 2, "w", map);
    expect([p.read(0), p.write(1, 7), p.read(1)]).toEqual([0, "ok", 7]);
  });

  it.each(["r", "rw", "w", "rwx"] as const)(
    "[CPU-3] a read of an empty private page with %s maps the zero page, takes no frame and tells nobody",
    (prot) => {
      const p = system({ core });
      p.mmap(0, 1, prot);
      p.open(0);
      expect(p.read(0)).toBe(0);
      expect([p.entry(0), taken(p), p.notices()]).toEqual(["zero", 0, []]);
    },
  );

  it("[CPU-4] a write to an empty private page maps a new zero-filled page, writable and dirty, and tells nobody", () => {
    const p = system({ core });
    p.mmap(0, 1);
    p.open(0);
    const t = threads(p);
    const write = t.start(0, calls.write(0, 7));
    t.until(write, "cpu_access.fault");
    expect([p.entry(0), p.frame(0).contents, p.frame(0).kind]).toEqual(["present rw dirty", { first: 0, fill: 0 }, "system"]);
    t.finish(write);
    expect([p.read(0), taken(p), p.notices()]).toEqual([7, 1, []]);
  });

  it.each([
    ["the zero page", (p: System) => p.read(1)],
    ["a page that fork has shared", (p: System) => [p.write(1, 4), p.fork(1)]],
    ["a page that fork has shared, the child writing", (p: System) => [p.write(1, 4), p.fork(1)], 1],
  ] as const)("[CPU-5] a write to %s maps a new copy and announces it by CLEAR for that page", (_, make, actor: number = 0) => {
    const p = system({ core });
    p.mmap(0, 3);
    make(p);
    const before = p.pte(1, actor);
    p.notices();
    expect(p.as(actor).write(1, 8)).toBe("ok");
    expect(p.notices()).toEqual([actor === 0 ? "CLEAR 1-2" : "1:CLEAR 1-2"]);
    expect(p.entry(1, actor)).toBe("present rw dirty");
    expect("pfn" in before && before.pfn === p.frameOf(1, actor)).toBe(false);
    if (p.state.actors.length > 1) expect(p.as(1 - actor).read(1)).toBe(4);
    expect(p.as(actor).read(1)).toBe(8);
  });

  it("[CPU-5] the copy is announced before the entry changes", () => {
    const p = system({ core });
    p.mmap(0, 1);
    p.write(0, 4);
    p.fork(1);
    p.devRead(0, 0);
    const old = p.frameOf(0);
    const t = threads(p);
    const write = t.start(0, calls.write(0, 8));
    t.until(write, "handle_mm_fault.c4c");
    expect([p.frameOf(0), p.state.files[0]?.dpt[0]]).toEqual([old, null]);
    t.step(write);
    expect(p.frameOf(0)).not.toBe(old);
    t.finish(write);
  });

  it.each([
    ["whose other processes have ended", (p: System) => [p.write(0, 4), p.fork(1), p.exit(1)]],
    ["whose other process has its own copy", (p: System) => [p.write(0, 4), p.fork(1), p.as(1).write(0, 5)]],
    [
      "that came home read-only",
      (p: System) => [p.write(0, 4), p.toDevice(0, 0), p.mprotect(0, 1, "r"), p.mprotect(0, 1, "rw"), p.read(0)],
    ],
    [
      "that was swapped in by a read",
      (p: System) => [p.write(0, 4), swapOut(p, 0), p.read(0), p.mprotect(0, 1, "r"), p.mprotect(0, 1, "rw")],
    ],
  ] as const)("[CPU-6] a write to a page %s makes its entry writable in place and tells nobody", (_, make) => {
    const p = system({ core });
    p.mmap(0, 1);
    make(p);
    p.open(1);
    const pfn = p.frameOf(0);
    if (core === "linux-6.12") p.mprotect(0, 1, "r");
    p.mprotect(0, 1, "rw");
    p.notices();
    p.write(0, 9);
    expect([p.entry(0), p.frameOf(0), p.read(0)]).toEqual(["present rw dirty", pfn, 9]);
    expect(p.notices()).toEqual([]);
    expect(p.frame(0).holders.filter((h) => h.kind !== "swap-cache")).toEqual([{ kind: "map", mm: 0, vpn: 0 }]);
  });

  it.each([
    ["r", "present r"],
    ["rw", "present rw"],
  ] as const)("[CPU-7] a read of shared memory with %s maps its page with that permission", (prot, entry) => {
    const p = system({ core });
    p.mmap(0, 2, "rw", "shared");
    p.write(0, 6);
    p.mprotect(0, 2, prot);
    p.madvise(0, 2, "dontneed");
    p.open(0);
    p.notices();
    expect([p.read(0), p.read(1)]).toEqual([6, 0]);
    expect([p.entries(0, 2), p.frame(1).contents, p.notices()]).toEqual([[entry, entry], { first: 0, fill: 0 }, []]);
  });

  it("[CPU-7] a write to shared memory maps the page of the object dirty, and everybody sees it", () => {
    const p = system({ core });
    p.mmap(0, 1, "rw", "shared");
    p.fork(1);
    expect(p.write(0, 6)).toBe("ok");
    expect([p.entry(0), p.frame(0).holders.map((h) => h.kind)]).toEqual(["present rw dirty", ["page-cache", "map"]]);
    expect([p.as(1).read(0), p.entry(0, 1), p.frameOf(0, 1)]).toEqual([6, "present rw", p.frameOf(0)]);
  });

  it.each(["read", "write"] as const)("[CPU-9] a %s of an empty entry of the driver's file ends in SIGBUS", (access) => {
    const p = system({ core });
    p.mmap(0, 2, "rw", "device");
    p.madvise(0, 1, "dontneed");
    expect(p.nothing(() => (access === "read" ? p.read(0) : p.write(0, 1)))).toBe("SIGBUS");
    expect(access === "read" ? p.read(1) : p.write(1, 1)).toBe(access === "read" ? 0 : "ok");
  });
});

describe("who counts when a page is reused", () => {
  it.each(LINUX_CORES)("[CPU-6] under %s a coherent page is reused where it is", (core) => {
    const p = system({ core, devices: ["coherent"] });
    p.mmap(0, 1);
    p.write(0, 4);
    p.toDevice(0, 0);
    p.fork(1);
    p.exit(1);
    p.notices();
    p.write(0, 9);
    expect([p.frame(0).kind, p.read(0), p.notices()]).toEqual(["coherent", 9, []]);
  });

  it.each(LINUX_CORES)("[CPU-5] [CPU-6] under %s a page without the mark that somebody else holds is copied", (core) => {
    const p = system({ core });
    p.mmap(0, 1);
    p.write(0, 4);
    p.fork(1);
    p.exit(1);
    const pfn = p.frameOf(0);
    threads(p).act({ type: "get", pfn });
    p.notices();
    p.write(0, 9);
    expect([p.frameOf(0) === pfn, p.notices()]).toEqual([false, ["CLEAR 0-1"]]);
  });

  it("[CPU-6] under v14 only other mappings count", () => {
    const p = system({ core: "v14" });
    p.mmap(0, 1);
    p.write(0, 4);
    p.fork(1);
    p.exit(1);
    const pfn = p.frameOf(0);
    threads(p).act({ type: "get", pfn });
    p.write(0, 9);
    expect([p.frameOf(0), p.read(0)]).toEqual([pfn, 9]);
  });

  it.each(ALL_CORES)("[CPU-5] [CPU-6] under %s a page in the swap cache is copied as long as its slot has users", (core) => {
    const p = system({ core });
    p.mmap(0, 1);
    p.write(0, 4);
    p.fork(1);
    swapOut(p, 0);
    p.read(0);
    expect(p.entry(0)).toBe("present r");
    const pfn = p.frameOf(0);
    p.write(0, 9);
    expect([p.frameOf(0) === pfn, p.as(1).read(0)]).toEqual([false, 4]);
    p.as(1).write(0, 3);
    expect([p.read(0), p.as(1).read(0)]).toEqual([9, 3]);
  });
});

describe("fault-around", () => {
  /** Shared memory at [start, start + npages) whose pages but `missing` exist and are mapped nowhere. */
  function object(start: number, npages: number, missing: readonly number[] = [], core: (typeof ALL_CORES)[number] = "linux-6.1"): System {
    const p = system({ core, pages: start + npages + 4 });
    p.mmap(start, npages, "rw", "shared");
    for (let page = start; page < start + npages; page++) if (!missing.includes(page)) p.write(page, 1);
    p.madvise(start, npages, "dontneed");
    return p;
  }

  const mapped = (p: System): string => {
    const pages = p.state.mms[0]?.ptes.flatMap((pte, page) => (pte.kind === "none" ? [] : [page])) ?? [];
    return pages.length === 0 ? "" : `${pages[0]}-${(pages.at(-1) ?? 0) + 1} (${pages.length})`;
  };

  it.each([
    ["the 16 pages of its block", 0, 40, 20, "16-32 (16)"],
    ["the first block", 0, 40, 3, "0-16 (16)"],
    ["16 pages from the start of the mapping, if that is later", 18, 22, 20, "18-34 (16)"],
    ["no further than the mapping", 0, 20, 17, "16-20 (4)"],
    ["no further than the page table", HUGE - 12, 24, HUGE - 7, `${HUGE - 12}-${HUGE} (12)`],
    ["from the next page table on", HUGE - 12, 24, HUGE + 1, `${HUGE}-${HUGE + 12} (12)`],
  ])("[CPU-8] a read maps %s", (_, start, npages, page, range) => {
    const p = object(start, npages);
    expect(p.read(page)).toBe(1);
    expect(mapped(p)).toBe(range);
  });

  it.each(ALL_CORES)("[CPU-8] under %s a read maps only neighbours that exist and whose entries are empty", (core) => {
    const p = object(0, 8, [2, 5], core);
    p.write(3, 9);
    p.read(0);
    expect(p.entries(0, 8)).toEqual([
      "present rw",
      "present rw",
      "none",
      "present rw dirty",
      "present rw",
      "none",
      "present rw",
      "present rw",
    ]);
  });

  it("[CPU-8] a read of a page that does not exist yet maps its neighbours and makes that page", () => {
    const p = object(0, 4, [2]);
    expect(p.read(2)).toBe(0);
    expect(mapped(p)).toBe("0-4 (4)");
  });

  it("[CPU-8] a write maps its own page only", () => {
    const p = object(0, 40);
    p.write(20, 2);
    expect(mapped(p)).toBe("20-21 (1)");
  });

  it("[CPU-7] [CPU-8] a locked page of the object is not mapped around, and who faults it waits", () => {
    const p = object(0, 2);
    p.read(0);
    const pfn = p.frameOf(1);
    const t = threads(p);
    const reclaim = t.reclaim(pfn);
    t.until(reclaim, "reclaim.r3");
    const drop = t.start(0, calls.madvise(0, 1, "dontneed"));
    t.finish(drop);
    t.finish(t.start(0, calls.read(0)));
    expect(p.entries(0, 2)).toEqual(["present rw", "none"]);
    const read = t.start(0, calls.read(1));
    expect([t.drive(read), t.at(read)]).toEqual(["waits", "handle_mm_fault.c3"]);
    t.finish(reclaim);
    expect(t.finish(read)).toEqual({ status: "ok", value: 1 });
  });
});

describe("huge pages", () => {
  function block(setup: { prot?: Prot; map?: MapKind; advice?: boolean; core?: (typeof ALL_CORES)[number] } = {}): System {
    const p = system({ core: setup.core ?? "linux-6.1", pages: 2 * HUGE + 8 });
    p.mmap(0, 2 * HUGE, setup.prot ?? "rw", setup.map ?? "private");
    if (setup.advice !== false) p.madvise(0, 2 * HUGE, "huge");
    return p;
  }

  it.each(LINUX_CORES)("[CPU-11] under %s an access maps the whole block as one huge page", (core) => {
    const written = block({ core });
    written.write(HUGE + 9, 7);
    expect(new Set(written.entries(HUGE, HUGE))).toEqual(new Set(["present rw dirty huge"]));
    expect([written.entry(HUGE - 1), written.read(HUGE + 9), written.read(HUGE + 8), taken(written)]).toEqual(["none", 7, 0, HUGE]);
    const read = block({ core });
    expect(read.read(HUGE - 1)).toBe(0);
    expect([new Set(read.entries(0, HUGE)), read.entry(HUGE), taken(read)]).toEqual([new Set(["zero huge"]), "none", 0]);
  });

  it.each([
    ["without the mark", { advice: false }, () => null],
    ["of shared memory", { map: "shared" }, () => null],
    ["that lies in two mappings", {}, (p: System) => p.mprotect(0, 1, "rwx")],
    ["that is not mapped as a whole", {}, (p: System) => p.munmap(HUGE - 1, 1)],
  ] as const)("[CPU-11] a block %s is mapped page by page", (_, setup, make) => {
    const p = block(setup);
    make(p);
    p.write(9, 7);
    expect([p.entry(8), p.entry(9)]).toEqual(["none", "present rw dirty"]);
  });

  it("[CPU-6] a write to a read-only huge page of one process makes the whole of it writable in place", () => {
    const p = block();
    p.write(9, 7);
    p.mprotect(0, HUGE, "r");
    p.mprotect(0, HUGE, "rw");
    expect(p.entry(9)).toBe("present r dirty huge");
    const pfn = p.frameOf(9);
    p.notices();
    p.write(3, 8);
    expect([new Set(p.entries(0, HUGE)), p.frameOf(9), p.notices()]).toEqual([new Set(["present rw dirty huge"]), pfn, []]);
  });

  it("[CPU-5, CPU-6] a write to a huge page that fork has shared splits its mapping and copies one page", () => {
    const p = block();
    p.write(9, 7);
    p.fork(1);
    const pfn = p.frameOf(9);
    p.write(9, 8);
    expect([p.entry(9), p.entry(8), p.frameOf(9) === pfn]).toEqual(["present rw dirty", "present r", false]);
    expect([p.frameOf(8), p.as(1).read(9), p.entry(9, 1)]).toEqual([p.frameOf(8, 1), 7, "present r dirty huge"]);
  });

  it("[CPU-11] a block in which a page is there already is mapped page by page", () => {
    const p = block({ advice: false });
    p.read(0);
    p.madvise(0, 2 * HUGE, "huge");
    p.write(9, 7);
    p.write(HUGE, 7);
    expect([p.entry(8), p.entry(9), p.entry(HUGE + 1)]).toEqual(["none", "present rw dirty", "present rw dirty huge"]);
  });
});
