import { expect, it } from "vitest";
import type { Activation } from "../../model/index.ts";
import type { ModelCall } from "../../spec/vocabulary.ts";
import { ALL, dpte, eachProfile, frameBehind, LINUX, onePage, table } from "./mirror-support.ts";
import type { ProfileName } from "./mirror-support.ts";
import { calls, system, threads } from "./support.ts";
import type { System } from "./support.ts";

/** Eight written pages of one mapping; device 0 mirrors pages 0 and 1 and nothing else. */
function half(profile: ProfileName): System {
  const s = system({ ...profile, pages: 8 });
  s.mmap(0, 8);
  for (let page = 0; page < 8; page++) s.write(page, page);
  s.devRead(0, 0, 2);
  return s;
}

const ok = (faults: number): object => ({ status: "ok", faults });

eachProfile(ALL, (profile) => {
  it.each([
    ["a read through the tag read", (s: System) => (s.fork(1), s.devRead(0, 0)), calls.devRead(0, 0), "r", 0],
    ["a read through the tag write", (s: System) => s.devRead(0, 0), calls.devRead(0, 0), "w", 0],
    ["a write through the tag write", (s: System) => s.devRead(0, 0), calls.devWrite(0, 0, 1, 9), "w", 0],
    ["a write through the tag read", (s: System) => (s.fork(1), s.devRead(0, 0)), calls.devWrite(0, 0, 1, 9), "r", 1],
    [
      "a read through the tag read of the zero page",
      (s: System) => (s.madvise(0, 1, "dontneed"), s.devRead(0, 0)),
      calls.devRead(0, 0),
      "r",
      0,
    ],
    [
      "a write through the tag read of the zero page",
      (s: System) => (s.madvise(0, 1, "dontneed"), s.devRead(0, 0)),
      calls.devWrite(0, 0, 1, 9),
      "r",
      1,
    ],
  ])("[DEV-1] %s", (_what, prepare, call, tag, faults) => {
    const s = onePage(profile);
    prepare(s);
    expect(table(s, 0)[0]).toBe(tag);
    expect(s.call(0, call)).toMatchObject(ok(faults));
    if (call.op === "device_write") expect(s.read(0)).toBe(9);
  });

  it.each([false, true])("[DEV-2] faults from the first page without a usable entry to the end, and goes on there (write: %s)", (write) => {
    const s = half(profile);
    s.devRead(0, 4);
    const t = threads(s);
    const task = t.start(0, write ? calls.devWrite(0, 0, 7, 9) : calls.devRead(0, 0, 7));
    t.until(task, "dmirror_fault.get");
    const stack = s.state.tasks[0]?.stack as readonly Activation[];
    expect(stack.at(-1)).toMatchObject({ start: 2, end: 7 });
    expect(stack.at(-2)).toMatchObject({ op: "device_access", at: 2 });
    t.until(task, "device_access.lock");
    expect([table(s, 0), s.state.tasks[0]?.stack.at(-1)]).toMatchObject(["wwwwwww-", { at: 2, faults: 1 }]);
    expect(t.finish(task)).toMatchObject({ status: "ok", cpages: 7, faults: 1, ...(write ? {} : { data: [0, 1, 2, 3, 4, 5, 6] }) });
  });

  it("[DEV-3] faults counts faults, not pages: 0 where every page has a usable entry, otherwise 1", () => {
    const s = system({ ...profile, pages: 130 });
    s.mmap(0, 130);
    expect(s.call(0, calls.devWrite(0, 0, 130, 1))).toEqual({ status: "ok", cpages: 130, faults: 1 });
    expect(s.call(0, calls.devWrite(0, 0, 130, 2))).toMatchObject(ok(0));
    expect(s.call(0, calls.devRead(0, 0, 130))).toMatchObject(ok(0));
    s.madvise(129, 1, "dontneed");
    s.madvise(64, 2, "dontneed");
    expect(s.call(0, calls.devRead(0, 0, 130))).toMatchObject(ok(1));
  });

  it("[DEV-3] a notification between the fault and the access costs another fault", () => {
    const s = half(profile);
    const t = threads(s);
    const read = t.start(0, calls.devRead(0, 2, 2));
    t.until(read, "device_access.faulted");
    t.finish(t.start(0, calls.madvise(3, 1, "dontneed")));
    expect(t.finish(read)).toMatchObject({ status: "ok", faults: 2, data: [2, 0] });
  });

  it("[DEV-4] a device write fills each page of its range as a whole, and no other", () => {
    const s = half(profile);
    s.devWrite(0, 1, 3, 200);
    expect([0, 1, 2, 3, 4].map((page) => s.frame(page).contents)).toEqual([
      { first: 0, fill: 0 },
      { first: 200, fill: 200 },
      { first: 200, fill: 200 },
      { first: 200, fill: 200 },
      { first: 4, fill: 0 },
    ]);
  });

  it.each<[string, (s: System) => unknown, string]>([
    ["a hole", (s) => s.munmap(4, 1), "EFAULT"],
    ["a mapping without access", (s) => s.mprotect(4, 1, "n"), "EFAULT"],
    ["a mapping without write permission", (s) => s.mprotect(4, 1, "r"), profile.core === "v14" ? "EFAULT" : "EPERM"],
  ])("[DEV-5] a write that fails at %s has written the pages before the first one without a usable entry", (_what, prepare, errno) => {
    const s = half(profile);
    prepare(s);
    expect(s.devWrite(0, 0, 6, 9)).toBe(errno);
    expect([0, 1, 2, 3, 5].map((page) => s.read(page))).toEqual([9, 9, 2, 3, 5]);
  });

  it("[DEV-5] a write that fails has written nothing if the first page has no usable entry", () => {
    const s = half(profile);
    s.munmap(4, 1);
    expect(s.devWrite(0, 3, 3, 9)).toBe("EFAULT");
    expect([3, 5].map((page) => s.read(page))).toEqual([3, 5]);
  });

  const installed: readonly (readonly [string, (s: System) => unknown, ModelCall, "read" | "write"])[] = [
    ["a read of a writable page", () => {}, calls.devRead(0, 0), "write"],
    ["a read of a shared page", (s) => s.fork(1), calls.devRead(0, 0), "read"],
    ["a write to a shared page", (s) => s.fork(1), calls.devWrite(0, 0, 1, 9), "write"],
    ["a read of an empty page", (s) => s.madvise(0, 1, "dontneed"), calls.devRead(0, 0), "read"],
    ["a write to an empty page", (s) => s.madvise(0, 1, "dontneed"), calls.devWrite(0, 0, 1, 9), "write"],
    ["a read of an empty page of shared memory", (s) => s.mmap(0, 1, "rw", "shared"), calls.devRead(0, 0), "write"],
    [
      "a read of an own device page",
      (s) => {
        s.toDevice(0, 0);
        s.madvise(0, 1, "free");
      },
      calls.devRead(0, 0),
      "write",
    ],
    [
      "a read of a shared own device page",
      (s) => {
        s.toDevice(0, 0);
        s.fork(1);
      },
      calls.devRead(0, 0),
      "read",
    ],
  ];
  it.each(installed)("[DEV-6] after %s the entry names the frame of the CPU entry, writable if that is", (_what, prepare, call, tag) => {
    const s = onePage(profile);
    prepare(s);
    const t = threads(s);
    t.drive(t.start(0, call));
    const entry = dpte(s, 0, 0);
    const pte = s.pte(0);
    expect(entry?.tag).toBe(tag);
    if (pte.kind === "zero") expect(entry?.zero).toBe(true);
    else expect(entry?.pfn).toBe(s.frameOf(0));
    expect("write" in pte && pte.write).toBe(tag === "write");
  });

  it("[DEV-7] a callback waits for an access that holds the driver lock, so that no access goes through an old entry after it", () => {
    const s = half(profile);
    const t = threads(s);
    const write = t.start(0, calls.devWrite(0, 0, 2, 9));
    t.until(write, "device_access.a1");
    t.step(write);
    const zap = t.start(0, calls.madvise(0, 2, "dontneed"));
    expect(t.drive(zap)).toBe("waits");
    expect(t.at(zap)).toBe("invalidate.i2");
    expect(t.choices(zap)).toEqual([]);
    expect(t.finish(write)).toMatchObject(ok(0));
    t.until(zap, "madvise.page");
    const late = t.start(0, calls.devWrite(0, 0, 2, 8));
    t.until(late, "device_access.a1");
    t.step(late);
    expect(t.at(late)).toBe("device_access.fault");
    expect([0, 1].map((page) => s.frame(page).contents.first)).toEqual([9, 9]);
    t.finish(zap);
    t.finish(late);
    expect(s.read(0)).toBe(8);
  });

  it("[DEV-7] only the mirror whose driver lock is held keeps its callback waiting", () => {
    const s = half(profile);
    s.devRead(1, 0, 2);
    const t = threads(s);
    const write = t.start(0, calls.devWrite(0, 0, 2, 9));
    t.until(write, "device_access.a1");
    const zap = t.start(0, calls.madvise(0, 2, "dontneed"));
    t.until(zap, "invalidate.i2");
    expect(t.choices(zap)).toEqual([`${s.state.actors[0]?.files[1]}`]);
    expect(t.refused({ type: "step", task: zap, choice: `${s.state.actors[0]?.files[0]}` })).not.toBeNull();
    t.step(zap);
    expect([table(s, 0).slice(0, 2), table(s, 1).slice(0, 2), t.blocked(zap)]).toEqual(["ww", "--", true]);
    t.finish(write);
    t.finish(zap);
  });

  it.each([
    ["a clean one", true],
    ["a dirty one", false],
  ])("[DEV-8] a device write leaves the CPU entry and its dirty bit as they are: %s", (_what, clean) => {
    const s = onePage(profile);
    if (clean) {
      s.toDevice(0, 0);
      s.toSystem(0, 0);
    }
    s.devRead(0, 0);
    const before = s.entry(0);
    expect(before).toBe(clean ? "present rw" : "present rw dirty");
    s.devWrite(0, 0, 1, 9);
    expect([s.entry(0), s.read(0)]).toEqual([before, 9]);
  });

  it("[DEV-8] nor does a write through the entry of an own device page change that", () => {
    const s = onePage(profile);
    s.toDevice(0, 0);
    const before = s.pte(0);
    expect(s.devWrite(0, 0, 1, 9)).toBe("ok");
    expect([s.pte(0), s.frame(0).contents]).toEqual([before, { first: 9, fill: 9 }]);
  });

  it.each<[string, ModelCall]>([
    ["device_read", calls.devRead(0, 0, 0)],
    ["device_write", calls.devWrite(0, 0, 0, 1)],
    ["migrate_to_device", calls.toDevice(0, 0, 0)],
    ["migrate_to_system", calls.toSystem(0, 0, 0)],
    ["snapshot", calls.snap(0, 0, 0)],
    ["make_exclusive", calls.exclusive(0, 0, 0)],
    ["check_exclusive", calls.check(0, 0, 0)],
  ])("[DEV-9] %s of zero pages answers EINVAL and changes nothing", (_name, call) => {
    const s = half(profile);
    expect(s.nothing(() => s.call(0, call))).toEqual({ status: "errno", errno: "EINVAL" });
  });
});

eachProfile(LINUX, (profile) => {
  it("[DEV-1] a read succeeds through the tag atomic, a write does not", () => {
    const s = onePage(profile);
    s.exclusive(0, 0);
    expect(table(s, 0)[0]).toBe("a");
    expect(s.call(0, calls.devRead(0, 0))).toMatchObject({ faults: 0, data: [7] });
    expect(table(s, 0)[0]).toBe("a");
    expect(s.call(0, calls.devWrite(0, 0, 1, 9))).toMatchObject(ok(1));
    expect([table(s, 0)[0], s.read(0)]).toEqual(["w", 9]);
  });

  it.each([
    ["writable", () => {}, "w"],
    ["shared", (s: System) => s.fork(1), "r"],
  ])("[DEV-6] the entry for a %s coherent page names the device's frame", (_what, prepare, tag) => {
    const s = onePage(profile);
    s.toDevice(2, 0);
    prepare(s);
    expect(s.devRead(0, 0)).toEqual([7]);
    expect([table(s, 0)[0], frameBehind(s, 0, 0).dev, dpte(s, 0, 0)?.pfn]).toEqual([tag, 2, s.frameOf(0)]);
  });
});
