/** Migration, sections 1 and 2: what a call accepts, and which entries of a piece it collects. */
import { describe, expect, it } from "vitest";
import type { Pte } from "../../model/index.ts";
import type { Core } from "../../spec/vocabulary.ts";
import { collected, expectQuiet, swapOut } from "./migrate-support.ts";
import { ALL_CORES, LINUX_CORES, calls, eachCore, show, system, threads } from "./support.ts";
import type { System } from "./support.ts";

const DIRECTIONS = ["toDevice", "toSystem"] as const;
type Direction = (typeof DIRECTIONS)[number];

/** Migrates the piece `[page, page + npages)` with device 0: its candidates, and the entries when the migration has ended. */
function migrate(p: System, direction: Direction, page: number, npages = 1): { found: string[]; entries: readonly Pte[] } {
  const t = threads(p);
  const task = t.start(0, calls[direction](0, page, npages));
  t.until(task, "migrate.m3");
  const found = collected(p, task);
  // The driver may read the pages back afterwards.
  t.until(task, "migrate_call.moved");
  const entries = Array.from({ length: npages }, (_, i) => p.pte(page + i));
  t.finish(task);
  return { found, entries };
}

const MIGRATE = /^MIGRATE/;

eachCore(ALL_CORES, (core) => {
  it.each(DIRECTIONS)("[MIG-1] %s works in pieces of 64 pages, in address order", (direction) => {
    const p = system({ core, pages: 140 });
    p.mmap(0, 140);
    p.madvise(0, 140, "populate_w");
    if (direction === "toSystem") p.toDevice(0, 0, 140);
    p.notices();
    expect(p[direction](0, 3, 130)).toBe("ok");
    expect(p.notices().filter((n) => MIGRATE.test(n))).toEqual(["MIGRATE 3-67", "MIGRATE 67-131", "MIGRATE 131-133"]);
  });

  it.each(DIRECTIONS)("[MIG-1] %s ends a piece with its mapping", (direction) => {
    const p = system({ core, pages: 8 });
    p.mmap(0, 8);
    p.madvise(0, 8, "populate_w");
    if (direction === "toSystem") p.toDevice(0, 0, 8);
    p.mprotect(3, 2, "r");
    p.notices();
    p[direction](0, 1, 6);
    expect(p.notices().filter((n) => MIGRATE.test(n))).toEqual(["MIGRATE 1-3", "MIGRATE 3-5", "MIGRATE 5-7"]);
  });

  describe.each<[string, (p: System, page: number) => void]>([
    ["nothing is mapped", (p, page) => p.munmap(page)],
    ["the mapping is prot n", (p, page) => p.mprotect(page, 1, "n")],
    ["the mapping is prot w", (p, page) => p.mprotect(page, 1, "w")],
    ["the mapping is the driver's own", (p, page) => p.mmap(page, 1, "rw", "device")],
  ])("where %s", (_, spoil) => {
    /** Four written pages, on the device for a migration home; page 2 is the bad one. */
    function prepared(direction: Direction): System {
      const p = system({ core });
      p.mmap(0, 4);
      for (let page = 0; page < 4; page++) p.write(page, page + 1);
      if (direction === "toSystem") p.toDevice(0, 0, 4);
      spoil(p, 2);
      p.snap(0, 0);
      p.notices();
      return p;
    }

    it.each(DIRECTIONS)("[MIG-2] %s answers EINVAL", (direction) => {
      const p = prepared(direction);
      expect(p.nothing(() => p[direction](0, 2))).toBe("EINVAL");
      expect(p.nothing(() => p[direction](0, 2, 2))).toBe("EINVAL");
      expect(p[direction](0, 1, 3)).toBe("EINVAL");
    });

    it.each(DIRECTIONS)("[MIG-3] an EINVAL of %s changes nothing from the failing piece on, and undoes nothing before it", (direction) => {
      const p = prepared(direction);
      const behind = p.entries(2, 2);
      expect(p[direction](0, 0, 4)).toBe("EINVAL");
      expect(p.entries(2, 2)).toEqual(behind);
      const moved = direction === "toDevice" ? "device_private rw" : "present rw";
      expect(p.entries(0, 2)).toEqual([moved, moved]);
      expect(p.notices().filter((n) => MIGRATE.test(n))).toEqual(["MIGRATE 0-2"]);
      expectQuiet(p);
    });
  });

  it.each(DIRECTIONS)("[MIG-5] %s announces the piece before its first entry changes, until the last has changed", (direction) => {
    const p = system({ core });
    p.mmap(0, 4);
    for (let page = 0; page < 3; page++) p.write(page, 7);
    if (direction === "toSystem") p.toDevice(0, 0, 3);
    const before = p.entries(0, 3);
    const t = threads(p);
    const task = t.start(0, calls[direction](0, 0, 3));
    t.until(task, "invalidate.i1");
    const start = p.state.tasks[0]?.stack.at(-1);
    // The event of v14 has no owner.
    expect(start).toMatchObject({ event: "MIGRATE", start: 0, end: 3, owner: core === "v14" ? null : 0 });
    expect(p.state.mms[0]?.active).toBe(0);
    t.until(task, "migrate.m2");
    expect(p.state.mms[0]?.active).toBe(1);
    expect(p.entries(0, 3)).toEqual(before);
    t.step(task);
    expect(p.entries(0, 3).map((entry) => entry.split(" ")[0])).toEqual(["migration", "migration", "migration"]);
    expect(p.state.mms[0]?.active).toBe(1);
    t.step(task);
    expect(p.state.mms[0]?.active).toBe(0);
    expect(t.at(task)).toBe("migrate.m4");
  });
});

describe("[MIG-6] [MIG-7] holes and zero pages", () => {
  const holes = ["an empty entry", "an empty entry of a read-only mapping", "a zero page", "an empty entry of a shared mapping"] as const;
  type Hole = (typeof holes)[number];
  const place: Readonly<Record<Hole, (p: System) => void>> = {
    "an empty entry": (p) => p.mmap(1),
    "an empty entry of a read-only mapping": (p) => p.mmap(1, 1, "r"),
    "a zero page": (p) => [p.mmap(1), p.read(1)],
    "an empty entry of a shared mapping": (p) => p.mmap(1, 1, "rw", "shared"),
  };
  const onLinux: Readonly<Record<Direction, readonly Hole[]>> = {
    toDevice: ["an empty entry", "an empty entry of a read-only mapping", "a zero page"],
    toSystem: ["an empty entry", "an empty entry of a read-only mapping"],
  };
  const cases = ALL_CORES.flatMap((core) => DIRECTIONS.flatMap((direction) => holes.map((hole) => ({ core, direction, hole }))));

  it.each(cases)("$core: $direction and $hole", ({ core, direction, hole }) => {
    const p = system({ core });
    place[hole](p);
    const before = p.entry(1);
    const candidate = core !== "v14" && onLinux[direction].includes(hole);
    const { found, entries } = migrate(p, direction, 1);
    expect(found).toEqual(candidate ? ["hole 1"] : []);
    // A hole is filled on the device only; a migration home declines it.
    const filled = candidate && direction === "toDevice";
    expect(entries.map(show)).toEqual([filled ? `device_private ${hole.includes("read-only") ? "r" : "rw"}` : before]);
    expectQuiet(p);
  });
});

describe("[MIG-8] [MIG-9] [MIG-10] pages and entries of other kinds", () => {
  interface Kind {
    readonly title: string;
    readonly place: (p: System) => unknown;
    /** For whom the page is a candidate. */
    readonly taken: Readonly<Record<Direction, readonly Core[]>>;
    readonly cores?: readonly Core[];
    readonly devices?: readonly ("private" | "coherent")[];
  }
  const nobody = { toDevice: [], toSystem: [] } as const;
  const system1 = { toDevice: ALL_CORES, toSystem: [] } as const;
  const kinds: readonly Kind[] = [
    { title: "a present system page", place: (p) => p.write(1, 7), taken: system1 },
    { title: "a present read-only system page", place: (p) => [p.write(1, 7), p.mprotect(1, 1, "r")], taken: system1 },
    { title: "a page shared by fork", place: (p) => [p.write(1, 7), p.fork(1)], taken: system1 },
    {
      title: "a device page of the caller",
      place: (p) => [p.write(1, 7), p.toDevice(0, 1)],
      taken: { toDevice: [], toSystem: ALL_CORES },
    },
    {
      title: "a coherent page of the caller",
      place: (p) => [p.write(1, 7), p.toDevice(0, 1)],
      taken: { toDevice: [], toSystem: LINUX_CORES },
      cores: LINUX_CORES,
      devices: ["coherent", "private"],
    },
    {
      title: "a device page of another device",
      place: (p) => [p.write(1, 7), p.toDevice(1, 1)],
      taken: { toDevice: ["v14"], toSystem: [] },
    },
    {
      title: "a coherent page of another device",
      place: (p) => [p.write(1, 7), p.toDevice(1, 1)],
      taken: nobody,
      cores: LINUX_CORES,
      devices: ["private", "coherent"],
    },
    { title: "a swap entry", place: (p) => [p.write(1, 7), swapOut(p, 1)], taken: nobody },
    { title: "an exclusive entry", place: (p) => [p.write(1, 7), p.exclusive(1, 1)], taken: nobody, cores: LINUX_CORES },
    { title: "an own exclusive entry", place: (p) => [p.write(1, 7), p.exclusive(0, 1)], taken: nobody, cores: LINUX_CORES },
  ];
  const cases = kinds.flatMap((kind) =>
    (kind.cores ?? ALL_CORES).flatMap((core) => DIRECTIONS.map((direction) => ({ core, direction, ...kind }))),
  );

  it.each(cases)("$core: $direction and $title", ({ core, direction, place, taken, devices }) => {
    const p = system({ core, ...(devices && { devices }) });
    p.mmap(1);
    place(p);
    const before = p.pte(1);
    const candidate = taken[direction].includes(core);
    const { found, entries } = migrate(p, direction, 1);
    expect(found).toEqual(candidate ? ["page 1"] : []);
    if (candidate) expect(p.frame(1).dev).toBe(direction === "toDevice" ? 0 : null);
    else expect(entries).toEqual([before]);
    expect(p.read(1)).toBe(7);
    expectQuiet(p);
  });

  it.each(ALL_CORES)("%s: the driver's answer is no error for pages that are left alone", (core) => {
    const p = system({ core });
    p.mmap(0, 2);
    p.write(0, 7);
    expect(p.toSystem(0, 0, 2)).toBe("ok");
    p.toDevice(0, 0);
    expect(p.toDevice(0, 0)).toBe("ok");
  });

  it.each(ALL_CORES)("[MIG-10] %s: a migration entry is left to the migration that made it", (core) => {
    const p = system({ core });
    p.mmap(0, 2);
    p.write(0, 7);
    p.write(1, 8);
    const t = threads(p);
    const first = t.start(0, calls.toDevice(1, 0));
    t.until(first, "migrate.m4");
    const second = t.start(0, calls.toDevice(0, 0, 2));
    t.until(second, "migrate.m3");
    expect(collected(p, second)).toEqual(["page 1"]);
    expect(p.entry(0)).toBe("migration write dirty");
    t.finish(first);
    expect(p.frame(0).dev).toBe(1);
    t.finish(second);
    expectQuiet(p);
  });
});
