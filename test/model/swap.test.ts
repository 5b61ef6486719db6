/** Swap, pins, and the end of an address space. */
import { describe, expect, it } from "vitest";
import type { Frame } from "../../model/index.ts";
import { audit } from "./audit.ts";
import { ALL_CORES, calls, eachCore, swapOut, system, threads } from "./support.ts";
import type { System } from "./support.ts";

const frameAt = (p: System, pfn: number): Frame => p.state.frames[pfn] as Frame;
const taken = (p: System): number => p.state.frames.filter((frame) => !frame.free).length;

eachCore(ALL_CORES, (core) => {
  describe("swap", () => {
    it("[RCL-8] replaces each entry that maps the page by a swap entry, after CLEAR, and frees the frame", () => {
      const p = system({ core });
      p.mmap(0, 1);
      p.write(0, 4);
      p.fork(1);
      p.fork(2);
      const pfn = p.frameOf(0);
      p.notices();
      swapOut(p, 0);
      expect(p.notices()).toEqual(["CLEAR 0-1", "1:CLEAR 0-1", "2:CLEAR 0-1"]);
      expect([0, 1, 2].map((actor) => p.entry(0, actor))).toEqual(["swap", "swap", "swap"]);
      expect([frameAt(p, pfn).free, p.state.slots[0]]).toEqual([true, { contents: { first: 4, fill: 0 }, count: 3, cache: null }]);
    });

    it("[RCL-8] each entry changes only after the callbacks of its address space", () => {
      const p = system({ core });
      p.mmap(0, 1);
      p.write(0, 4);
      p.devRead(0, 0);
      const t = threads(p);
      const reclaim = t.reclaim(p.frameOf(0));
      t.step(reclaim, "swap");
      t.until(reclaim, "rmap_walk.clear");
      expect([p.entry(0), p.state.files[0]?.dpt[0]]).toEqual(["present rw dirty", null]);
      t.step(reclaim);
      expect(p.pte(0).kind).toBe("swap");
      t.finish(reclaim);
    });

    it("[RCL-8] the frame stays as long as somebody holds it", () => {
      const p = system({ core });
      p.mmap(0, 1);
      p.write(0, 4);
      const pfn = p.frameOf(0);
      const t = threads(p);
      t.act({ type: "get", pfn });
      swapOut(p, 0);
      expect([p.pte(0).kind, frameAt(p, pfn).free, frameAt(p, pfn).contents.first]).toEqual(["swap", false, 4]);
      p.write(0, 5);
      expect([p.frameOf(0) === pfn, p.read(0)]).toEqual([true, 5]);
      t.act({ type: "put", pfn });
      expect(audit(p.state)).toEqual([]);
    });

    it.each(["read", "write"] as const)("[RCL-9] a %s maps a frame with the contents of the slot and gives up one user of it", (access) => {
      const p = system({ core });
      p.mmap(0, 1);
      p.devWrite(0, 0, 1, 4);
      p.write(0, 6);
      p.fork(1);
      swapOut(p, 0);
      p.notices();
      expect(access === "read" ? p.read(0) : p.write(0, 7)).toBe(access === "read" ? 6 : "ok");
      expect(p.state.slots[0]?.count).toBe(1);
      expect(p.frame(0).contents).toEqual({ first: access === "read" ? 6 : 7, fill: 4 });
      expect([p.as(1).read(0), p.state.slots[0]?.count, audit(p.state)]).toEqual([6, 0, []]);
    });

    it("[RCL-9] a fault waits while the page is on its way to the slot", () => {
      const p = system({ core });
      p.mmap(0, 1);
      p.write(0, 4);
      const t = threads(p);
      const reclaim = t.reclaim(p.frameOf(0));
      t.step(reclaim, "swap");
      t.until(reclaim, "reclaim.r3");
      const read = t.start(0, calls.read(0));
      expect([t.drive(read), t.at(read)]).toEqual(["waits", "handle_mm_fault.c8"]);
      t.finish(reclaim);
      expect(t.finish(read)).toEqual({ status: "ok", value: 4 });
    });

    it("[RCL-9] a page that is swapped out a second time without a write in between keeps its contents", () => {
      const p = system({ core });
      p.mmap(0, 1);
      p.write(0, 4);
      swapOut(p, 0);
      p.read(0);
      swapOut(p, 0);
      expect([p.read(0), audit(p.state)]).toEqual([4, []]);
    });

    it.each([
      ["a page that no other process shares", false, "rw", core === "linux-6.12" ? "present rw" : "present r"],
      ["a page that fork has shared", true, "rw", "present r"],
      ["a page of a read-only mapping", false, "r", "present r"],
    ] as const)("[RCL-10] a read that swaps in %s", (_, fork, prot, entry) => {
      const p = system({ core });
      p.mmap(0, 1);
      p.write(0, 4);
      if (fork) p.fork(1);
      swapOut(p, 0);
      p.mprotect(0, 1, prot);
      p.read(0);
      expect(p.entry(0)).toBe(entry);
    });

    it("[RCL-10] a page that fork shares while it is in swap is not writable after a read", () => {
      const p = system({ core });
      p.mmap(0, 1);
      p.write(0, 4);
      swapOut(p, 0);
      p.fork(1);
      p.exit(1);
      p.read(0);
      expect(p.entry(0)).toBe("present r");
    });
  });

  describe("pins", () => {
    it.each([
      ["munmap", 0, (p: System) => p.munmap(0)],
      ["MADV_DONTNEED", 0, (p: System) => p.madvise(0, 1, "dontneed")],
      ["the end of its process", 1, (p: System) => p.exit(1)],
    ])("[RCL-11] a pinned page outlives %s with its contents, until the pin is dropped", (_, actor, unmap) => {
      const p = system({ core });
      p.fork(1);
      const owner = p.as(1);
      for (const q of [p, owner]) {
        q.mmap(0, 1);
        q.write(0, 4);
      }
      const pfn = p.frameOf(0, actor);
      const t = threads(p);
      t.act({ type: "pin", pfn });
      unmap(p);
      p.mmap(2, 1);
      p.write(2, 9);
      expect([frameAt(p, pfn).free, frameAt(p, pfn).contents.first, p.frameOf(2) === pfn]).toEqual([false, 4, false]);
      t.act({ type: "unpin", pfn });
      expect([frameAt(p, pfn).free, audit(p.state)]).toEqual([true, []]);
    });

    it("[RCL-11] a pinned page of shared memory that is unmapped by reclaim stays in its object", () => {
      const p = system({ core });
      p.mmap(0, 1, "rw", "shared");
      p.read(0);
      const pfn = p.frameOf(0);
      threads(p).act({ type: "pin", pfn });
      p.madvise(0, 1, "pageout");
      expect([p.entry(0), frameAt(p, pfn).free, frameAt(p, pfn).lru]).toEqual(["none", false, true]);
      p.read(0);
      expect(p.frameOf(0)).toBe(pfn);
    });

    it("[RCL-11] a pinned page that reclaim sends to swap is not freed", () => {
      const p = system({ core });
      p.mmap(0, 1);
      p.write(0, 4);
      const pfn = p.frameOf(0);
      threads(p).act({ type: "pin", pfn });
      p.notices();
      swapOut(p, 0);
      expect([p.pte(0).kind, p.notices()]).toEqual(core === "v14" ? ["swap", ["CLEAR 0-1"]] : ["present", []]);
      expect(frameAt(p, pfn)).toMatchObject({ free: false, contents: { first: 4 }, locked: null });
      p.write(0, 5);
      expect([p.frameOf(0), p.read(0), audit(p.state)]).toEqual([pfn, 5, []]);
    });
  });

  describe("the end of an address space", () => {
    it("[RCL-12] drops all of its entries, and leaves what others hold", () => {
      const p = system({ core, pages: 8, devices: core === "v14" ? ["private"] : ["private", "private", "coherent"] });
      p.mmap(0, 4);
      p.mmap(4, 1, "rw", "shared");
      for (const page of [0, 1, 2, 3, 4]) p.write(page, page + 1);
      swapOut(p, 3);
      p.fork(1);
      const child = p.as(1);
      child.write(1, 22);
      child.read(4);
      child.mmap(5, 1, "rw", "shared");
      child.write(5, 6);
      child.mmap(6, 2);
      child.write(6, 7);
      const before = taken(p);
      expect(p.exit(1)).toBe("ok");
      expect(taken(p)).toBe(before - 3);
      expect(p.state.slots[0]?.count).toBe(1);
      expect([0, 1, 2, 3, 4].map((page) => p.read(page))).toEqual([1, 2, 3, 4, 5]);
      expect([audit(p.state), p.state.mms.flatMap((mm, id) => (id > 0 ? mm.ptes.filter((pte) => pte.kind !== "none") : []))]).toEqual([
        [],
        [],
      ]);
    });

    it("[RCL-12] a grandchild outlives the child with what it shares", () => {
      const p = system({ core });
      p.mmap(0, 2);
      p.mmap(2, 1, "rw", "shared");
      p.fork(1);
      for (const page of [0, 1, 2]) p.as(1).write(page, page + 4);
      p.as(1).toDevice(0, 1);
      p.as(1).fork(2);
      p.exit(1);
      expect([0, 1, 2].map((page) => p.as(2).read(page))).toEqual([4, 5, 6]);
      p.as(2).write(0, 9);
      expect([p.as(2).read(0), p.read(0), p.read(2), audit(p.state)]).toEqual([9, 0, 6, []]);
      p.exit(2);
      p.munmap(0, 4);
      expect(taken(p)).toBe(0);
    });

    it("[RCL-12] a process that is ending takes no more calls, and ends once", () => {
      const p = system({ core });
      p.mmap(0, 1);
      p.write(0, 1);
      p.fork(1);
      const t = threads(p);
      const exit = t.start(0, calls.exit(1));
      expect(t.refused({ type: "call", actor: 1, call: calls.read(0) })).toContain("does not live");
      expect(t.refused({ type: "call", actor: 0, call: calls.exit(1) })).toContain("cannot be ended");
      t.finish(exit);
      expect([p.frame(0).holders.length, p.read(0)]).toEqual([1, 1]);
    });
  });
});
