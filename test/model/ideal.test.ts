import { describe, expect, it } from "vitest";
import type { ModelCall } from "../../spec/vocabulary.ts";
import { dpte, eachProfile, faulted, fileOf, frameBehind, IDEAL, LINUX_IDEAL, mmOf, onePage, sixPages, table } from "./mirror-support.ts";
import type { ProfileName } from "./mirror-support.ts";
import { calls, threads } from "./support.ts";
import type { System } from "./support.ts";

/** A file of actor 1 that actor 2 has inherited; then actor 1 ends. */
function orphan(profile: ProfileName): System {
  const s = onePage(profile);
  s.fork(1);
  s.as(1).devRead(0, 0);
  s.as(1).fork(2, "inherit");
  s.exit(1);
  return s;
}

const EXACT: readonly (readonly [string, ModelCall, string])[] = [
  ["munmap", calls.munmap(1, 2), "w--www"],
  ["MADV_DONTNEED", calls.madvise(2, 1, "dontneed"), "ww-www"],
  ["MADV_FREE", calls.madvise(0, 3, "free"), "---www"],
  ["mprotect", calls.mprotect(4, 1, "r"), "wwww-w"],
  ["mremap", calls.mremap(0, 1, 5), "-wwww-"],
  ["migrate_to_device of another device", calls.toDevice(1, 2, 2), "ww--ww"],
  ["fork", calls.fork(1), "------"],
];

eachProfile(IDEAL, (profile) => {
  it.each(EXACT)("[IDL-1] the callback erases the entries from start up to but not including end: %s", (_name, call, left) => {
    const s = sixPages(profile);
    expect(table(s, 0)).toBe("wwwwww");
    s.call(0, call);
    expect(table(s, 0)).toBe(left);
  });

  it.each<[string, (s: System) => unknown, ModelCall]>([
    ["migrate_to_device", () => {}, calls.toDevice(0, 2, 2)],
    ["migrate_to_system", (s) => s.toDevice(0, 2, 2), calls.toSystem(0, 2, 2)],
    ["a CPU access", (s) => s.toDevice(0, 2), calls.read(2)],
  ])("[IDL-3] its own MIGRATE empties its table before the first byte is copied: %s", (_name, prepare, call) => {
    const s = sixPages(profile);
    prepare(s);
    s.devRead(0, 0, 6);
    const t = threads(s);
    const task = t.start(0, call);
    t.until(task, "migrate.m2");
    expect(table(s, 0)[2]).toBe("-");
    t.until(task, "migrate.m7_copy");
    expect([table(s, 0)[2], table(s, 0)[0]]).toEqual(["-", "w"]);
    t.finish(task);
  });

  it("[IDL-3] a device write that meets its own migration waits for it and is not lost", () => {
    const s = sixPages(profile);
    const t = threads(s);
    const move = t.start(0, calls.toDevice(0, 2));
    t.until(move, "migrate.m7_copy");
    const write = t.start(0, calls.devWrite(0, 2, 1, 99));
    expect(t.drive(write)).toBe("waits");
    t.finish(move);
    expect(t.finish(write)).toMatchObject({ status: "ok" });
    expect(s.read(2)).toBe(99);
  });

  it("[IDL-4] what a device fault has found is not entered after its own migration of the page", () => {
    const s = onePage(profile);
    const t = threads(s);
    const read = t.start(0, calls.devRead(0, 0));
    t.until(read, "hmm_range_fault.d8");
    t.finish(t.start(0, calls.toDevice(0, 0)));
    t.step(read);
    expect(t.at(read)).toBe("hmm_range_fault.d1");
    expect(t.finish(read)).toMatchObject({ data: [7] });
    expect([s.pte(0).kind, dpte(s, 0, 0)?.pfn]).toEqual(["device_private", s.frameOf(0)]);
  });

  it("[IDL-4] it enters nothing after a migration: the next device fault does", () => {
    const s = sixPages(profile);
    const t = threads(s);
    const move = t.start(0, calls.toDevice(0, 2, 2));
    t.until(move, "migrate_call.unlock");
    expect([table(s, 0), s.pte(2).kind]).toEqual(["ww--ww", "device_private"]);
    expect(t.finish(move)).toMatchObject({ status: "ok" });
    expect([dpte(s, 0, 2)?.pfn, table(s, 0)]).toEqual([s.frameOf(2), "wwwwww"]);
  });

  it("[IDL-4] a page that is dropped during its migration leaves no entry to the freed frame", () => {
    const s = sixPages(profile);
    const t = threads(s);
    const move = t.start(0, calls.toDevice(0, 2));
    t.until(move, "migrate.m8_map");
    t.finish(t.start(0, calls.madvise(2, 1, "dontneed")));
    expect(t.finish(move)).toMatchObject({ status: "ok", data: [0] });
    expect(dpte(s, 0, 2)).toMatchObject({ zero: true });
    expect(s.state.frames.filter((f) => f.dev === 0 && !f.free)).toEqual([]);
  });

  it("[IDL-7] a write to an own read-only device-private page brings it home, copies it if it is shared, and writes", () => {
    const s = onePage(profile);
    s.toDevice(0, 0);
    s.fork(1);
    expect(s.entry(0)).toBe("device_private r");
    expect(s.call(0, calls.devWrite(0, 0, 1, 9))).toMatchObject({ status: "ok", faults: 1 });
    expect([s.frame(0).kind, s.read(0), s.as(1).read(0)]).toEqual(["system", 9, 7]);
    expect(s.frameOf(0)).not.toBe(s.frameOf(0, 1));
  });

  it("[IDL-7] it is not copied if nobody else has it", () => {
    const s = onePage(profile);
    s.toDevice(0, 0);
    s.mprotect(0, 1, "r");
    s.mprotect(0, 1, "rw");
    expect(s.entry(0)).toBe("device_private r");
    expect(s.devWrite(0, 0, 1, 9)).toBe("ok");
    expect([s.entry(0).replace(" dirty", ""), s.read(0)]).toEqual(["present rw", 9]);
  });

  it("[IDL-7] the mapping must be writable all the same", () => {
    const s = onePage(profile);
    s.toDevice(0, 0);
    s.mprotect(0, 1, "r");
    expect(s.devWrite(0, 0, 1, 9)).toBe(profile.core === "v14" ? "EFAULT" : "EPERM");
    expect(s.entry(0)).toBe("device_private r");
  });

  it("[IDL-8] a device fault brings home no page that needs no fault", () => {
    const s = sixPages(profile);
    s.toDevice(0, 1);
    s.toDevice(0, 3);
    s.madvise(0, 6, "free");
    s.madvise(0, 1, "dontneed");
    s.madvise(2, 1, "dontneed");
    expect(faulted(s, 0, calls.devRead(0, 0, 6))).toEqual([0, 2]);
    expect(s.entries(0, 6).map((entry) => entry.replace(" rw", ""))).toEqual([
      "zero",
      "device_private",
      "zero",
      "device_private",
      "present",
      "present",
    ]);
  });

  it("[IDL-8] a device fault leaves out the pages that the device reaches already", () => {
    const s = sixPages(profile);
    s.madvise(0, 1, "dontneed");
    expect(faulted(s, 0, calls.devWrite(0, 0, 6, 9))).toEqual([0]);
    expect(table(s, 0)).toBe("wwwwww");
  });

  it("[IDL-9] migrate_to_device answers how many pages are on the device, and the data, also if not all of them are", () => {
    const s = sixPages(profile);
    const t = threads(s);
    t.act({ type: "pin", pfn: s.frameOf(1) });
    expect(s.call(0, calls.toDevice(0, 0, 3))).toEqual({ status: "ok", cpages: 2, data: [0, 1, 2] });
    expect(s.entries(0, 3).map((entry) => entry.split(" ")[0])).toEqual(["device_private", "present", "device_private"]);
    expect(s.call(0, calls.toDevice(0, 0, 3))).toEqual({ status: "ok", cpages: 2, data: [0, 1, 2] });
  });

  it.each<[string, (s: System) => unknown, number, number]>([
    ["shared memory", (s) => (s.mmap(1, 1, "rw", "shared"), s.write(1, 8)), 0, 8],
    ["an untouched page", (s) => s.madvise(1, 1, "dontneed"), profile.core === "v14" ? 0 : 1, 0],
    ["a page of another device", (s) => s.toDevice(1, 1), profile.core === "v14" ? 1 : 0, 1],
  ])("[IDL-9] %s is no error", (_what, prepare, cpages, byte) => {
    const s = sixPages(profile);
    prepare(s);
    expect(s.call(0, calls.toDevice(0, 1))).toEqual({ status: "ok", cpages, data: [byte] });
  });

  it.each([
    ["read", calls.devRead(0, 0)],
    ["write", calls.devWrite(0, 0, 1, 9)],
  ])("[IDL-10] a device %s through a file whose address space is gone answers EFAULT and changes nothing", (_name, call) => {
    const s = orphan(profile);
    expect(s.nothing(() => s.call(2, call))).toEqual({ status: "errno", errno: "EFAULT" });
  });

  it("[IDL-11] a device write marks the frame dirty, so that reclaim keeps a lazily freed page that the device has written", () => {
    const s = onePage(profile);
    s.madvise(0, 1, "free");
    expect(s.frame(0).dirty).toBe(false);
    s.devRead(0, 0);
    expect(s.frame(0).dirty).toBe(false);
    s.devWrite(0, 0, 1, 9);
    expect(s.frame(0).dirty).toBe(true);
    s.madvise(0, 1, "pageout");
    expect([s.pte(0).kind, s.read(0)]).toEqual(["present", 9]);
  });

  it("[IDL-11] a device write to clean shared memory is not lost either", () => {
    const s = onePage(profile);
    s.mmap(0, 1, "rw", "shared");
    s.devRead(0, 0);
    s.devWrite(0, 0, 1, 9);
    s.madvise(0, 1, "pageout");
    expect([s.entry(0), s.read(0)]).toEqual(["none", 9]);
  });
});

eachProfile(LINUX_IDEAL, (profile) => {
  it.each<[string, ModelCall]>([
    ["munmap", calls.munmap(2, 1)],
    ["its own migrate_to_device", calls.toDevice(0, 2)],
    ["migrate_to_device of another device", calls.toDevice(1, 2)],
    ["make_exclusive of another device", calls.exclusive(1, 2)],
    ["mprotect", calls.mprotect(2, 1, "r")],
  ])("[IDL-2] the callback sets the sequence before it does anything else: %s", (_name, call) => {
    const s = sixPages(profile);
    const t = threads(s);
    const task = t.start(0, call);
    t.until(task, "invalidate.i2");
    const file = `${s.state.actors[0]?.files[0]}`;
    expect([fileOf(s, 0).seq === mmOf(s).seq, table(s, 0)]).toEqual([false, "wwwwww"]);
    t.step(task, file);
    expect([fileOf(s, 0).seq === mmOf(s).seq, table(s, 0)]).toEqual([true, "ww-www"]);
    t.finish(task);
  });

  it("[IDL-2] a device fault waits for its own migration to end its collect", () => {
    const s = sixPages(profile);
    const t = threads(s);
    const move = t.start(0, calls.toDevice(0, 2));
    t.until(move, "migrate.m2");
    const read = t.start(0, calls.devRead(0, 2));
    expect([t.drive(read), t.at(read)]).toEqual(["waits", "hmm_range_fault.d2"]);
    t.finish(move);
    expect(t.finish(read)).toMatchObject({ data: [2] });
  });

  it("[IDL-5] a batch is tagged only if nothing was invalidated since its pages were faulted in, and taken again otherwise", () => {
    const s = sixPages(profile);
    const t = threads(s);
    const take = t.start(0, calls.exclusive(0, 1, 2));
    t.until(take, "make_exclusive.x8");
    t.finish(t.start(0, calls.madvise(1, 1, "dontneed")));
    t.step(take);
    expect(table(s, 0).includes("a")).toBe(false);
    expect(t.finish(take)).toEqual({ status: "ok", cpages: 2, data: [0, 2] });
    for (const page of [1, 2]) {
      expect([s.pte(page).kind, dpte(s, 0, page)?.tag, dpte(s, 0, page)?.pfn]).toEqual(["device_exclusive", "atomic", s.frameOf(page)]);
    }
  });

  it("[IDL-5] it is tagged at once where nothing was invalidated", () => {
    const s = sixPages(profile);
    const t = threads(s);
    const take = t.start(0, calls.exclusive(0, 1, 2));
    t.until(take, "make_exclusive.x8");
    t.step(take);
    expect(table(s, 0)).toBe("waawww");
    t.finish(take);
  });

  it("[IDL-6] the callback ignores an EXCLUSIVE event of its own device altogether, the sequence included", () => {
    const s = sixPages(profile);
    s.devRead(1, 0, 6);
    const before = fileOf(s, 0).seq;
    const t = threads(s);
    const take = t.start(0, calls.exclusive(0, 1, 2));
    t.until(take, "make_exclusive.x8");
    expect([table(s, 0), fileOf(s, 0).seq]).toEqual(["wwwwww", before]);
    expect(table(s, 1)).toBe("w--www");
    expect(fileOf(s, 1).seq).toBeGreaterThan(before);
    t.finish(take);
  });

  it("[IDL-6] it does not ignore the event by which a CPU access ends the exclusive use", () => {
    const s = sixPages(profile);
    s.exclusive(0, 1, 2);
    const before = fileOf(s, 0).seq;
    s.read(1);
    expect(table(s, 0)).toBe("w-awww");
    expect(fileOf(s, 0).seq).toBeGreaterThan(before);
  });

  it("[IDL-8] a device fault revokes no page that the device has for itself already", () => {
    const s = sixPages(profile);
    s.exclusive(0, 2, 2);
    s.madvise(0, 1, "dontneed");
    expect(s.call(0, calls.devRead(0, 0, 6))).toMatchObject({ faults: 1, data: [0, 1, 2, 3, 4, 5] });
    expect([table(s, 0), s.entry(2), s.entry(3)]).toEqual(["rwaaww", "device_exclusive rw", "device_exclusive rw"]);
  });

  it("[IDL-9] coherent pages count as well", () => {
    const s = onePage(profile);
    expect(s.call(0, calls.toDevice(2, 0, 2))).toEqual({ status: "ok", cpages: 2, data: [7, 0] });
    expect(frameBehind(s, 2, 0).kind).toBe("coherent");
  });
});

describe("without notifications in between", () => {
  it.each(IDEAL)("[IDL-4] $core with $driver enters what it has found in the first round", (profile) => {
    const s = onePage(profile);
    const t = threads(s);
    const read = t.start(0, calls.devRead(0, 0));
    t.until(read, "hmm_range_fault.d8");
    t.step(read);
    expect([t.at(read), dpte(s, 0, 0)?.pfn]).toEqual(["dmirror_fault.walked", s.frameOf(0)]);
    t.finish(read);
  });
});
