/** A copy engine that fails: its destination is given back, and the page stays where it was. */
import { expect, it } from "vitest";
import { added, devmem, freeList, onDevice } from "./devmem-support.ts";
import { candidates, destination, expectQuiet, frameAt, mirrored } from "./migrate-support.ts";
import { ALL_CORES, calls, eachCore, LINUX_CORES, system, threads } from "./support.ts";
import type { System } from "./support.ts";

/** Pages 0 to 2 with the values 1 to 3. */
function ready(core: (typeof ALL_CORES)[number], driver: "ideal" | "dmirror" = "ideal"): System {
  const s = system({ core, driver });
  s.mmap(0, 3);
  for (let page = 0; page < 3; page++) s.write(page, page + 1);
  return s;
}

const FAILS = { "migrate.m7_copy": "failed" };

eachCore(ALL_CORES, (core) => {
  it("[MIG-55] the destination is given back at once, whatever was in it, and the next page is asked for", () => {
    const s = ready(core);
    const t = threads(s);
    const task = t.start(0, calls.toDevice(0, 0, 2));
    t.until(task, "migrate.m7_copy");
    const dst = destination(s, task);
    expect(frameAt(s, dst)).toMatchObject({ free: false, locked: task });
    t.step(task, "failed");
    expect(frameAt(s, dst)).toMatchObject({ free: true, locked: null, holders: [], mapping: null });
    expect([t.at(task), candidates(s, task)[0]?.dst, candidates(s, task)[0]?.migrate]).toEqual(["migrate.m7", null, true]);
    t.finish(task);
    expect([s.frame(0).kind, s.frame(1).kind]).toEqual(["system", "private"]);
    expect([s.read(0), s.read(1)]).toEqual([1, 2]);
    expectQuiet(s);
  });

  it("[MIG-55] pages that could not be copied to the device stay with their data and their permission", () => {
    const s = ready(core);
    const frames = [0, 1, 2].map((page) => s.frameOf(page));
    s.fork(1);
    s.mprotect(2, 1, "r");
    const before = s.entries(0, 3);
    const t = threads(s);
    const task = t.start(0, calls.toDevice(0, 0, 3));
    expect(t.finish(task, FAILS)).toMatchObject({ status: "ok" });
    expect(s.entries(0, 3)).toEqual(before);
    expect([0, 1, 2].map((page) => s.frameOf(page))).toEqual(frames);
    expect([0, 1, 2].map((page) => s.frameOf(page, 1))).toEqual(frames);
    expect([s.read(0), s.as(1).read(1), s.read(2)]).toEqual([1, 2, 3]);
    expect([s.write(0, 9), s.as(1).read(0)]).toEqual(["ok", 1]);
    expectQuiet(s);
  });

  it("[MIG-55] pages that could not be copied home stay on the device; the driver has dropped its entry for them", () => {
    const s = ready(core);
    s.toDevice(0, 0, 2);
    s.devRead(0, 0, 2);
    const frames = [0, 1].map((page) => s.frameOf(page));
    const t = threads(s);
    expect(t.finish(t.start(0, calls.toSystem(0, 0, 2)), FAILS)).toEqual({ status: "ok", cpages: 0 });
    expect([0, 1].map((page) => s.frameOf(page))).toEqual(frames);
    expect(s.entry(0)).toBe("device_private rw");
    expect(mirrored(s, 0, 0)).toBeNull();
    expect(s.devRead(0, 0, 2)).toEqual([1, 2]);
    expect([s.read(0), s.read(1)]).toEqual([1, 2]);
    expectQuiet(s);
  });

  it.each(["read", "write"] as const)(
    "[MIG-55] a CPU %s whose page cannot be copied home ends with SIGBUS; the next one finds it",
    (access) => {
      const s = ready(core);
      s.toDevice(0, 0, 2);
      const frame = s.frameOf(0);
      expect(access === "read" ? s.as(0, FAILS).read(0) : s.as(0, FAILS).write(0, 9)).toBe("SIGBUS");
      expect([s.entry(0), s.frameOf(0)]).toEqual(["device_private rw", frame]);
      expect(s.read(0)).toBe(1);
      expect(s.frame(0).kind).toBe("system");
      expectQuiet(s);
    },
  );

  it("[MIG-55] nobody sees a destination that was not filled, and its next owner gets contents of his own", () => {
    const s = ready(core);
    const t = threads(s);
    const task = t.start(0, calls.toDevice(0, 0));
    t.until(task, "migrate.m7_copy");
    const dst = destination(s, task);
    const accesses = [t.start(0, calls.read(0)), t.start(0, calls.devRead(1, 0))];
    for (const access of accesses) expect(t.drive(access)).toBe("waits");
    t.step(task, "failed");
    for (const access of accesses) expect(t.drive(access)).toBe("waits");
    t.finish(task);
    expect(t.finish(accesses[0] ?? expect.fail())).toEqual({ status: "ok", value: 1 });
    expect(t.finish(accesses[1] ?? expect.fail())).toMatchObject({ data: [1] });
    expect(s.toDevice(0, 1)).toBe("ok");
    expect([s.frameOf(1), s.frame(1).contents]).toEqual([dst, { first: 2, fill: 0 }]);
  });
});

eachCore(LINUX_CORES, (core) => {
  it("[MIG-55] the access of another device, which needs such a fault, answers EFAULT", () => {
    const s = ready(core);
    s.toDevice(0, 0);
    const frame = s.frameOf(0);
    expect(s.as(0, FAILS).devRead(1, 0)).toBe("EFAULT");
    expect(s.frameOf(0)).toBe(frame);
    expect(s.devRead(1, 0)).toEqual([1]);
    expectQuiet(s);
  });

  it("[MIG-55] a hole whose zeroes could not be written stays a hole", () => {
    const s = system({ core, driver: "ideal" });
    s.mmap(0, 2);
    s.read(1);
    const t = threads(s);
    const task = t.start(0, calls.toDevice(0, 0, 2));
    for (let at = t.at(task); at !== "migrate_call.moved"; at = t.at(task)) t.step(task, at === "migrate.m7_copy" ? "failed" : undefined);
    expect(s.entries(0, 2)).toEqual(["none", "zero"]);
    t.finish(task);
    expectQuiet(s);
  });

  it("[MIG-55] eviction that cannot copy leaves the page on the device, and comes back for it", () => {
    const s = devmem({ core, driver: "ideal", physicalPages: 4 });
    const chunk = added(s, 0, 2);
    s.mmap(0, 1);
    const frame = onDevice(s, 0, 7);
    const t = threads(s);
    const task = t.start(0, { op: "devmem_remove", dev: 0, chunk });
    t.until(task, "migrate.m7_copy");
    t.step(task, "failed");
    t.until(task, "remove_chunk.e7");
    expect([s.frameOf(0), s.frame(0).contents.first]).toEqual([frame, 7]);
    expect(t.finish(task)).toEqual({ status: "ok" });
    expect([s.read(0), s.frame(0).kind, freeList(s, 0)]).toEqual([7, "system", []]);
    expectQuiet(s);
  });

  it("[MIG-55] dmirror, too: the page that the device fault asked for stays, and the call answers by what is there", () => {
    const s = ready(core, "dmirror");
    const before = s.frameOf(0);
    expect(s.as(0, FAILS).toDevice(0, 0)).toBe("ENOENT");
    expect([s.frameOf(0), s.read(0)]).toEqual([before, 1]);
    expectQuiet(s);
  });
});
