import { describe, expect, it } from "vitest";
import { ALL, changes, eachProfile, mmOf, table, threePages } from "./mirror-support.ts";
import { calls, system, threads } from "./support.ts";
import type { Choices, System } from "./support.ts";
import type { Core, ModelCall } from "../../spec/vocabulary.ts";

/** One way in which an entry loses something: how to come there, the call, and which pages change in which step. */
interface Loss {
  readonly name: string;
  readonly prepare?: (s: System) => void;
  readonly call: ModelCall;
  readonly changed: readonly string[];
  readonly choices?: Choices;
  readonly not?: Core;
  /** Has a device mirror the pages; device 1 does it unless the row says otherwise. */
  readonly mirror?: (s: System) => void;
  /** The event is the mirroring device's own MIGRATE, which `dmirror` ignores (DMR-5). */
  readonly own?: boolean;
}

const shared = (s: System): void => {
  s.fork(1);
};

const onDevice: Pick<Loss, "prepare" | "mirror" | "own"> = {
  prepare: (s) => s.toDevice(0, 1),
  mirror: (s) => s.devRead(0, 1),
  own: true,
};

/** The pages of a device are evicted when its mirror has ended. */
const nobody = (): void => {};

/** Pages 0 to 2 are written, page 3 is not; device 1 mirrors all that can be read, in each address space. */
const LOSSES: readonly Loss[] = [
  { name: "munmap", call: calls.munmap(0, 2), changed: ["do_munmap.zap 0", "do_munmap.zap 1"] },
  { name: "mmap over it", call: calls.mmap(1, 1), changed: ["do_munmap.zap 1"] },
  { name: "mremap", call: calls.mremap(0, 1, 4), changed: ["mremap.moved 0"] },
  { name: "mremap onto it", prepare: (s) => s.mmap(4, 1), call: calls.mremap(4, 1, 1), changed: ["do_munmap.zap 1"] },
  { name: "mprotect to read-only", call: calls.mprotect(0, 2, "r"), changed: ["mprotect.change 0", "mprotect.change 1"] },
  { name: "MADV_DONTNEED", call: calls.madvise(1, 2, "dontneed"), changed: ["madvise.page 1", "madvise.page 2"] },
  { name: "fork", call: calls.fork(1), changed: ["fork.copy 0", "fork.copy 1", "fork.copy 2"] },
  { name: "a write to a shared page", prepare: shared, call: calls.write(1, 9), changed: ["handle_mm_fault.c4c 1"] },
  {
    name: "a write to the zero page",
    prepare: (s) => {
      s.munmap(3, 1);
      s.mmap(3, 1);
      s.devRead(1, 3);
    },
    call: calls.write(3, 9),
    changed: ["handle_mm_fault.c4c 3"],
  },
  {
    name: "a device write to a shared page",
    prepare: (s) => {
      s.fork(1);
      s.open(0);
    },
    call: calls.devWrite(0, 1, 1, 9),
    changed: ["handle_mm_fault.c4c 1"],
  },
  { name: "migrate_to_device", call: calls.toDevice(0, 0, 2), changed: ["migrate.m2 0", "migrate.m2 1"] },
  {
    name: "migrate_to_device of a page that another process shares",
    prepare: (s) => {
      s.fork(1);
      s.as(1).devRead(1, 0, 3);
    },
    call: calls.toDevice(0, 1),
    changed: ["migrate.m2 1", "rmap_walk.clear 1:1"],
  },
  { name: "migrate_to_system", ...onDevice, call: calls.toSystem(0, 1), changed: ["migrate.m2 1"] },
  { name: "a CPU access to a device page", ...onDevice, call: calls.read(1), changed: ["migrate.m2 1"] },
  {
    name: "eviction by a last close",
    prepare: (s) => s.toDevice(0, 0, 2),
    mirror: nobody,
    call: calls.close(0),
    not: "v14",
    changed: ["rmap_walk.clear 0", "rmap_walk.clear 1"],
  },
  {
    name: "make_exclusive",
    call: calls.exclusive(0, 0, 2),
    changed: ["rmap_walk.clear 0", "rmap_walk.clear 1"],
    not: "v14",
  },
  {
    name: "reclaim of a lazily freed page",
    prepare: (s) => s.madvise(1, 1, "free"),
    call: calls.madvise(1, 1, "pageout"),
    changed: ["rmap_walk.clear 1"],
  },
  {
    name: "reclaim to swap",
    call: calls.madvise(1, 1, "pageout"),
    choices: { "reclaim.r1": "swap" },
    changed: ["rmap_walk.clear 1"],
  },
  {
    name: "exit",
    prepare: (s) => {
      s.fork(1);
      s.as(1).devRead(1, 0, 3);
    },
    call: calls.exit(1),
    changed: ["exit_mmap.zap 1:0", "exit_mmap.zap 1:1", "exit_mmap.zap 1:2", "exit_mmap.zap 1:3"],
  },
];

eachProfile(ALL, (profile) => {
  describe.each(LOSSES.filter(({ not }) => not !== profile.core))("$name", ({ prepare, call, changed, choices, mirror, own }) => {
    const losses = (): ReturnType<typeof changes> => {
      const s = threePages(profile);
      prepare?.(s);
      if (mirror) mirror(s);
      else s.devRead(1, 0, 4);
      // Without an entry nobody would see a callback that is missing.
      if (mirror !== nobody) expect(s.state.files.some((f) => f.dpt.some((entry) => entry !== null))).toBe(true);
      return changes(s, 0, call, choices).filter((c) => c.takes);
    };

    it("[INV-1] has called every mirror before the first entry changes", () => {
      const found = losses();
      expect(found.map((c) => `${c.step} ${c.page}`)).toEqual(expect.arrayContaining([...changed]));
      if (!(own && profile.driver !== "ideal")) expect(found.filter((c) => c.mirrored)).toEqual([]);
    });

    it("[INV-2] takes entries away between the callbacks and the end of a notification that covers the page", () => {
      const found = losses();
      expect(found.map((c) => `${c.step} ${c.page}`)).toEqual(expect.arrayContaining([...changed]));
      expect(found.filter((c) => !c.covered)).toEqual([]);
    });
  });

  it("[INV-1] the order among mirrors is free, and a device may use its entries until its own callback has returned", () => {
    const s = threePages(profile);
    s.devRead(0, 0);
    s.devRead(1, 0);
    const t = threads(s);
    const task = t.start(0, calls.munmap(0, 4));
    t.until(task, "invalidate.i2");
    expect(t.choices(task)).toHaveLength(2);
    t.step(task, `${s.state.actors[0]?.files[1]}`);
    const write = t.start(0, calls.devWrite(0, 0, 1, 9));
    expect(t.finish(write)).toMatchObject({ status: "ok", faults: 0 });
    expect(s.frame(0).contents.first).toBe(9);
    t.step(task);
    expect(t.at(task)).toBe("do_munmap.zap");
    expect(t.drive(t.start(0, calls.devWrite(0, 0, 1, 8)))).toBe("waits");
    expect(s.frame(0).contents.first).toBe(9);
  });

  const gains: readonly (readonly [string, (s: System) => void, ModelCall, string])[] = [
    ["a CPU read of an empty page", () => {}, calls.read(4), "handle_mm_fault.c3 4"],
    ["a CPU write to an empty page", () => {}, calls.write(4, 1), "handle_mm_fault.c3 4"],
    ["a device write to an empty page", () => {}, calls.devWrite(0, 4, 1, 1), "handle_mm_fault.c3 4"],
    ["a fault on shared memory", () => {}, calls.write(6, 1), "handle_mm_fault.c3 6"],
    [
      "write permission for a page that nobody else has",
      (s) => {
        s.fork(1);
        s.exit(1);
      },
      calls.write(1, 1),
      "handle_mm_fault.c4a 1",
    ],
    [
      "a page that comes back from swap",
      (s) => s.as(0, { "reclaim.r1": "swap" }).madvise(1, 1, "pageout"),
      calls.read(1),
      "handle_mm_fault.c8 1",
    ],
  ];
  it.each(gains)("[INV-3] %s is announced to nobody", (_name, prepare, call, step) => {
    const s = threePages(profile);
    s.mmap(4, 1);
    s.mmap(6, 1, "rw", "shared");
    s.open(0);
    prepare(s);
    s.notices();
    const found = changes(s, 0, call);
    expect(found.map((c) => `${c.step} ${c.page}`)).toEqual([step]);
    expect(found.filter((c) => c.takes)).toEqual([]);
    expect(s.notices()).toEqual([]);
  });

  it("[INV-3] a mapping that takes the place of a migration entry is announced to nobody", () => {
    const s = threePages(profile);
    s.open(0);
    s.notices();
    const found = changes(s, 0, calls.toDevice(0, 1));
    expect(found.filter((c) => c.step === "migrate.m9")).toMatchObject([{ page: "1", takes: false, covered: false }]);
    expect(s.notices()).toEqual(["MIGRATE 1-2"]);
  });

  it("[INV-11] mprotect is announced also where it only adds", () => {
    const s = threePages(profile);
    s.mprotect(0, 4, "r");
    s.notices();
    s.mprotect(0, 4, "rw");
    expect(s.notices()).toEqual(["PROTECTION_VMA 0-4"]);
  });

  it("[INV-4] reaches the mirrors of its own address space and none of another", () => {
    const s = threePages(profile);
    s.fork(1);
    s.as(1).devRead(1, 0, 3);
    s.devRead(1, 0, 3);
    const t = threads(s);
    const task = t.start(1, calls.munmap(0, 4));
    t.until(task, "invalidate.i2");
    expect(t.choices(task)).toEqual([`${s.state.actors[1]?.files[1]}`]);
    t.finish(task);
    expect([table(s, 1, 1).slice(0, 3), table(s, 1, 0).slice(0, 3)]).toEqual(["---", "rrr"]);
  });

  it("[INV-16] the callback erases entries also where the pages stay where they are", () => {
    const s = threePages(profile);
    s.devRead(1, 0, 3);
    const before = s.frameOf(1);
    s.madvise(1, 1, "free");
    expect(s.frameOf(1)).toBe(before);
    expect(table(s, 1)[1]).toBe("-");
    s.devRead(1, 1);
    expect(s.last()).toMatchObject({ faults: 1 });
  });

  const notices: readonly (readonly [string, string, ModelCall, readonly string[]])[] = [
    ["[INV-10]", "munmap of a range that a mapping intersects", calls.munmap(1, 6), ["UNMAP 1-7"]],
    ["[INV-10]", "munmap of several mappings", calls.munmap(0, 8), ["UNMAP 0-8"]],
    ["[INV-10]", "munmap of nothing", calls.munmap(6, 1), []],
    ["[INV-10]", "mmap over a range that a mapping intersects", calls.mmap(4, 3), ["UNMAP 4-7"]],
    ["[INV-10]", "mmap over nothing", calls.mmap(6, 1), []],
    ["[INV-10]", "mremap onto a range that a mapping intersects", calls.mremap(0, 2, 4), ["UNMAP 4-6", "UNMAP 0-2", "UNMAP 0-2"]],
    ["[INV-11]", "mprotect of two mappings of which one has the flags", calls.mprotect(0, 5, "r"), ["PROTECTION_VMA 0-4"]],
    ["[INV-11]", "mprotect of a part of each of two mappings", calls.mprotect(1, 4, "n"), ["PROTECTION_VMA 1-4", "PROTECTION_VMA 4-5"]],
    ["[INV-11]", "mprotect to the same flags", calls.mprotect(0, 4, "rw"), []],
    ["[INV-12]", "mremap", calls.mremap(0, 2, 6), ["UNMAP 0-2", "UNMAP 0-2"]],
    ["[INV-13]", "MADV_DONTNEED over two mappings", calls.madvise(1, 4, "dontneed"), ["CLEAR 1-4", "CLEAR 4-5"]],
    ["[INV-13]", "MADV_FREE over two mappings", calls.madvise(1, 4, "free"), ["CLEAR 1-4", "CLEAR 4-5"]],
    ["[INV-13]", "MADV_DONTNEED where no page is", calls.madvise(3, 2, "dontneed"), ["CLEAR 3-4", "CLEAR 4-5"]],
  ];
  it.each(notices)("%s %s sends what the text says", (_id, _name, call, expected) => {
    const s = system({ ...profile, pages: 8 });
    s.mmap(0, 4);
    s.mmap(4, 1, "r");
    s.write(1, 1);
    s.notices();
    s.call(0, call);
    expect(s.notices()).toEqual(expected);
  });

  it("[INV-12] the old range is announced before its entries move, and once more after that", () => {
    const s = threePages(profile);
    const t = threads(s);
    s.notices();
    const task = t.start(0, calls.mremap(0, 2, 6));
    t.until(task, "mremap.moved");
    expect([s.notices(), s.entry(0), s.entry(6)]).toEqual([["UNMAP 0-2"], "present rw dirty", "none"]);
    t.until(task, "do_munmap.zap");
    expect([s.notices(), s.entry(0), s.entry(6)]).toEqual([["UNMAP 0-2"], "none", "present rw dirty"]);
    t.finish(task);
  });

  it("[INV-15] the reverse map walk tells each mapping that could hold the page, until it is mapped nowhere", () => {
    const s = system(profile);
    s.mmap(0, 2);
    s.write(0, 7);
    s.fork(1);
    s.as(1).fork(2);
    s.as(2).fork(3);
    s.as(1).write(0, 8);
    s.as(3).write(0, 9);
    s.notices();
    s.toDevice(0, 0);
    // Actor 1 has a page of its own there and is told all the same. Behind actor 2 the page is mapped nowhere, so actor 3 is not told.
    expect(s.notices()).toEqual(["MIGRATE 0-1", "CLEAR 0-1", "1:CLEAR 0-1", "2:CLEAR 0-1"]);
    expect(s.entry(0, 1)).toBe("present rw dirty");
  });

  it("[INV-15] the walk ends as soon as the page is mapped nowhere, and a page that one process maps alone needs none", () => {
    const s = system(profile);
    s.mmap(0, 2);
    s.fork(1);
    s.write(0, 7);
    s.write(1, 7);
    s.fork(2);
    s.as(2).write(0, 8);
    s.notices();
    s.toDevice(0, 0);
    expect(s.notices()).toEqual(["MIGRATE 0-1"]);
    s.toDevice(0, 1);
    expect(s.notices()).toEqual(["MIGRATE 1-2", "CLEAR 1-2", "2:CLEAR 1-2"]);
  });

  it("[INV-15] eviction and reclaim tell the mirrors of every address space that could hold the page", () => {
    const s = system(profile);
    s.mmap(0, 1);
    s.write(0, 7);
    s.toDevice(0, 0);
    s.fork(1);
    s.notices();
    s.close(0);
    if (profile.core !== "v14") expect(s.notices()).toEqual(["CLEAR 0-1", "1:CLEAR 0-1"]);
    s.as(1).read(0);
    s.notices();
    const t = threads(s);
    t.finish(t.reclaim(s.frameOf(0)), { "reclaim.r1": "swap" });
    expect(s.notices()).toEqual(["CLEAR 0-1", "1:CLEAR 0-1"]);
    expect([s.entry(0), s.entry(0, 1)]).toEqual(["swap", "swap"]);
  });

  it("[INV-6] a start that hits no interval leaves the sequence as it is", () => {
    const s = threePages(profile);
    s.close(1);
    s.close(0);
    const before = mmOf(s).seq;
    const t = threads(s);
    const task = t.start(0, calls.munmap(0, 4));
    t.until(task, "do_munmap.zap");
    expect([mmOf(s).active, mmOf(s).seq]).toEqual([1, before]);
    t.finish(task);
    expect([mmOf(s).active, mmOf(s).seq]).toEqual([0, before]);
  });
});
