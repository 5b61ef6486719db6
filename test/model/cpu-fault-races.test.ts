/** CPU faults and what happens at the same time: the entry changes under the fault, and no write is lost. */
import { describe, expect, it } from "vitest";
import { audit } from "./audit.ts";
import { ALL_CORES, calls, eachCore, system, threads } from "./support.ts";
import type { System } from "./support.ts";

eachCore(ALL_CORES, (core) => {
  describe("the re-check of a fault", () => {
    const shared = (p: System): unknown => [p.write(0, 4), p.fork(1)];
    const zero = (p: System): unknown => p.read(0);
    it.each([
      ["c3, the page was written meanwhile", () => null, "handle_mm_fault.c3", calls.write(0, 5)],
      ["c4a, the page was written meanwhile", zero, "handle_mm_fault.c4a", calls.write(0, 5)],
      ["c4c, the page was written meanwhile", zero, "handle_mm_fault.c4c", calls.write(0, 5)],
      ["c4a, the page was copied meanwhile", shared, "handle_mm_fault.c4a", calls.write(0, 5)],
      ["c4c, the page was copied meanwhile", shared, "handle_mm_fault.c4c", calls.write(0, 5)],
      ["c4c, the page was dropped meanwhile", shared, "handle_mm_fault.c4c", calls.madvise(0, 1, "dontneed")],
      ["c3, the page went to a device meanwhile", () => null, "handle_mm_fault.c3", calls.toDevice(0, 0)],
    ] as const)("[CPU-5] [CPU-10] %s: it begins again and overwrites nothing", (_, make, at, call) => {
      const p = system({ core });
      p.mmap(0, 1);
      make(p);
      const t = threads(p);
      const write = t.start(0, calls.write(0, 9));
      t.until(write, at);
      const begun = t.start(0, call);
      t.finish(begun);
      const between = p.pte(0);
      t.until(write, "cpu_access.fault");
      expect(call.op === "cpu_write" ? p.pte(0) : between).toEqual(between);
      t.finish(write);
      expect([p.read(0), audit(p.state)]).toEqual([9, []]);
      if (p.state.actors[1]) expect(p.as(1).read(0)).toBe(4);
    });
  });

  describe("races", () => {
    const resident = (p: System): unknown => p.toDevice(0, 0);
    const CALLS = [
      ["migrate_to_device", () => null, calls.toDevice(0, 0)],
      ["migrate_to_system", resident, calls.toSystem(0, 0)],
      ["another CPU's fault on a device page", resident, calls.read(0)],
      ["the close of a device", resident, calls.close(0)],
      ["make_exclusive", () => null, calls.exclusive(0, 0)],
      ["a device read", () => null, calls.devRead(0, 0)],
      ["fork", () => null, calls.fork(1)],
      ["mprotect", () => null, calls.mprotect(0, 1, "rwx")],
      ["MADV_FREE", () => null, calls.madvise(0, 1, "free")],
    ] as const;
    /** Steps `other` `steps` times, lets a write run as far as it can, then both to their ends. Answers whether `other` took all the steps. */
    function race(p: System, other: number, steps: number, first?: string): boolean {
      const t = threads(p);
      let taken = 0;
      for (; taken < steps && t.at(other) !== null && !t.blocked(other); taken++) t.step(other, taken === 0 ? first : undefined);
      const write = t.start(0, calls.write(0, 9));
      for (let n = 0; n < 60 && t.at(write) !== null && !t.blocked(write); n++) t.step(write);
      t.interleave([write, other]);
      return taken === steps;
    }

    it.each(CALLS)("[CPU-10] a write at any step of %s is what a later read gives", (_, make, call) => {
      for (let steps = 0, more = true; more; steps++) {
        const p = system({ core, driver: "ideal" });
        p.mmap(0, 1);
        p.write(0, 5);
        make(p);
        more = race(p, threads(p).start(0, call), steps);
        expect([p.read(0), p.devRead(0, 0), audit(p.state)]).toEqual([9, [9], []]);
      }
    });

    it("[CPU-10] a write at any step of a reclaim to swap is what a later read gives", () => {
      for (let steps = 1, more = true; more; steps++) {
        const p = system({ core, driver: "ideal" });
        p.mmap(0, 1);
        p.write(0, 5);
        more = race(p, threads(p).reclaim(p.frameOf(0)), steps, "swap");
        expect([p.read(0), audit(p.state)]).toEqual([9, []]);
      }
    });
  });
});
