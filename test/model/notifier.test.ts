/** Notifier events: which change is announced by which event, to whom, and who may ignore it. */
import { describe, expect, it } from "vitest";
import type { Core } from "../../spec/vocabulary.ts";
import { mirror, mirrors, sequence } from "./migrate-support.ts";
import { ALL_CORES, LINUX_CORES, calls, eachCore, system, threads } from "./support.ts";
import type { System } from "./support.ts";

/** Causes of an invalidation of the written page 1 in a mapping of pages 0 to 3; each is one call of actor 0. */
interface Cause {
  readonly title: string;
  readonly before?: (p: System) => unknown;
  readonly call: (p: System) => unknown;
  /** Events of Linux, in their order. */
  readonly events: readonly string[];
  readonly cores?: readonly Core[];
}

const CAUSES: readonly Cause[] = [
  { title: "munmap", call: (p) => p.munmap(1), events: ["UNMAP 1-2"] },
  { title: "mmap over it", call: (p) => p.mmap(1), events: ["UNMAP 1-2"] },
  { title: "mremap of it", call: (p) => p.mremap(1, 1, 6), events: ["UNMAP 1-2", "UNMAP 1-2"] },
  {
    title: "mremap onto it",
    before: (p) => [p.mmap(6), p.write(6, 1)],
    call: (p) => p.mremap(6, 1, 1),
    events: ["UNMAP 1-2", "UNMAP 6-7", "UNMAP 6-7"],
  },
  { title: "MADV_DONTNEED", call: (p) => p.madvise(1, 1, "dontneed"), events: ["CLEAR 1-2"] },
  { title: "MADV_FREE", call: (p) => p.madvise(1, 1, "free"), events: ["CLEAR 1-2"] },
  { title: "a copy by a write fault", before: (p) => p.fork(1), call: (p) => p.write(1, 9), events: ["CLEAR 1-2"] },
  {
    title: "reclaim",
    call: (p) => p.as(0, { "reclaim.r1": "swap" }).madvise(1, 1, "pageout"),
    events: ["CLEAR 1-2"],
  },
  { title: "mprotect", call: (p) => p.mprotect(1, 1, "r"), events: ["PROTECTION_VMA 1-2"] },
  { title: "fork", call: (p) => p.fork(1), events: ["PROTECTION_PAGE 0-4"] },
  { title: "a migration", call: (p) => p.toDevice(1, 1), events: ["MIGRATE 1-2"] },
  {
    title: "a migration of a shared page",
    before: (p) => p.fork(1),
    call: (p) => p.toDevice(1, 1),
    events: ["MIGRATE 1-2", "CLEAR 1-2", "1:CLEAR 1-2"],
  },
  { title: "the filling of holes", call: (p) => p.toDevice(1, 2, 2), events: ["MIGRATE 2-4", "MIGRATE 2-4"], cores: LINUX_CORES },
  { title: "make_exclusive", call: (p) => p.exclusive(1, 1), events: ["EXCLUSIVE 1-2"], cores: LINUX_CORES },
  {
    title: "a CPU access to an exclusive page",
    before: (p) => p.exclusive(1, 1),
    call: (p) => p.read(1),
    events: ["EXCLUSIVE 1-2"],
    cores: LINUX_CORES,
  },
  { title: "an eviction", before: (p) => p.toDevice(1, 1), call: (p) => p.close(1), events: ["CLEAR 1-2"], cores: LINUX_CORES },
];

function prepared(core: Core, driver: "ideal" | "dmirror-fixed"): System {
  const p = system({ core, driver, pages: 8 });
  p.mmap(0, 4);
  p.write(1, 7);
  for (const dev of [0, 1]) p.devRead(dev, 1);
  return p;
}

eachCore(LINUX_CORES, (core) => {
  it.each(CAUSES)("[NTF-1] $title", ({ before, call, events }) => {
    const p = prepared(core, "dmirror-fixed");
    before?.(p);
    p.notices();
    call(p);
    expect(p.notices()).toEqual(events);
  });

  it("[NTF-1] the end of an address space is RELEASE over all of it", () => {
    const p = prepared(core, "dmirror-fixed");
    p.fork(1);
    p.as(1).devRead(0, 1);
    p.notices();
    p.exit(1);
    expect(p.notices()[0]).toBe("1:RELEASE 0-8");
  });

  it.each<[string, (p: System) => unknown, string, number | null]>([
    ["a migration", () => "nothing", "toDevice", 1],
    ["make_exclusive of dmirror", () => "nothing", "exclusive", null],
    ["munmap", () => "nothing", "munmap", null],
    ["a CPU access to an exclusive page", (p) => p.exclusive(1, 1), "read", null],
  ])("[NTF-1] the owner of %s", (_, before, verb, owner) => {
    const p = prepared(core, "dmirror-fixed");
    before(p);
    const call = { toDevice: calls.toDevice(1, 1), exclusive: calls.exclusive(1, 1), munmap: calls.munmap(1), read: calls.read(1) }[verb];
    const t = threads(p);
    const task = t.start(0, call ?? calls.read(0));
    t.until(task, "invalidate.i1");
    expect(p.state.tasks[0]?.stack.at(-1)).toMatchObject({ owner });
    t.finish(task);
  });

  it("[NTF-1] the owner of make_exclusive of ideal is the asking device", () => {
    const p = prepared(core, "ideal");
    const t = threads(p);
    const task = t.start(0, calls.exclusive(1, 1));
    t.until(task, "invalidate.i1");
    expect(p.state.tasks[0]?.stack.at(-1)).toMatchObject({ event: "EXCLUSIVE", owner: 1 });
    t.finish(task);
  });

  it.each(["migrate", "write"] as const)(
    "[NTF-3] [NTF-4] the MIGRATE event of the own device and a device fault that began before it (%s)",
    (what) => {
      for (const driver of ["ideal", "dmirror-fixed"] as const) {
        const p = system({ core, driver });
        p.mmap(0);
        p.write(0, 7);
        p.open(0);
        const t = threads(p);
        const fault = t.start(0, what === "migrate" ? calls.devRead(0, 0) : calls.devWrite(0, 0, 1, 9));
        t.until(fault, "hmm_range_fault.d7");
        const frame = p.frameOf(0);
        const before = sequence(p, 0);
        const task = t.start(0, calls.toDevice(0, 0));
        t.until(task, "migrate.m2");
        // ideal takes the event, dmirror returns before it sets the sequence.
        expect(sequence(p, 0) === before).toBe(driver !== "ideal");
        t.until(task, "migrate.m8_map");
        t.until(fault, "hmm_range_fault.d8");
        t.step(fault);
        const installed = p.state.files[0]?.dpt[0]?.pfn ?? null;
        if (driver === "ideal") {
          expect(t.at(fault)).toBe("hmm_range_fault.d1");
          expect(installed).toBe(null);
        } else expect(installed).toBe(frame);
        t.drive(task);
        t.finish(fault);
        if (t.at(task) !== null) t.finish(task);
        if (driver === "ideal") expect(p.read(0)).toBe(what === "migrate" ? 7 : 9);
      }
    },
  );

  it("[NTF-4] dmirror: the entries of the migrating device stay, those of the other device go", () => {
    const p = prepared(core, "dmirror-fixed");
    const t = threads(p);
    const task = t.start(0, calls.toDevice(0, 1));
    t.until(task, "migrate.m7");
    expect([mirror(p, 0, 1), mirror(p, 1, 1)]).toEqual(["write", "none"]);
    t.finish(task);
  });

  it("[NTF-5] an invalidation calls the intervals of its address space only, and leaves the sequences of the others alone", () => {
    const p = prepared(core, "dmirror-fixed");
    p.fork(1);
    p.as(1).devRead(0, 1);
    p.devRead(0, 1);
    const now = (): number[] => [sequence(p, 0, 0), sequence(p, 0, 1), p.state.mms[0]?.seq ?? 0, p.state.mms[1]?.seq ?? 0];
    const [own, child, mm, childMm] = now();
    p.madvise(1, 1, "dontneed");
    const later = now();
    expect(later[0]).toBeGreaterThan(own ?? 0);
    expect(later[2]).toBeGreaterThan(mm ?? 0);
    expect([later[1], later[3]]).toEqual([child, childMm]);
    expect([mirror(p, 0, 1, 0), mirror(p, 0, 1, 1)]).toEqual(["none", "read"]);
  });

  it("[NTF-5] an invalidation that no interval overlaps leaves the sequence of its address space alone", () => {
    const p = system({ core });
    p.mmap(0, 2);
    p.write(0, 7);
    const seq = p.state.mms[0]?.seq;
    p.munmap(0);
    expect(p.notices()).toEqual(["UNMAP 0-1"]);
    expect(p.state.mms[0]?.seq).toBe(seq);
  });
});

describe("[NTF-3] ideal obeys the MIGRATE event of its own device", () => {
  it.each(ALL_CORES)("%s", (core) => {
    const p = prepared(core, "ideal");
    const t = threads(p);
    const before = sequence(p, 0);
    const task = t.start(0, calls.toDevice(0, 1));
    t.until(task, "migrate.m2");
    expect([mirror(p, 0, 1), mirror(p, 1, 1)]).toEqual(["none", "none"]);
    // v14 has no sequence.
    expect(sequence(p, 0) > before).toBe(core !== "v14");
    t.finish(task);
  });
});

describe("[NTF-2] v14: no mirror ignores an invalidation, whatever its cause", () => {
  const causes = CAUSES.filter(({ cores }) => cores === undefined);

  it.each(causes)("$title", ({ before, call }) => {
    const p = prepared("v14", "ideal");
    before?.(p);
    for (const dev of [0, 1]) p.devRead(dev, 1);
    expect(mirrors(p, 0, 1, 1)).not.toEqual(["none"]);
    call(p);
    // The migrating device reads the page back afterwards, through a new entry.
    const back = mirror(p, 1, 1) !== "none" && p.frame(1).dev === 1;
    expect([mirror(p, 0, 1), back ? "none" : mirror(p, 1, 1)]).toEqual(["none", "none"]);
  });

  it("the event of a migration has no owner, so the own device is called too", () => {
    const p = prepared("v14", "ideal");
    const t = threads(p);
    const task = t.start(0, calls.toDevice(0, 1));
    t.until(task, "invalidate.i2");
    expect(p.state.tasks[0]?.stack.at(-1)).toMatchObject({ owner: null, hits: [0, 1] });
    t.until(task, "migrate.m2");
    expect([mirror(p, 0, 1), mirror(p, 1, 1)]).toEqual(["none", "none"]);
    t.finish(task);
  });
});

eachCore(ALL_CORES, (core) => {
  it.each<[string, (p: System) => unknown, (p: System) => unknown, readonly string[]]>([
    ["a read where nothing was", () => "nothing", (p) => p.read(0), []],
    ["a write where nothing was", () => "nothing", (p) => p.write(0, 9), []],
    ["a device write where nothing was", (p) => p.open(0), (p) => p.devWrite(0, 0, 1, 9), []],
    ["write permission for the same frame", (p) => [p.write(0, 7), p.fork(1), p.exit(1)], (p) => p.write(0, 9), []],
    ["a shared page where nothing was", (p) => p.mmap(0, 1, "rw", "shared"), (p) => p.write(0, 9), []],
    ["the zero page replaced", (p) => p.read(0), (p) => p.write(0, 9), ["CLEAR 0-1"]],
    ["the zero page replaced for a device", (p) => [p.read(0), p.open(0)], (p) => p.devWrite(0, 0, 1, 9), ["CLEAR 0-1"]],
    ["a shared page replaced", (p) => [p.write(0, 7), p.fork(1)], (p) => p.write(0, 9), ["CLEAR 0-1"]],
  ])("[NTF-6] %s", (_, before, call, events) => {
    const p = system({ core });
    p.mmap(0, 2);
    before(p);
    p.notices();
    call(p);
    expect(p.notices()).toEqual(events);
    expect(p.read(0)).not.toBe("SIGSEGV");
  });
});

it.each(LINUX_CORES)("[NTF-6] %s: a fault that splits a huge page is announced for all its pages", (core) => {
  const p = system({ core, pages: 512 });
  p.mmap(0, 512);
  p.madvise(0, 512, "huge");
  p.write(0, 7);
  p.fork(1);
  p.devRead(0, 0, 512);
  expect([mirror(p, 0, 3), mirror(p, 0, 511)]).toEqual(["read", "read"]);
  p.write(3, 9);
  expect([mirror(p, 0, 0), mirror(p, 0, 3), mirror(p, 0, 511)]).toEqual(["none", "none", "none"]);
  expect(p.entry(3)).toBe("present rw dirty");
});
