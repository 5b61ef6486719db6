import { describe, expect, it } from "vitest";
import type { Core, DriverName, ModelCall } from "../../spec/vocabulary.ts";
import {
  dpte,
  eachProfile,
  fileOf,
  frameBehind,
  LINUX,
  LINUX_DMIRROR,
  LINUX_IDEAL,
  mirrors,
  onePage,
  sixPages,
  table,
  watch,
} from "./mirror-support.ts";
import type { ProfileName } from "./mirror-support.ts";
import { calls, LINUX_CORES, system, threads } from "./support.ts";
import type { System } from "./support.ts";

/** A large mapping that nobody has touched; device 0 is open. */
function large(profile: ProfileName): System {
  const s = system({ ...profile, pages: 160 });
  s.mmap(0, 160);
  s.open(0);
  return s;
}

/** The ranges of the range faults, migrations or batches of make_exclusive that a call goes through, alone: `"0-64"`. */
function ranges(s: System, call: ModelCall): readonly string[] {
  const found = new Set<string>();
  watch(s, 0, call, (a) => {
    if ((a.op === "hmm_range_fault" && a.pc === "d1") || (a.op === "migrate" && a.pc === "m1")) found.add(`${a.start}-${a.end}`);
    if (a.op === "make_exclusive" && a.pc === "x3") found.add(`${a.at}-${a.stop}`);
  });
  return [...found];
}

const failed = (errno: string): object => ({ status: "errno", errno });

eachProfile(LINUX_DMIRROR, (profile) => {
  const { driver } = profile;

  it("[DMR-1] device faults come in batches of 64 pages from the first page that has no entry", () => {
    const s = large(profile);
    s.devRead(0, 0, 3);
    expect(ranges(s, calls.devRead(0, 0, 150))).toEqual(["3-67", "67-131", "131-150"]);
    expect(ranges(s, calls.devWrite(0, 0, 64, 1))).toEqual(["0-64"]);
  });

  it("[DMR-1] snapshots come in batches of 64 pages", () => {
    expect(ranges(large(profile), calls.snap(0, 2, 129))).toEqual(["2-66", "66-130", "130-131"]);
  });

  it("[DMR-1] make_exclusive comes in batches of 64 pages", () => {
    expect(ranges(large(profile), calls.exclusive(0, 2, 129))).toEqual(["2-66", "66-130", "130-131"]);
  });

  it.each([
    ["to the device", calls.toDevice(0, 1, 150)],
    ["to the system", calls.toSystem(0, 1, 150)],
  ])("[DMR-1] migrations %s come in batches of 64 pages that end with their mapping", (_direction, call) => {
    const s = large(profile);
    s.mprotect(80, 10, "r");
    expect(ranges(s, call)).toEqual(["1-65", "65-80", "80-90", "90-151"]);
  });

  it.each<[string, (s: System) => unknown, ModelCall, string]>([
    ["a device read that has faulted pages in", (s) => s.munmap(3, 1), calls.devRead(0, 2, 3), "EFAULT"],
    ["a device write that has written", (s) => s.munmap(3, 1), calls.devWrite(0, 2, 3, 9), "EFAULT"],
    ["migrate_to_device that has moved pages", (s) => (s.mmap(4, 1, "rw", "shared"), s.write(4, 1)), calls.toDevice(0, 2, 3), "ENOENT"],
    ["migrate_to_device over a hole", (s) => s.munmap(3, 1), calls.toDevice(0, 2, 3), "EINVAL"],
    ["migrate_to_system that has moved pages", (s) => (s.toDevice(0, 2), s.munmap(3, 1)), calls.toSystem(0, 2, 3), "EINVAL"],
    ["make_exclusive that has taken pages", (s) => s.munmap(3, 1), calls.exclusive(0, 2, 3), "EBUSY"],
    ["check_exclusive", (s) => s.exclusive(0, 2), calls.check(0, 2, 3), "EPERM"],
    ["a snapshot of nothing", () => {}, calls.snap(0, 2, 0), "EINVAL"],
  ])("[DMR-2] %s fails without cpages, faults and data", (_what, prepare, call, errno) => {
    const s = sixPages(profile);
    prepare(s);
    expect(s.call(0, call)).toEqual(failed(errno));
  });

  const moves: readonly (readonly [string, (s: System) => unknown, "ok" | "ENOENT", readonly string[]])[] = [
    ["pages that all move", () => {}, "ok", ["device_private", "device_private", "device_private"]],
    ["pages that are there already", (s) => s.toDevice(0, 0, 3), "ok", ["device_private", "device_private", "device_private"]],
    [
      "a page that is there already, but has lost its entry",
      (s) => (s.toDevice(0, 1), s.madvise(1, 1, "free")),
      "ENOENT",
      ["device_private", "device_private", "device_private"],
    ],
    ["a page of another device", (s) => s.toDevice(1, 1), "ENOENT", ["device_private", "device_private", "device_private"]],
    [
      "a page of shared memory that the device mirrors",
      (s) => (s.mmap(1, 1, "rw", "shared"), s.devWrite(0, 1, 1, 1)),
      "ok",
      ["device_private", "present", "device_private"],
    ],
    [
      "a page of shared memory that it does not mirror",
      (s) => (s.mmap(1, 1, "rw", "shared"), s.write(1, 1)),
      "ENOENT",
      ["device_private", "present", "device_private"],
    ],
    ["an exclusive page of another device", (s) => s.exclusive(1, 1), "ENOENT", ["device_private", "device_exclusive", "device_private"]],
    ["an exclusive page of its own", (s) => s.exclusive(0, 1), "ok", ["device_private", "device_exclusive", "device_private"]],
  ];
  it.each(moves)("[DMR-3] migrate_to_device of %s", (_what, prepare, answer, kinds) => {
    const s = sixPages(profile);
    prepare(s);
    expect(s.toDevice(0, 0, 3)).toBe(answer);
    expect([0, 1, 2].map((page) => s.pte(page).kind)).toEqual(kinds);
    if (answer === "ok") expect(table(s, 0).slice(0, 3)).not.toContain("-");
    else expect(table(s, 0).slice(0, 3)).toContain("-");
  });

  describe.each<[string, (s: System) => unknown]>([
    ["a page that is not mapped", (s) => s.munmap(2, 1)],
    ["a mapping without access", (s) => s.mprotect(2, 1, "n")],
    ["a mapping for writing only", (s) => s.mmap(2, 1, "w")],
    ["a mapping of the driver's file", (s) => s.mmap(2, 1, "rw", "device")],
  ])("at %s", (_what, prepare) => {
    it("[DMR-4] migrate_to_device answers EINVAL, and what it has moved before stays moved", () => {
      const s = sixPages(profile);
      prepare(s);
      const before = [s.pte(2), s.pte(3)];
      expect(s.call(0, calls.toDevice(0, 0, 4))).toEqual(failed("EINVAL"));
      expect([s.pte(0).kind, s.pte(1).kind]).toEqual(["device_private", "device_private"]);
      expect([s.pte(2), s.pte(3)]).toEqual(before);
    });

    it("[DMR-4] migrate_to_system answers EINVAL, and what it has moved before stays moved", () => {
      const s = sixPages(profile);
      s.toDevice(0, 0, 4);
      prepare(s);
      const before = [s.pte(2), s.pte(3)];
      expect(s.call(0, calls.toSystem(0, 0, 4))).toEqual(failed("EINVAL"));
      expect([s.pte(0).kind, s.pte(1).kind]).toEqual(["present", "present"]);
      expect([s.pte(2), s.pte(3)]).toEqual(before);
    });
  });

  it("[DMR-5] the callback ignores a MIGRATE event of its own device, the sequence included", () => {
    const s = sixPages(profile);
    s.devRead(1, 0, 6);
    const before = fileOf(s, 0).seq;
    const t = threads(s);
    const move = t.start(0, calls.toDevice(0, 1, 2));
    t.until(move, "migrate.m2");
    expect([table(s, 0), table(s, 1)]).toEqual(["wwwwww", "w---ww"]);
    expect([fileOf(s, 0).seq, fileOf(s, 1).seq]).toEqual([before, mmSeq(s)]);
    t.finish(move);
  });

  it("[DMR-5] a fault in flight is not begun again by its own migration, and enters the frame that the page has left", () => {
    const s = onePage(profile);
    const frame = s.frameOf(0);
    const t = threads(s);
    const read = t.start(0, calls.devRead(0, 0));
    t.until(read, "hmm_range_fault.d8");
    t.finish(t.start(0, calls.toDevice(0, 0)));
    t.step(read);
    expect(t.at(read)).toBe("dmirror_fault.walked");
    expect([dpte(s, 0, 0)?.pfn, s.state.frames[frame]?.free, s.pte(0).kind]).toEqual([frame, true, "device_private"]);
  });

  it("[DMR-5] entries of the range stay until something replaces them, also in another file of the device", () => {
    const s = sixPages(profile);
    s.fork(1, "inherit");
    s.open(0);
    s.write(2, 2);
    s.devRead(0, 2);
    s.as(1).devRead(0, 2);
    const frame = s.frameOf(2);
    s.toDevice(0, 2);
    expect([dpte(s, 0, 2)?.pfn, dpte(s, 0, 2, 1)?.pfn]).toEqual([s.frameOf(2), frame]);
    expect(mirrors(s, 0, 0)).toHaveLength(2);
  });

  it("[DMR-6] it asks for exclusive access without an owner, so its own callback erases its entries before the tag is set", () => {
    const s = sixPages(profile);
    s.devRead(1, 0, 6);
    const before = fileOf(s, 0).seq;
    const t = threads(s);
    const take = t.start(0, calls.exclusive(0, 1, 2));
    t.until(take, "invalidate.i2");
    expect(s.state.tasks[0]?.stack.at(-1)).toMatchObject({ event: "EXCLUSIVE", owner: null });
    t.until(take, "make_exclusive.x8");
    expect([table(s, 0), table(s, 1)]).toEqual(["w---ww", "w---ww"]);
    expect(fileOf(s, 0).seq).toBeGreaterThan(before);
    t.step(take);
    expect(table(s, 0)).toBe("waa-ww");
    t.finish(take);
  });

  it("[DMR-7] it enters a migrated page without looking at the sequence, so the entry may name a page that was dropped", () => {
    const s = sixPages(profile);
    const t = threads(s);
    const move = t.start(0, calls.toDevice(0, 2));
    t.until(move, "migrate.m8_map");
    t.finish(t.start(0, calls.madvise(2, 1, "dontneed")));
    t.finish(move);
    expect([s.entry(2), table(s, 0)[2], frameBehind(s, 0, 2).free]).toEqual(["none", "w", true]);
  });

  it("[DMR-7] it tags an exclusive page without looking at the sequence, so the tag may name a page that was dropped", () => {
    const s = sixPages(profile);
    const t = threads(s);
    const take = t.start(0, calls.exclusive(0, 2));
    t.until(take, "make_exclusive.x8");
    t.finish(t.start(0, calls.madvise(2, 1, "dontneed")));
    t.finish(take);
    expect([s.entry(2), table(s, 0)[2], frameBehind(s, 0, 2).free]).toEqual(["none", "a", true]);
  });

  it("[DMR-8] migrate_to_system erases the entries of the pages that it copies in the caller's table, and no other", () => {
    const s = sixPages(profile);
    s.toDevice(0, 1);
    s.toDevice(0, 3, 2);
    expect(table(s, 0)).toBe("wwwwww");
    expect(s.call(0, calls.toSystem(0, 0, 6))).toEqual({ status: "ok", cpages: 3 });
    expect(table(s, 0)).toBe("w-w--w");
  });

  it("[DMR-8] it leaves the table of another file of the device alone", () => {
    const s = sixPages(profile);
    s.toDevice(0, 1);
    s.fork(1, "inherit");
    s.open(0);
    s.write(2, 2);
    s.as(1).devRead(0, 2);
    s.toDevice(0, 2);
    s.toSystem(0, 2);
    expect([table(s, 0, 0)[2], table(s, 0, 1)[2]]).toEqual(["-", "w"]);
  });

  it("[DMR-10] a device fault that meets an own device page enters the device frame itself", () => {
    const s = system({ ...profile, pages: 2 });
    s.mmap(0, 2);
    s.toDevice(0, 0, 2);
    s.read(0);
    const answer = s.call(0, calls.devRead(0, 0, 2));
    if (driver === "dmirror") {
      expect(answer).toMatchObject({ status: "crash" });
      expect(dpte(s, 0, 1)).toMatchObject({ unreachable: true, pfn: s.frameOf(1) });
    } else expect(answer).toMatchObject({ status: "ok", data: [0, 0] });
  });

  it.each<[string, (s: System) => unknown, ModelCall]>([
    ["fork", (s) => s.fork(1), calls.devRead(0, 0)],
    ["mprotect", (s) => (s.mprotect(0, 1, "r"), s.mprotect(0, 1, "rw")), calls.devRead(0, 0)],
    ["mremap", (s) => s.mremap(0, 1, 1), calls.devRead(0, 1)],
    ["migrate_to_device of another device", (s) => s.toDevice(1, 0), calls.devRead(0, 0)],
  ])("[DMR-10] it meets one after %s has cost the entry", (_what, prepare, call) => {
    const s = system({ ...profile, pages: 2 });
    s.mmap(0, 2);
    s.toDevice(0, 0);
    prepare(s);
    expect(s.call(0, call).status).toBe(driver === "dmirror" ? "crash" : "ok");
  });

  it("[DMR-11] a device write that faults an own read-only device page answers EFAULT and leaves the page where it is", () => {
    const s = onePage(profile);
    s.write(1, 8);
    s.write(2, 9);
    s.toDevice(0, 1);
    s.mprotect(1, 1, "r");
    s.mprotect(1, 1, "rw");
    s.madvise(0, 4, "free");
    const before = s.pte(1);
    expect(s.call(0, calls.devWrite(0, 0, 3, 99))).toEqual(failed("EFAULT"));
    expect([s.pte(1), table(s, 0)]).toEqual([before, "w-----"]);
    expect([0, 1, 2].map((page) => s.read(page))).toEqual([7, 8, 9]);
  });

  it("[DMR-11] it does not break the sharing after fork, and stays so until a CPU write", () => {
    const s = onePage(profile);
    s.toDevice(0, 0);
    s.fork(1);
    expect(s.devWrite(0, 0, 1, 9)).toBe("EFAULT");
    expect([s.entry(0), s.entry(0, 1), s.frameOf(0)]).toEqual(["device_private r", "device_private r", s.frameOf(0, 1)]);
    s.exit(1);
    expect(s.devWrite(0, 0, 1, 9)).toBe("EFAULT");
    s.write(0, 8);
    expect(s.devWrite(0, 0, 1, 9)).toBe("ok");
    expect(s.read(0)).toBe(9);
  });

  it.each([
    ["munmap", calls.munmap(1, 2), "w---ww"],
    ["MADV_DONTNEED", calls.madvise(2, 1, "dontneed"), "ww--ww"],
    ["MADV_FREE up to the end of the window", calls.madvise(4, 2, "free"), "wwww--"],
    ["mprotect", calls.mprotect(0, 1, "r"), "--wwww"],
    ["migrate_to_device of another device", calls.toDevice(1, 2, 2), "ww---w"],
  ])("[DMR-12] the callback erases one entry too many: %s", (_name, call, left) => {
    const s = sixPages(profile);
    expect(table(s, 0)).toBe("wwwwww");
    s.call(0, call);
    expect(table(s, 0)).toBe(left);
  });

  it("[DMR-14] a device write does not mark the frame dirty, so reclaim of a page that is clean for the CPU loses it", () => {
    const s = onePage(profile);
    s.madvise(0, 1, "free");
    s.devRead(0, 0);
    s.devWrite(0, 0, 1, 9);
    expect([s.frame(0).dirty, s.entry(0), s.read(0)]).toEqual([false, "present rw", 9]);
    s.madvise(0, 1, "pageout");
    expect([s.entry(0), s.read(0)]).toEqual(["none", 0]);
  });

  it("[DMR-14] what the CPU has written before keeps the page with what the device wrote", () => {
    const s = onePage(profile);
    s.devRead(0, 0);
    s.devWrite(0, 0, 1, 9);
    s.as(0, { "reclaim.r1": "swap" }).madvise(0, 1, "pageout");
    expect([s.pte(0).kind, s.read(0)]).toEqual(["swap", 9]);
  });
});

function mmSeq(s: System): number {
  return s.state.mms[0]?.seq ?? -1;
}

eachProfile(LINUX, (profile) => {
  const evicted = (s: System): boolean => s.state.frames.every((f) => f.dev === null || f.free);

  it.each([0, 2])("[DMR-9] the last close of a file of device %i evicts all of its pages, of every process", (dev) => {
    const s = onePage(profile);
    s.open(dev);
    s.fork(1);
    s.as(1).write(1, 8);
    expect([s.toDevice(dev, 0), s.as(1).toDevice(dev, 1)]).toEqual(["ok", "ok"]);
    expect(evicted(s)).toBe(false);
    s.close(dev);
    expect(evicted(s)).toBe(true);
    expect([s.frame(0).kind, s.frame(1, 1).kind]).toEqual(["system", "system"]);
    expect([s.read(0), s.as(1).read(0), s.as(1).read(1)]).toEqual([7, 7, 8]);
  });

  it("[DMR-9] the exit of the last user of a file does the same, also if it never had a page there", () => {
    const s = onePage(profile);
    s.toDevice(0, 0);
    s.fork(1);
    s.as(1).open(0);
    s.exit(1);
    expect([s.frame(0).kind, s.read(0)]).toEqual(["system", 7]);
  });

  it("[DMR-9] a close that is not the last, and the exit of who has not opened the device, evict nothing", () => {
    const s = onePage(profile);
    s.toDevice(0, 0);
    s.fork(1, "inherit");
    s.fork(2);
    s.as(1).close(0);
    s.exit(2);
    expect(s.pte(0).kind).toBe("device_private");
  });

  it("[DMR-9] it evicts the pages of no other device", () => {
    const s = onePage(profile);
    s.toDevice(0, 0);
    s.close(1);
    expect(s.pte(0).kind).toBe("device_private");
  });
});

eachProfile(LINUX_IDEAL, (profile) => {
  it("[DMR-10] [DMR-11] the ideal driver reads and writes such pages", () => {
    const s = onePage(profile);
    s.toDevice(0, 0);
    s.fork(1);
    expect(s.devRead(0, 0)).toEqual([7]);
    expect(s.devWrite(0, 0, 1, 9)).toBe("ok");
    expect([s.read(0), s.as(1).read(0)]).toEqual([9, 7]);
  });

  it("[DMR-12] the ideal driver keeps the entry behind the range", () => {
    const s = sixPages(profile);
    s.madvise(2, 1, "dontneed");
    expect(table(s, 0)).toBe("ww-www");
  });
});

describe("a device access through a file whose address space is gone", () => {
  const gone = LINUX_CORES.flatMap((core) =>
    (["dmirror", "dmirror-fixed", "ideal"] as const).flatMap((driver) =>
      [calls.devRead(0, 0), calls.devWrite(0, 0, 1, 9)].map((call): [Core, DriverName, string, ModelCall] => [core, driver, call.op, call]),
    ),
  );
  it.each(gone)("[DMR-13] %s with %s: %s", (core, driver, _op, call) => {
    const s = onePage({ core, driver });
    s.fork(1);
    s.as(1).devRead(0, 0);
    s.as(1).fork(2, "inherit");
    s.exit(1);
    const hangs = core === "linux-6.12" && driver !== "ideal";
    expect(s.call(2, call)).toMatchObject(hangs ? { status: "crash" } : failed("EFAULT"));
  });
});
