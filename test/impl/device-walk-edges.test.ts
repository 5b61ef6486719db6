/** Where a range walk and a device access end, wait and begin again: in lockstep with the model, one moment at a time. */
import { describe, expect, it } from "vitest";
import type { ModelCall } from "../../spec/vocabulary.ts";
import { FRAME, LOCAL, STEP, TAG, dptePfn, dpteTag } from "../../spec/words.ts";
import { mapped, on, pair, store } from "./device-support.ts";
import type { Pair } from "./device-support.ts";

const write = (page: number, npages: number, value: number): ModelCall => ({ op: "device_write", dev: 0, page, npages, value });

function written(kind: Parameters<typeof pair>[0] = {}): Pair {
  const p = pair(kind);
  p.call(mapped(0, 4));
  for (const page of [0, 1]) p.call(store(page, page + 1));
  return p;
}

describe("a walk that faults", () => {
  it("ends at the page that could not be had, and says which", () => {
    const p = pair({ driver: "dmirror" });
    p.call(mapped(0, 4));
    for (const page of [0, 1]) p.call({ op: "cpu_read", page });
    const task = p.begin(write(0, 2, 200));
    p.until(task, "handle_mm_fault.c4b");
    p.step(task);
    p.until(task, "handle_mm_fault.c4b");
    p.until(task, "hmm_range_fault.d7", { "handle_mm_fault.c4b": "no-memory" });
    expect(p.view.taskLocal(task, p.view.taskDepth(task) - 1, LOCAL.at)).toBe(1);
    expect(p.finish(task)).toEqual({ status: "errno", errno: "EFAULT" });
  });

  it.each([
    ["v14", "EFAULT"],
    ["linux-6.1", "EPERM"],
  ] as const)("answers for a mapping that may not be written: %s", (core, errno) => {
    const p = written({ core });
    p.call({ op: "mprotect", page: 0, npages: 4, prot: "r" });
    expect(p.call(write(0, 1, 200))).toEqual({ status: "errno", errno });
    expect(p.call(on("device_read", 0))).toMatchObject({ data: [1] });
    p.call({ op: "mprotect", page: 0, npages: 4, prot: "n" });
    expect(p.call(on("device_read", 0))).toEqual({ status: "errno", errno: "EFAULT" });
    p.call({ op: "munmap", page: 0, npages: 4 });
    expect(p.call(on("device_read", 0))).toEqual({ status: "errno", errno: "EFAULT" });
  });

  it("under v14 begins again when the fault has dropped the lock", () => {
    const p = pair({ core: "v14" });
    p.call(mapped(0, 4));
    const task = p.begin(on("device_read", 0, 2));
    p.until(task, "hmm_range_fault.d6");
    p.step(task, { "hmm_range_fault.d6": "dropped" });
    expect(p.view.mmReaders(0)).toBe(0);
    expect(p.finish(task)).toMatchObject({ data: [0, 0], faults: 1 });
  });

  it("takes what is there again if a notification has come in between", () => {
    for (const core of ["v14", "linux-6.1"] as const) {
      const p = written({ core });
      const task = p.begin(on("device_read", 0));
      p.until(task, "hmm_range_fault.d8");
      p.call({ op: "madvise", page: 0, npages: 1, advice: "dontneed" });
      p.step(task);
      const top = p.view.taskDepth(task) - 1;
      expect(p.view.taskStep(task, top)).toBe(STEP["hmm_range_fault.d1"]);
      expect(p.finish(task)).toMatchObject({ data: [0] });
    }
  });

  it("waits until a notification that it has met is over", () => {
    const p = written();
    p.call(on("device_read", 1));
    const advice = p.begin({ op: "madvise", page: 0, npages: 1, advice: "dontneed" });
    p.until(advice, "invalidate.i2");
    p.step(advice);
    const task = p.begin(on("device_read", 0));
    p.until(task, "hmm_range_fault.d2");
    expect(p.ready(task)).toBe(false);
    p.finish(advice);
    expect(p.finish(task)).toMatchObject({ data: [0] });
  });
});

describe("a snapshot", () => {
  it("of v14 shows an error where a page is under migration, later cores an absent page", () => {
    for (const [core, shown] of [
      ["v14", "ff"],
      ["linux-6.1", "00"],
    ] as const) {
      const p = written({ core, bounds: { deviceFrames: 2 } });
      const task = p.begin(on("migrate_to_device", 0));
      p.until(task, "migrate.m7");
      expect(p.call(on("snapshot", 0, 2))).toMatchObject({ entries: [shown, "02"] });
      p.finish(task);
      expect(p.call(on("snapshot", 0, 2))).toMatchObject({ entries: ["22", "02"] });
    }
  });

  it("of v14 does not look into a special mapping, and a fault of it installs nothing", () => {
    const p = pair({ core: "v14" });
    p.call({ op: "mmap", page: 0, npages: 2, prot: "rw", map: "device" });
    expect(p.call(on("snapshot", 0, 2))).toEqual({ status: "errno", errno: "EINVAL" });
    expect(p.call(on("device_read", 1))).toEqual({ status: "errno", errno: "EFAULT" });
    expect(p.view.dpte(0, 1)).toBe(0);
  });

  it("tells private from coherent memory, and its own from that of others", () => {
    const p = pair({ devices: ["private", "coherent"] });
    p.call(mapped(0, 3));
    for (const page of [0, 1, 2]) p.call(store(page, page + 1));
    p.call(on("migrate_to_device", 0, 1, 0));
    p.call(on("migrate_to_device", 1, 1, 1));
    expect(p.call(on("snapshot", 0, 3, 0))).toMatchObject({ entries: ["22", "52", "02"] });
    expect(p.call(on("snapshot", 0, 3, 1))).toMatchObject({ entries: ["00", "42", "02"] });
  });
});

describe("a device access", () => {
  it("is one of the process whose file it goes through", () => {
    const p = written();
    p.call({ op: "fork", child: 1 });
    p.call(store(0, 9), {}, 1);
    expect(p.call(on("device_read", 0), {}, 1)).toMatchObject({ data: [9] });
    expect(p.call(on("device_read", 0))).toMatchObject({ data: [1] });
  });

  it("for reading takes a read-only page on the device itself as it is", () => {
    for (const core of ["v14", "linux-6.1"] as const) {
      const p = written({ core });
      p.call(on("migrate_to_device", 0));
      p.call({ op: "mprotect", page: 0, npages: 1, prot: "r" });
      expect(p.call(on("snapshot", 0))).toMatchObject({ entries: ["21"] });
      expect(p.call(on("device_read", 0))).toMatchObject({ data: [1], faults: 1 });
      expect(p.view.frameDev(dptePfn(p.view.dpte(0, 0)))).toBe(0);
    }
  });

  it.each(["ideal", "dmirror", "dmirror-fixed"] as const)("to a page on the device itself: %s", (driver) => {
    const p = written({ driver });
    p.call(on("migrate_to_device", 0));
    expect(p.call(on("device_read", 0))).toMatchObject({ status: "ok", data: [1] });
    p.call({ op: "mprotect", page: 0, npages: 1, prot: "r" });
    p.call({ op: "mprotect", page: 0, npages: 1, prot: "rw" });
    expect(p.call(write(0, 1, 200)).status).toBe(driver === "ideal" ? "ok" : "errno");
    expect(p.call(on("device_read", 0)).status).toBe(driver === "dmirror" ? "crash" : "ok");
  });

  it("marks what it has written as dirty where the driver does that", () => {
    for (const driver of ["ideal", "dmirror"] as const) {
      const p = pair({ driver });
      p.call({ op: "mmap", page: 0, npages: 1, prot: "rw", map: "shared" });
      p.call({ op: "cpu_read", page: 0 });
      expect(p.call(write(0, 1, 200))).toMatchObject({ status: "ok" });
      expect([p.view.frameFirst(dptePfn(p.view.dpte(0, 0))), p.view.frameFill(dptePfn(p.view.dpte(0, 0)))]).toEqual([200, 200]);
    }
  });

  it("ends the whole call when the process that is mirrored is gone", () => {
    for (const [core, driver, status] of [
      ["linux-6.1", "dmirror", "errno"],
      ["linux-6.12", "ideal", "errno"],
      ["linux-6.12", "dmirror", "crash"],
    ] as const) {
      const p = pair({ core, driver });
      p.call({ op: "open", dev: 0 });
      p.call({ op: "fork", child: 1, files: "inherit" });
      p.call({ op: "exit", child: 0 }, {}, 1);
      expect(p.call(on("device_read", 0), {}, 1).status).toBe(status);
      expect(p.call(on("snapshot", 0), {}, 1)).toEqual({ status: "errno", errno: "EINVAL" });
    }
  });

  it("refuses a range without a page and a device that is not there", () => {
    const p = written();
    for (const op of ["device_read", "snapshot", "make_exclusive", "check_exclusive"] as const) {
      expect(p.call(on(op, 0, 0))).toEqual({ status: "errno", errno: "EINVAL" });
      expect(p.call(on(op, 0, 1, 3))).toEqual({ status: "errno", errno: "ENOENT" });
    }
    expect(p.call(write(0, 0, 200))).toEqual({ status: "errno", errno: "EINVAL" });
    expect(p.call(on("duplicate", 0))).toEqual({ status: "errno", errno: "EOPNOTSUPP" });
  });

  it.each([
    ["device_write", 1],
    ["device_read", 0],
  ] as const)("through a stale entry of v14 (RF-16): %s", (op, tainted) => {
    const p = written({ core: "v14" });
    p.call({ op: "open", dev: 0 });
    const advice = p.begin({ op: "madvise", page: 0, npages: 1, advice: "dontneed" });
    p.until(advice, "invalidate.i2");
    p.step(advice);
    const task = p.begin(op === "device_write" ? write(0, 1, 200) : on(op, 0));
    p.until(task, "device_access.faulted");
    const entry = p.view.dpte(0, 0);
    p.finish(advice);
    expect([dpteTag(entry), p.view.frame(dptePfn(entry)) & FRAME.free, p.view.tainted()]).toEqual([TAG.write, FRAME.free, 0]);
    const ret = p.finish(task);
    expect([ret.status, p.view.tainted(), p.view.frameFirst(dptePfn(entry))]).toEqual(["ok", tainted, -1]);
  });
});

describe("exclusive access", () => {
  it("is not had under v14", () => {
    const p = written({ core: "v14" });
    expect(p.call(on("make_exclusive", 0))).toEqual({ status: "errno", errno: "EOPNOTSUPP" });
    expect(p.call(on("make_exclusive", 0, 0))).toEqual({ status: "errno", errno: "EINVAL" });
  });

  it("may be had of a page in the memory of another device", () => {
    const p = written({ devices: ["coherent", "private"] });
    p.call(on("migrate_to_device", 0, 1, 0));
    expect(p.call(on("make_exclusive", 0, 1, 1))).toMatchObject({ status: "ok", data: [1] });
    expect(dptePfn(p.view.dpte(1, 0))).toBe(0);
  });

  it("ends when the CPU touches the page", () => {
    const p = written();
    expect(p.call(on("make_exclusive", 0, 2))).toMatchObject({ data: [1, 2] });
    expect(p.call(store(0, 9))).toEqual({ status: "ok" });
    expect(p.call(on("check_exclusive", 0))).toEqual({ status: "ok" });
    expect(p.call(on("check_exclusive", 1))).toEqual({ status: "errno", errno: "EPERM" });
  });

  it("is refused for a page that somebody has locked, and the others of the batch are given back", () => {
    const p = written();
    const frame = p.view.pte(0, 1) >>> 8;
    p.act({ type: "move", pfn: frame });
    const move = 0;
    p.until(move, "migrate.m4");
    expect(p.call(on("make_exclusive", 0, 2))).toEqual({ status: "errno", errno: "EBUSY" });
    expect(p.view.frameLocked(frame)).toBe(move);
    p.finish(move);
  });

  it("is tried again by the driver that looks at the sequence, if a notification has come in between", () => {
    for (const [driver, at] of [
      ["ideal", 0],
      ["dmirror", 1],
    ] as const) {
      const p = written({ driver });
      p.call({ op: "fork", child: 1 });
      const task = p.begin(on("make_exclusive", 0));
      p.until(task, "make_exclusive.x8");
      p.call(store(1, 9));
      p.until(task, "make_exclusive.batch");
      expect(p.view.taskLocal(task, 0, LOCAL.at)).toBe(at);
      expect(p.finish(task)).toMatchObject({ status: "ok", data: [1] });
    }
  });

  it("is read back through the entry that is there by then, if there is one", () => {
    const p = written();
    const task = p.begin(on("make_exclusive", 0));
    p.until(task, "make_exclusive.read");
    p.call(store(0, 9));
    expect(p.finish(task)).toEqual({ status: "errno", errno: "ENOENT" });
  });
});
