/** Mappings: what makes and removes them, and when two become one. */
import { describe, expect, it } from "vitest";
import { audit } from "./audit.ts";
import { ALL_CORES, calls, eachCore, LINUX_CORES, swapOut, system, threads } from "./support.ts";
import type { System } from "./support.ts";

const taken = (p: System): number => p.state.frames.filter((frame) => !frame.free).length;

eachCore(ALL_CORES, (core) => {
  it("[VMA-1] mmap over mappings unmaps them first, with the effects of munmap on that range alone", () => {
    const p = system({ core, pages: 6 });
    p.mmap(0, 3);
    p.mmap(3, 2, "rw", "shared");
    for (const page of [0, 1, 3, 4]) p.write(page, 1);
    p.toDevice(0, 1);
    p.devRead(1, 0, 5);
    p.notices();
    expect(p.mmap(1, 3, "r")).toBe("ok");
    expect(p.notices()).toEqual(["UNMAP 1-4"]);
    expect(p.layout()).toEqual(["0-1 rw private", "1-4 r private", "4-5 rw shared"]);
    expect(p.entries(0, 5).map((entry) => entry !== "none")).toEqual([true, false, false, false, true]);
    expect([1, 2, 3].map((page) => p.read(page))).toEqual([0, 0, 0]);
    expect([p.read(0), p.read(4)]).toEqual([1, 1]);
    p.munmap(4, 1);
    expect(taken(p)).toBe(1);
  });

  it.each([
    ["mmap", calls.mmap(0, 0), "EINVAL"],
    ["mmap of shared memory", calls.mmap(0, 0, "rw", "shared"), "EINVAL"],
    ["munmap", calls.munmap(0, 0), "EINVAL"],
    ["mremap", calls.mremap(0, 0, 2), "EINVAL"],
    ["mremap onto itself", calls.mremap(0, 0, 0), "EINVAL"],
    ["mremap of a hole", calls.mremap(3, 0, 0), "EINVAL"],
    ["mprotect", calls.mprotect(0, 0, "r"), "ok"],
    ["mprotect of a hole", calls.mprotect(3, 0, "r"), "ok"],
    ["MADV_DONTNEED", calls.madvise(0, 0, "dontneed"), "ok"],
    ["MADV_FREE of a hole", calls.madvise(3, 0, "free"), "ok"],
    ["MADV_POPULATE_WRITE of a hole", calls.madvise(3, 0, "populate_w"), "ok"],
    ["MADV_HUGEPAGE", calls.madvise(0, 0, "huge"), "ok"],
  ] as const)("[VMA-2] %s of zero pages changes and notifies nothing", (_, call, answer) => {
    const p = system({ core });
    p.mmap(0, 2);
    p.write(0, 1);
    p.devRead(0, 0);
    const ret = p.nothing(() => p.call(0, call));
    expect(ret).toEqual(answer === "ok" ? { status: "ok" } : { status: "errno", errno: answer });
  });

  it("[VMA-3] munmap removes every mapping and every entry of its range, and nothing else", () => {
    const p = system({ core, pages: 8 });
    p.mmap(0, 2);
    p.mmap(2, 1, "r");
    p.mmap(4, 2, "rw", "shared");
    p.mmap(6, 2);
    for (const page of [0, 1, 4, 5, 6, 7]) p.write(page, page + 1);
    p.toDevice(0, 1);
    p.read(2);
    swapOut(p, 6);
    expect(p.munmap(1, 6)).toBe("ok");
    expect(p.layout()).toEqual(["0-1 rw private", "7-8 rw private"]);
    expect(p.entries(1, 6)).toEqual(["none", "none", "none", "none", "none", "none"]);
    expect([p.read(0), p.read(7), p.read(1), p.read(6)]).toEqual([1, 8, "SIGSEGV", "SIGSEGV"]);
    expect([taken(p), p.state.slots.every((slot) => slot.count === 0)]).toEqual([2, true]);
  });

  it("[VMA-3] munmap of a hole answers ok and does nothing", () => {
    const p = system({ core });
    p.mmap(0, 1);
    p.mmap(3, 1);
    p.devRead(0, 0);
    expect(p.nothing(() => p.munmap(1, 2))).toBe("ok");
    expect(p.munmap(0, 4)).toBe("ok");
    expect(p.layout()).toEqual([]);
    expect(p.nothing(() => p.munmap(0, 4))).toBe("ok");
  });

  it("[VMA-4] each mmap of shared memory makes a memory object of its own", () => {
    const p = system({ core });
    p.mmap(0, 1, "rw", "shared");
    p.mmap(1, 1, "rw", "shared");
    p.write(0, 1);
    p.write(1, 2);
    expect([p.read(0), p.read(1)]).toEqual([1, 2]);
    p.mmap(0, 1, "rw", "shared");
    expect([p.read(0), p.read(1)]).toEqual([0, 2]);
  });

  it("[VMA-4] the contents of shared memory last until its last mapping is gone", () => {
    const p = system({ core });
    p.mmap(0, 2, "rw", "shared");
    p.write(0, 1);
    p.write(1, 2);
    p.munmap(1, 1);
    p.fork(1);
    p.munmap(0, 1);
    expect(p.as(1).read(0)).toBe(1);
    p.as(1).mremap(0, 1, 3);
    expect(p.as(1).read(3)).toBe(1);
    p.as(1).munmap(3, 1);
    expect([taken(p), audit(p.state)]).toEqual([0, []]);
    p.mmap(0, 2, "rw", "shared");
    expect([p.read(0), p.read(1)]).toEqual([0, 0]);
  });

  it("[VMA-5] mmap of the driver's own file maps a zeroed page at each of its pages at once", () => {
    const p = system({ core });
    expect(p.mmap(0, 2, "rw", "device")).toBe("ok");
    expect(p.mmap(2, 1, "r", "device")).toBe("ok");
    expect(p.entries(0, 4)).toEqual(["present rw", "present rw", "present r", "none"]);
    expect([0, 1, 2].map((page) => p.frame(page).contents)).toEqual(Array.from({ length: 3 }, () => ({ first: 0, fill: 0 })));
    expect(new Set([0, 1, 2].map((page) => p.frameOf(page))).size).toBe(3);
    expect([p.read(0), p.write(1, 3), p.read(1), p.write(2, 1)]).toEqual([0, "ok", 3, "SIGSEGV"]);
  });
});

/** What the process does, and the mappings that it has afterwards. */
type Row = readonly [title: string, make: (p: System) => unknown, layout: readonly string[]];

const layouts = (id: string, core: (typeof ALL_CORES)[number], rows: readonly Row[]): void => {
  it.each(rows)(`${id} under ${core}: %s`, (_, make, layout) => {
    const p = system({ core, pages: 8, devices: ["private"] });
    make(p);
    expect(p.layout()).toEqual(layout);
  });
};

describe("a mapping becomes one with a neighbour that continues it", () => {
  const rows: readonly Row[] = [
    ["mmap behind", (p) => [p.mmap(0, 2), p.mmap(2, 2)], ["0-4 rw private"]],
    ["mmap before", (p) => [p.mmap(2, 2), p.mmap(0, 2)], ["0-4 rw private"]],
    ["mmap between", (p) => [p.mmap(0, 1), p.mmap(2, 1), p.mmap(1, 1)], ["0-3 rw private"]],
    ["not with a hole", (p) => [p.mmap(0, 1), p.mmap(2, 1)], ["0-1 rw private", "2-3 rw private"]],
    ["not with other flags", (p) => [p.mmap(0, 2), p.mmap(2, 2, "rwx")], ["0-2 rw private", "2-4 rwx private"]],
    ["again after mprotect", (p) => [p.mmap(0, 4), p.mprotect(1, 1, "rwx"), p.mprotect(1, 1, "rw")], ["0-4 rw private"]],
    [
      "only as far as mprotect went",
      (p) => [p.mmap(0, 4), p.mprotect(1, 1, "rwx")],
      ["0-1 rw private", "1-2 rwx private", "2-4 rw private"],
    ],
    ["MADV_HUGEPAGE is a flag", (p) => [p.mmap(0, 2), p.madvise(0, 1, "huge")], ["0-1 rw private", "1-2 rw private"]],
    ["the same advice", (p) => [p.mmap(0, 2), p.madvise(0, 1, "huge"), p.madvise(1, 1, "huge")], ["0-2 rw private"]],
    ["not two objects", (p) => [p.mmap(0, 1, "rw", "shared"), p.mmap(1, 1, "rw", "shared")], ["0-1 rw shared", "1-2 rw shared"]],
    [
      "not two objects whose offsets continue",
      (p) => [p.mmap(0, 1, "rw", "shared"), p.mmap(5, 2, "rw", "shared"), p.mremap(6, 1, 1)],
      ["0-1 rw shared", "1-2 rw shared", "5-6 rw shared"],
    ],
    ["parts of an object", (p) => [p.mmap(0, 2, "rw", "shared"), p.mprotect(0, 1, "r"), p.mprotect(0, 1, "rw")], ["0-2 rw shared"]],
    [
      "not the driver's file",
      (p) => [p.mmap(0, 2, "rw", "device"), p.mprotect(0, 1, "r"), p.mprotect(0, 1, "rw")],
      ["0-1 rw device", "1-2 rw device"],
    ],
    [
      "not the driver's file, to the left",
      (p) => [p.mmap(0, 2, "rw", "device"), p.mprotect(1, 1, "r"), p.mprotect(1, 1, "rw")],
      ["0-1 rw device", "1-2 rw device"],
    ],
    ["not private with shared", (p) => [p.mmap(0, 1), p.mmap(1, 1, "rw", "shared")], ["0-1 rw private", "1-2 rw shared"]],
    ["moved untouched: its offset is set anew", (p) => [p.mmap(0, 1), p.mmap(5, 1), p.mremap(5, 1, 1)], ["0-2 rw private"]],
    ["moved after a read: still no anon_vma", (p) => [p.mmap(0, 1), p.mmap(5, 1), p.read(5), p.mremap(5, 1, 1)], ["0-2 rw private"]],
    [
      "moved after a write: it keeps its offset",
      (p) => [p.mmap(0, 1), p.mmap(5, 1), p.write(5, 1), p.mremap(5, 1, 1)],
      ["0-1 rw private", "1-2 rw private"],
    ],
    ["moved away and back", (p) => [p.mmap(0, 2), p.write(0, 1), p.mremap(1, 1, 5), p.mremap(5, 1, 1)], ["0-2 rw private"]],
    [
      "moved shared memory keeps its offset",
      (p) => [p.mmap(0, 3, "rw", "shared"), p.mremap(2, 1, 5), p.mremap(1, 1, 4)],
      ["0-1 rw shared", "4-6 rw shared"],
    ],
    [
      "moved shared memory whose offset does not continue",
      (p) => [p.mmap(0, 3, "rw", "shared"), p.mremap(2, 1, 4), p.mremap(1, 1, 5)],
      ["0-1 rw shared", "4-5 rw shared", "5-6 rw shared"],
    ],
  ];
  for (const core of ALL_CORES) layouts("[VMA-6]", core, rows);
});

describe("anon_vmas that are compatible", () => {
  const rows: readonly Row[] = [
    ["an untouched mapping joins a faulted left neighbour", (p) => [p.mmap(0, 1), p.write(0, 1), p.mmap(1, 1)], ["0-2 rw private"]],
    ["an untouched mapping joins a faulted right neighbour", (p) => [p.mmap(1, 1), p.write(1, 1), p.mmap(0, 1)], ["0-2 rw private"]],
    [
      "a faulted mapping does not join an untouched left neighbour",
      (p) => [p.mmap(1, 1, "rwx"), p.write(1, 1), p.mmap(0, 1), p.mprotect(1, 1, "rw")],
      ["0-1 rw private", "1-2 rw private"],
    ],
    [
      "a faulted mapping does not join an untouched right neighbour",
      (p) => [p.mmap(0, 1, "rwx"), p.write(0, 1), p.mmap(1, 1), p.mprotect(0, 1, "rw")],
      ["0-1 rw private", "1-2 rw private"],
    ],
    [
      "two that were faulted apart do not join",
      (p) => [p.mmap(0, 1), p.mmap(2, 1), p.write(0, 1), p.write(2, 1), p.mmap(1, 1, "r"), p.munmap(1, 1), p.mremap(2, 1, 1)],
      ["0-1 rw private", "1-2 rw private"],
    ],
    [
      "parts of one mapping have the same",
      (p) => [p.mmap(0, 3), p.write(1, 1), p.mprotect(0, 1, "rwx"), p.mprotect(0, 1, "rw")],
      ["0-3 rw private"],
    ],
  ];
  for (const core of ALL_CORES) layouts("[VMA-7]", core, rows);

  it.each(ALL_CORES)("[VMA-7] under %s an untouched mapping does not join a neighbour that was faulted before fork copied it", (core) => {
    const p = system({ core });
    p.mmap(0, 1);
    p.write(0, 1);
    p.fork(1);
    p.mmap(1, 1);
    p.as(1).mmap(1, 1);
    expect([p.layout(), p.layout(1)]).toEqual([["0-2 rw private"], ["0-1 rw private", "1-2 rw private"]]);
  });

  it.each(ALL_CORES)("[VMA-7] under %s it joins one that fork copied untouched", (core) => {
    const p = system({ core });
    p.mmap(0, 1);
    p.read(0);
    p.fork(1);
    p.as(1).mmap(1, 1);
    expect(p.layout(1)).toEqual(["0-2 rw private"]);
  });
});

describe("three in a row", () => {
  const left = (p: System): unknown => [p.mmap(0, 1), p.write(0, 1)];
  const right = (p: System): unknown => [p.mmap(2, 1), p.write(2, 1)];
  const byMmap: readonly Row[] = [
    ["left faulted, right untouched", (p) => [left(p), p.mmap(2, 1), p.mmap(1, 1)], ["0-3 rw private"]],
    ["both untouched", (p) => [p.mmap(0, 1), p.mmap(2, 1), p.mmap(1, 1)], ["0-3 rw private"]],
  ];
  const apart: Row = [
    "both faulted, with an anon_vma each",
    (p) => [left(p), right(p), p.mmap(1, 1)],
    ["0-2 rw private", "2-3 rw private"],
  ];
  const onlyRight: Row = [
    "left untouched, right faulted",
    (p) => [p.mmap(0, 1), right(p), p.mmap(1, 1)],
    ["0-1 rw private", "1-3 rw private"],
  ];
  const all: Row = [onlyRight[0], onlyRight[1], ["0-3 rw private"]];
  const byMprotect: readonly Row[] = [
    [
      "mprotect between an untouched and a faulted one",
      (p) => [p.mmap(0, 1), right(p), p.mmap(1, 1, "rwx"), p.mprotect(1, 1, "rw")],
      ["0-3 rw private"],
    ],
    [
      "mprotect between two faulted ones",
      (p) => [left(p), right(p), p.mmap(1, 1, "rwx"), p.mprotect(1, 1, "rw")],
      ["0-2 rw private", "2-3 rw private"],
    ],
    [
      "mprotect of one that only the right neighbour fits",
      (p) => [p.mmap(0, 1, "r"), right(p), p.mmap(1, 1, "rwx"), p.mprotect(1, 1, "rw")],
      ["0-1 r private", "1-3 rw private"],
    ],
  ];
  for (const core of ["v14", "linux-6.12"] as const) layouts("[VMA-8]", core, [...byMmap, apart, all, ...byMprotect]);
  layouts("[VMA-8]", "linux-6.1", byMprotect);
  layouts("[VMA-9]", "linux-6.1", [
    ...byMmap,
    onlyRight,
    ["both faulted, with an anon_vma each", apart[1], ["0-1 rw private", "1-3 rw private"]],
    ["both faulted, with one anon_vma", (p) => [p.mmap(0, 3), p.write(0, 1), p.munmap(1, 1), p.mmap(1, 1)], ["0-3 rw private"]],
  ]);
  for (const core of ["v14", "linux-6.12"] as const)
    layouts("[VMA-8]", core, [
      ["both faulted, with one anon_vma", (p) => [p.mmap(0, 3), p.write(0, 1), p.munmap(1, 1), p.mmap(1, 1)], ["0-3 rw private"]],
    ]);
});

describe("commit charge", () => {
  const rows: readonly Row[] = [
    [
      "a read-only mapping that becomes writable is charged like its neighbour",
      (p) => [p.mmap(0, 1), p.mmap(1, 1, "r"), p.mprotect(1, 1, "rw")],
      ["0-2 rw private"],
    ],
    [
      "a faulted one keeps its charge when it becomes read-only",
      (p) => [p.mmap(0, 1), p.write(0, 1), p.mprotect(0, 1, "r"), p.mmap(1, 1, "r")],
      ["0-1 r private", "1-2 r private"],
    ],
    ["shared memory carries none", (p) => [p.mmap(0, 2, "rw", "shared"), p.mprotect(0, 1, "r"), p.mprotect(1, 1, "r")], ["0-2 r shared"]],
  ];
  for (const core of ALL_CORES) layouts("[VMA-10]", core, rows);
  const untouched = (p: System): unknown => [p.mmap(0, 1, "r"), p.mmap(1, 1), p.mprotect(1, 1, "r")];
  const beside = (p: System): unknown => [p.mmap(0, 1), p.write(0, 1), p.mprotect(0, 1, "r"), p.mmap(1, 1, "rwx"), p.mprotect(1, 1, "r")];
  for (const core of ["v14", "linux-6.1"] as const)
    layouts("[VMA-10]", core, [
      ["an untouched one keeps it too", untouched, ["0-1 r private", "1-2 r private"]],
      ["and so joins a neighbour that has kept its own", beside, ["0-2 r private"]],
    ]);
  layouts("[VMA-10]", "linux-6.12", [
    ["an untouched one gives it back", untouched, ["0-2 r private"]],
    ["and so does not join a neighbour that has kept its own", beside, ["0-1 r private", "1-2 r private"]],
  ]);
});

eachCore(ALL_CORES, (core) => {
  /** Three neighbours that differ in access flags only. */
  function three(): System {
    const p = system({ core, pages: 6 });
    p.mmap(0, 1);
    p.mmap(1, 1, "rwx");
    p.mmap(2, 1);
    return p;
  }

  const anonVmas = (p: System, actor = 0): (number | null)[] => p.vmas(actor).map((vma) => vma.anonVma);

  it.each([
    ["that of the next neighbour", [0, 2], 2],
    ["that of the previous one, if the next has none", [0], 0],
  ])("[VMA-11] the first anonymous page of a mapping uses %s", (_, faulted, same) => {
    const p = three();
    for (const page of faulted) p.write(page, 1);
    p.write(1, 1);
    expect(anonVmas(p)[1]).toBe(anonVmas(p)[same]);
    p.mprotect(1, 1, "rw");
    expect(p.vmas().some((vma) => vma.start <= Math.min(1, same) && Math.max(1, same) < vma.end)).toBe(true);
  });

  it.each([
    ["neither neighbour has one", (p: System) => p.munmap(3, 1), 1],
    ["their offsets do not continue", (p: System) => [p.mmap(3, 1), p.write(3, 1), p.munmap(2, 1), p.mremap(3, 1, 2)], 1],
    ["they differ in the mark of MADV_HUGEPAGE", (p: System) => [p.write(0, 1), p.write(2, 1), p.madvise(1, 1, "huge")], 1],
  ])("[VMA-11] it gets one of its own if %s", (_, make, at) => {
    const p = three();
    make(p);
    p.write(1, 1);
    const all = anonVmas(p);
    expect(all[at]).not.toBe(null);
    expect(all.filter((id) => id === all[at]).length).toBe(1);
  });

  it("[VMA-11] it gets one of its own beside a neighbour that was faulted before fork copied it", () => {
    const p = three();
    p.write(0, 1);
    p.fork(1);
    p.write(1, 1);
    p.as(1).write(1, 1);
    expect(anonVmas(p)[1]).toBe(anonVmas(p)[0]);
    expect(anonVmas(p, 1)[1]).not.toBe(anonVmas(p, 1)[0]);
  });

  it("[VMA-11] mapping the zero page gives it none", () => {
    const p = three();
    p.read(1);
    p.devRead(0, 1);
    expect([p.entry(1), anonVmas(p)]).toEqual(["zero", [null, null, null]]);
  });
});

describe("the address space lock", () => {
  it.each(LINUX_CORES)("[VMA-1] [VMA-3] under %s a fault waits while mappings change, and finds them changed", (core) => {
    const p = system({ core });
    p.mmap(0, 1);
    const t = threads(p);
    const unmap = t.start(0, calls.munmap(0));
    t.until(unmap, "do_munmap.detach");
    const read = t.start(0, calls.read(0));
    expect([t.drive(read), t.at(read)]).toEqual(["waits", "cpu_access.c1"]);
    t.finish(unmap);
    expect(t.finish(read)).toEqual({ status: "signal", signal: "SIGSEGV" });
  });
});
