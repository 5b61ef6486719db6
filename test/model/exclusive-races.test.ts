/** Exclusive access against everything that may run beside it. */
import { describe, expect, it } from "vitest";
import type { Core, DriverName } from "../../spec/vocabulary.ts";
import { expectQuiet, frameAt, holders, mirror, mirrored, mirrors } from "./migrate-support.ts";
import { LINUX_CORES, calls, system, threads } from "./support.ts";
import type { System, Threads } from "./support.ts";

const PROFILES = LINUX_CORES.flatMap((core) => (["dmirror-fixed", "ideal"] as const).map((driver) => ({ core, driver })));

/** Two written pages, and a request for both up to a step. */
function taking(core: Core, driver: DriverName, step: string): { p: System; t: Threads; task: number; frames: number[] } {
  const p = system({ core, driver });
  p.mmap(0, 2);
  p.write(0, 7);
  p.write(1, 8);
  p.open(1);
  const t = threads(p);
  const task = t.start(0, calls.exclusive(0, 0, 2));
  t.until(task, step);
  return { p, t, task, frames: [p.frameOf(0), p.frameOf(1)] };
}

const ok = (data: readonly number[]): object => ({ status: "ok", cpages: data.length, data });
const EBUSY = { status: "errno", errno: "EBUSY" };

describe.each(PROFILES)("$core, $driver", ({ core, driver }) => {
  it("[EXC-5] a page that somebody else has locked is left out with EBUSY, and the others are taken", () => {
    const { p, t, task, frames } = taking(core, driver, "make_exclusive.x3");
    const reclaim = t.reclaim(frames[0] ?? -1);
    t.step(reclaim, "swap");
    expect(frameAt(p, frames[0] ?? -1).locked).toBe(reclaim);
    t.until(task, "make_exclusive.x8");
    expect(p.entries(0, 2)).toEqual(["present rw dirty", "device_exclusive rw"]);
    expect(t.finish(task)).toEqual(EBUSY);
    expect(mirrors(p, 0, 0, 2)).toEqual(["none", "atomic"]);
    t.finish(reclaim);
    expect([p.read(0), p.read(1)]).toEqual([7, 8]);
    expectQuiet(p);
  });

  it("[EXC-8] an entry that is gone at x5 is left as it is, and the page is left out", () => {
    const { p, t, task, frames } = taking(core, driver, "rmap_walk.clear");
    t.finish(t.start(0, calls.madvise(0, 1, "dontneed")));
    t.step(task);
    expect(p.entry(0)).toBe("none");
    expect(t.finish(task)).toEqual(driver === "ideal" ? ok([0, 8]) : EBUSY);
    // Under ideal the invalidation made the batch begin again, with a new page.
    expect(p.entry(0)).toBe(driver === "ideal" ? "device_exclusive rw" : "none");
    expect(p.entry(1)).toBe("device_exclusive rw");
    expect(frameAt(p, frames[0] ?? -1).free || p.frameOf(0) === frames[0]).toBe(true);
    expectQuiet(p);
  });

  it("[EXC-8] a page that another one has replaced at x5 is left out", () => {
    const { p, t, task, frames } = taking(core, driver, "make_exclusive.x3");
    t.finish(t.start(0, calls.madvise(0, 1, "dontneed")));
    t.finish(t.start(0, calls.write(0, 9)));
    t.until(task, "make_exclusive.x8");
    expect(p.frameOf(0)).not.toBe(frames[0]);
    expect(p.entries(0, 2)).toEqual(["present rw dirty", "device_exclusive rw"]);
    t.finish(task);
    expect(p.read(0)).toBe(9);
    expectQuiet(p);
  });

  it("[EXC-8] a page whose entry was not writable is left out", () => {
    const { p, t, task, frames } = taking(core, driver, "make_exclusive.x3");
    // Reclaim takes the page to the swap cache, from where a read brings it back read-only.
    t.finish(t.reclaim(frames[0] ?? -1), { "reclaim.r1": "swap" });
    expect(p.entry(0)).toMatch(/^swap/);
    t.finish(t.start(0, calls.read(0)));
    // linux-6.12 maps a page that one process has alone writable at once; then there is nothing to leave out.
    const writable = core === "linux-6.12";
    expect(p.entry(0)).toBe(writable ? "present rw" : "present r");
    t.until(task, "make_exclusive.x8");
    expect(p.entries(0, 2)).toEqual([`device_exclusive ${writable ? "rw" : "r"}`, "device_exclusive rw"]);
    const answer = t.finish(task);
    // Under ideal the invalidation made the batch begin again.
    expect(answer).toEqual(driver === "ideal" || writable ? ok([7, 8]) : EBUSY);
    expect(mirror(p, 0, 0)).toBe(driver === "ideal" || writable ? "atomic" : "none");
    expect(p.read(0)).toBe(7);
    expectQuiet(p);
  });

  it.each(["read", "write"] as const)("[EXC-10] [EXC-14] a CPU %s waits from x3 to x9, until the tag is set", (access) => {
    const { p, t, task } = taking(core, driver, "rmap_walk.clear");
    t.step(task);
    const cpu = t.start(0, access === "read" ? calls.read(0) : calls.write(0, 9));
    for (;;) {
      expect(t.drive(cpu)).toBe("waits");
      expect(t.at(cpu)).toBe("handle_mm_fault.c7_lock");
      expect(p.entry(0)).toBe("device_exclusive rw");
      if (t.at(task) === "make_exclusive.x9") break;
      t.step(task);
    }
    expect(mirrors(p, 0, 0, 2)).toEqual(["atomic", "atomic"]);
    t.step(task);
    expect(t.blocked(cpu)).toBe(false);
    expect(t.finish(cpu)).toMatchObject({ status: "ok" });
    expect([p.entry(0), mirror(p, 0, 0)]).toEqual(["present rw dirty", "none"]);
    // The driver reads back through the mirror, where the entry is missing now.
    expect(t.finish(task)).toEqual({ status: "errno", errno: "ENOENT" });
    expectQuiet(p);
  });

  it("[EXC-14] no CPU access succeeds while its entry is exclusive", () => {
    for (const call of [calls.read(0), calls.write(0, 9)]) {
      const { p, t, task } = taking(core, driver, "make_exclusive.unlock");
      t.finish(task);
      const cpu = t.start(0, call);
      for (;;) {
        const exclusive = p.entry(0).startsWith("device_exclusive");
        const ended = t.step(cpu) !== null;
        expect(exclusive && ended).toBe(false);
        if (ended) break;
      }
      expect(p.entry(0)).toBe("present rw dirty");
    }
  });

  it("[EXC-11] MADV_DONTNEED before x8: ideal takes the batch again, dmirror leaves a tag to a freed frame", () => {
    const { p, t, task, frames } = taking(core, driver, "make_exclusive.x8");
    t.finish(t.start(0, calls.madvise(0, 1, "dontneed")));
    expect(p.entries(0, 2)).toEqual(["none", "device_exclusive rw"]);
    t.step(task);
    if (driver === "ideal") {
      expect(mirrors(p, 0, 0, 2)).toEqual(["none", "none"]);
      expect(t.finish(task)).toEqual(ok([0, 8]));
      expect(p.entries(0, 2)).toEqual(["device_exclusive rw", "device_exclusive rw"]);
      expect([mirrored(p, 0, 0), mirrored(p, 0, 1)]).toEqual([p.frameOf(0), p.frameOf(1)]);
    } else {
      expect(mirrors(p, 0, 0, 2)).toEqual(["atomic", "atomic"]);
      t.until(task, "make_exclusive.unlock");
      expect(mirrored(p, 0, 0)).toBe(frames[0]);
      expect(frameAt(p, frames[0] ?? -1).free).toBe(true);
      t.finish(task);
    }
    expectQuiet(p);
  });

  it("[EXC-13] two devices that ask for the same pages: each gets them in its turn, and only the last keeps the tags", () => {
    for (const step of [
      "make_exclusive.x2",
      "make_exclusive.x3",
      "rmap_walk.clear",
      "make_exclusive.x7",
      "make_exclusive.x8",
      "make_exclusive.x9",
    ]) {
      const { p, t, task } = taking(core, driver, step);
      const other = t.start(0, calls.exclusive(1, 0, 2));
      const ends = [task, other].map(() => "waits");
      for (let n = 0; n < 20 && ends.includes("waits"); n++) {
        ends[1] = t.at(other) === null ? "ended" : t.drive(other);
        ends[0] = t.at(task) === null ? "ended" : t.drive(task);
      }
      expect(ends).toEqual(["ended", "ended"]);
      const tags = [0, 1].map((page) => [mirror(p, 0, page), mirror(p, 1, page)].filter((tag) => tag === "atomic").length);
      expect(Math.max(...tags)).toBeLessThanOrEqual(1);
      for (const page of [0, 1]) expect(holders(p, p.frameOf(page))).toEqual(["map"]);
      expectQuiet(p);
      expect([p.read(0), p.read(1)]).toEqual([7, 8]);
    }
  });

  it("[EXC-17] the fault takes a reference, locks the page, invalidates, restores the entry if it is the same, and tries again", () => {
    const { p, t, task, frames } = taking(core, driver, "make_exclusive.unlock");
    t.finish(task);
    const frame = frames[0] ?? -1;
    const cpu = t.start(0, calls.read(0));
    t.until(cpu, "handle_mm_fault.c7_lock");
    expect(holders(p, frame)).toEqual(["map", "task"]);
    expect(frameAt(p, frame).locked).toBe(null);
    t.until(cpu, "handle_mm_fault.c7_restore");
    expect(frameAt(p, frame).locked).toBe(cpu);
    expect([p.entry(0), mirror(p, 0, 0)]).toEqual(["device_exclusive rw", "none"]);
    t.step(cpu);
    expect(p.entry(0)).toBe("present rw dirty");
    expect(t.finish(cpu)).toEqual({ status: "ok", value: 7 });
    expectQuiet(p);
  });

  it.each(["handle_mm_fault.c7", "handle_mm_fault.c7_lock", "handle_mm_fault.c7_restore"])(
    "[EXC-17] an entry that MADV_DONTNEED takes away before %s is not restored, and its frame is not used again",
    (step) => {
      const { p, t, task, frames } = taking(core, driver, "make_exclusive.unlock");
      t.finish(task);
      const cpu = t.start(0, calls.read(0));
      t.until(cpu, step);
      t.finish(t.start(0, calls.madvise(0, 1, "dontneed")));
      expect(p.entry(0)).toBe("none");
      expect(frameAt(p, frames[0] ?? -1).free).toBe(step === "handle_mm_fault.c7");
      expect(t.finish(cpu)).toEqual({ status: "ok", value: 0 });
      expect(frameAt(p, frames[0] ?? -1).free).toBe(true);
      expectQuiet(p);
    },
  );

  it("[EXC-22] fork waits for the lock of an exclusive page", () => {
    const { p, t, task, frames } = taking(core, driver, "make_exclusive.unlock");
    t.finish(task);
    const reclaim = t.reclaim(frames[0] ?? -1);
    t.step(reclaim, "swap");
    const fork = t.start(0, calls.fork(1));
    t.until(fork, "fork.copy");
    expect(t.blocked(fork)).toBe(true);
    expect(p.entry(0)).toBe("device_exclusive rw");
    t.finish(reclaim);
    expect(t.finish(fork)).toEqual({ status: "ok" });
    expect([p.entry(1), p.entry(1, 1)]).toEqual(["present r dirty", "present r dirty"]);
    for (const actor of [0, 1]) expect([p.as(actor).read(0), p.as(actor).read(1)]).toEqual([7, 8]);
    expectQuiet(p);
  });

  it("[EXC-2] [EXC-10] migration and munmap beside a request", () => {
    for (const step of ["make_exclusive.x2", "make_exclusive.x3", "rmap_walk.clear", "make_exclusive.x8"]) {
      const { p, t, task } = taking(core, driver, step);
      const unmap = t.start(0, calls.munmap(1));
      expect(t.blocked(unmap)).toBe(true);
      const move = t.start(0, calls.toDevice(1, 0));
      t.drive(move);
      t.drive(task);
      for (const other of [move, task]) if (t.at(other) !== null) t.finish(other);
      t.finish(unmap);
      expectQuiet(p);
      expect([p.read(0), p.read(1)]).toEqual([7, "SIGSEGV"]);
    }
  });
});
