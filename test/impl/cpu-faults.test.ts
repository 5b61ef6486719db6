/** CPU faults and reclaim of the implementation, step by step beside the model: what random walks seldom come to. */
import { describe, expect, it } from "vitest";
import { FRAME, PTE, pteKind, ptePayload } from "../../spec/words.ts";
import { mapped, on, pair, store } from "./device-support.ts";
import type { Pair } from "./device-support.ts";

const read = (page: number) => ({ op: "cpu_read", page }) as const;
const protect = (page: number, npages: number, prot: "r" | "rw") => ({ op: "mprotect", page, npages, prot }) as const;
const shared = { op: "mmap", page: 0, npages: 4, prot: "rw", map: "shared" } as const;
const pte = (p: Pair, page: number, actor = 0): number => p.view.pte(p.view.actorMm(actor), page);
const frameAt = (p: Pair, page: number, actor = 0): number => ptePayload(pte(p, page, actor));
const has = (p: Pair, pfn: number, mark: number): boolean => (p.view.frame(pfn) & mark) !== 0;

/** Takes the reclaim of the frame behind a page to its end. */
function reclaim(p: Pair, page: number, choice: "swap" | "no-swap"): void {
  p.act({ type: "reclaim", pfn: frameAt(p, page) });
  p.finish(0, { "reclaim.r1": choice });
}

describe("a write to a page that is mapped read-only", () => {
  it("[CPU-6] writes a page that only this process has where it is, pinned or not", () => {
    const p = pair();
    p.call(mapped(0, 1));
    p.call(store(0, 1));
    reclaim(p, 0, "swap");
    expect(pteKind(pte(p, 0))).toBe(PTE.swap);
    p.call(read(0));
    const pfn = frameAt(p, 0);
    expect(pte(p, 0) & PTE.write).toBe(0);
    expect(has(p, pfn, FRAME.anon_exclusive)).toBe(true);
    p.act({ type: "pin", pfn });
    p.call(store(0, 2));
    expect(frameAt(p, 0)).toBe(pfn);
    expect(pte(p, 0) & (PTE.write | PTE.dirty)).toBe(PTE.write | PTE.dirty);
    p.act({ type: "unpin", pfn });
  });

  it("[CPU-5] copies a page whose swap slot somebody else still needs, and takes it out of the swap cache where nobody does", () => {
    for (const exits of [false, true]) {
      const p = pair();
      p.call(mapped(0, 1));
      p.call(store(0, 1));
      reclaim(p, 0, "swap");
      p.call({ op: "fork", child: 1 });
      p.call(read(0));
      const pfn = frameAt(p, 0);
      expect(p.view.frameSlot(pfn)).toBe(0);
      if (exits) p.call({ op: "exit", child: 1 });
      p.call(store(0, 2));
      expect(frameAt(p, 0) === pfn).toBe(exits);
      expect(p.view.frameSlot(frameAt(p, 0))).toBe(-1);
    }
  });

  it("copies a page that somebody else holds or has locked, and one that another process maps", () => {
    const p = pair();
    p.call(mapped(0, 2));
    p.call(store(0, 1));
    p.call({ op: "fork", child: 1 });
    p.call(store(0, 2), {}, 1);
    expect(frameAt(p, 0, 1)).not.toBe(frameAt(p, 0, 0));
    // The parent is alone with its page now, but for a brief reference.
    const pfn = frameAt(p, 0);
    p.act({ type: "get", pfn });
    p.call(store(0, 3));
    expect(frameAt(p, 0)).not.toBe(pfn);
    p.act({ type: "put", pfn });
  });

  it("counts mappings instead of references under v14, and looks at the page lock", () => {
    for (const locks of [false, true]) {
      const p = pair({ core: "v14" });
      p.call(mapped(0, 1));
      p.call(store(0, 1));
      p.call(protect(0, 1, "r"));
      p.call(protect(0, 1, "rw"));
      const pfn = frameAt(p, 0);
      expect(pte(p, 0) & PTE.write).toBe(0);
      p.act({ type: "get", pfn });
      if (locks) {
        p.act({ type: "reclaim", pfn });
        p.step(0, { "reclaim.r1": "swap" });
      }
      const task = p.begin(store(0, 2));
      p.until(task, "handle_mm_fault.c4a");
      p.step(task);
      expect(frameAt(p, 0)).toBe(pfn);
      expect((pte(p, 0) & PTE.write) !== 0).toBe(!locks);
      p.finish(task);
      if (locks) p.finish(0);
      p.act({ type: "put", pfn });
    }
  });

  it("gives a shared page its write permission without a copy", () => {
    const p = pair();
    p.call(shared);
    p.call(store(0, 1));
    p.call(protect(0, 4, "r"));
    p.call(protect(0, 4, "rw"));
    const pfn = frameAt(p, 0);
    p.call(store(0, 2));
    expect(frameAt(p, 0)).toBe(pfn);
    expect(p.call(read(0))).toEqual({ status: "ok", value: 2 });
  });

  it("[NTF-6] is tried again when the entry has changed between the look and the lock", () => {
    const p = pair();
    p.call(mapped(0, 1));
    p.call(read(0));
    const task = p.begin(store(0, 1));
    p.until(task, "handle_mm_fault.c4c");
    p.call({ op: "madvise", page: 0, npages: 1, advice: "dontneed" });
    expect(p.finish(task)).toEqual({ status: "ok" });
    expect(p.call(read(0))).toEqual({ status: "ok", value: 1 });
  });

  it("[VMA-24] lacks memory: populate answers ENOMEM, a store tries again", () => {
    const p = pair();
    p.call(mapped(0, 2));
    p.call(read(0));
    const none = { "handle_mm_fault.c4b": "no-memory" } as const;
    expect(p.call({ op: "madvise", page: 0, npages: 1, advice: "populate_w" }, none)).toEqual({ status: "errno", errno: "ENOMEM" });
    const task = p.begin(store(0, 1));
    p.until(task, "handle_mm_fault.c4b");
    p.step(task, none);
    expect(p.finish(task)).toEqual({ status: "ok" });
  });
});

describe("a fault where nothing is mapped", () => {
  it("[CPU-9] is a bus error in the driver's own mapping", () => {
    const p = pair();
    p.call({ op: "open", dev: 0 });
    p.call({ op: "mmap", page: 0, npages: 1, prot: "rw", map: "device" });
    p.call({ op: "madvise", page: 0, npages: 1, advice: "dontneed" });
    expect(p.call(read(0))).toEqual({ status: "signal", signal: "SIGBUS" });
  });

  it("leaves the entry alone that somebody else has made meanwhile", () => {
    const p = pair();
    p.call(mapped(0, 1));
    const task = p.begin(store(0, 1));
    p.until(task, "handle_mm_fault.c3");
    p.call(store(0, 2));
    const before = pte(p, 0);
    p.step(task);
    expect(pte(p, 0)).toBe(before);
    p.finish(task);
  });
});

describe("a fault on shared memory", () => {
  it("[CPU-8] maps on a read the neighbours that exist and that nobody has locked", () => {
    const p = pair({ pages: 20 });
    p.call({ ...shared, npages: 20 });
    for (const page of [1, 2, 4, 17]) p.call(store(page, page));
    p.call({ op: "fork", child: 1 });
    p.act({ type: "reclaim", pfn: frameAt(p, 2) });
    p.step(0);
    p.call(read(1), {}, 1);
    expect([0, 1, 2, 3, 4, 17].map((page) => pteKind(pte(p, page, 1)))).toEqual([0, PTE.present, 0, 0, PTE.present, 0]);
    p.finish(0);
  });

  it("waits for a page of the object that is locked, and is tried again when the entry has changed", () => {
    const p = pair();
    p.call(shared);
    p.call(store(0, 5));
    const pfn = frameAt(p, 0);
    p.call({ op: "madvise", page: 0, npages: 1, advice: "dontneed" });
    p.act({ type: "reclaim", pfn });
    p.step(0);
    const task = p.begin(read(0));
    p.until(task, "handle_mm_fault.c3");
    expect(p.ready(task)).toBe(false);
    p.finish(0);
    expect(p.finish(task)).toEqual({ status: "ok", value: 5 });
  });
});

describe("a fault on an entry that stands for a page elsewhere", () => {
  it("[MIG-41] waits for a migration, under v14 with a reference", () => {
    for (const core of ["v14", "linux-6.1"] as const) {
      const p = pair({ core });
      p.call(mapped(0, 1));
      p.call(store(0, 1));
      const pfn = frameAt(p, 0);
      const migration = p.begin(on("migrate_to_device", 0));
      p.until(migration, "migrate.m7");
      const task = p.begin(read(0));
      p.until(task, "handle_mm_fault.c5");
      const refs = p.view.frameRefs(pfn);
      if (core === "v14") p.step(task);
      expect(p.view.frameRefs(pfn) - refs).toBe(core === "v14" ? 1 : 0);
      expect(p.ready(task)).toBe(false);
      p.finish(migration);
      expect(p.finish(task)).toEqual({ status: "ok", value: 1 });
    }
  });

  it("[EXC-18] restores an exclusive entry with the permission that the mapping has now", () => {
    for (const prot of ["r", "rw"] as const) {
      const p = pair();
      p.call(mapped(0, 1));
      p.call(store(0, 1));
      p.call(on("make_exclusive", 0));
      expect(pteKind(pte(p, 0))).toBe(PTE.device_exclusive);
      p.call(protect(0, 1, prot));
      p.call(read(0));
      expect(pteKind(pte(p, 0))).toBe(PTE.present);
      expect((pte(p, 0) & PTE.write) !== 0).toBe(prot === "rw");
    }
  });

  it("leaves an exclusive entry alone that somebody else has restored meanwhile", () => {
    const p = pair();
    p.call(mapped(0, 1));
    p.call(store(0, 1));
    p.call(on("make_exclusive", 0));
    const task = p.begin(read(0));
    p.until(task, "handle_mm_fault.c7");
    p.call(store(0, 2));
    const refs = p.view.frameRefs(frameAt(p, 0));
    p.step(task);
    expect(p.view.frameRefs(frameAt(p, 0))).toBe(refs);
    expect(p.finish(task)).toEqual({ status: "ok", value: 2 });
  });

  it("finds a page from swap again by the anon_vma of its process, if it had the page alone, else by that of the first", () => {
    for (const alone of [true, false]) {
      const p = pair();
      p.call(mapped(0, 1));
      p.call(store(0, 1));
      p.call({ op: "fork", child: 1 });
      if (alone) p.call(store(0, 2), {}, 1);
      p.act({ type: "reclaim", pfn: frameAt(p, 0, 1) });
      p.finish(0, { "reclaim.r1": "swap" });
      p.call(read(0), {}, 1);
      const own = p.view.vmaAnon(p.view.actorMm(1), 0);
      expect(p.view.frameMapping(frameAt(p, 0, 1))).toBe(alone ? own : p.view.anonRoot(own));
      expect(p.view.anonRoot(own)).not.toBe(own);
    }
  });

  it("[RCL-10] maps a page from swap writable at once where the core does that, or where it was written", () => {
    for (const [core, call, write] of [
      ["linux-6.1", read(0), false],
      ["linux-6.12", read(0), true],
      ["linux-6.1", store(0, 2), true],
    ] as const) {
      const p = pair({ core });
      p.call(mapped(0, 1));
      p.call(store(0, 1));
      reclaim(p, 0, "swap");
      p.call(call);
      expect((pte(p, 0) & PTE.write) !== 0).toBe(write);
      expect(p.call(read(0))).toEqual({ status: "ok", value: call.op === "cpu_read" ? 1 : 2 });
    }
  });
});

describe("reclaim", () => {
  it("[RCL-3] drops a lazily freed page, unless it was written since or somebody wants it", () => {
    for (const [spoil, kept] of [
      ["", false],
      ["write", true],
      ["get", true],
    ] as const) {
      const p = pair();
      p.call(mapped(0, 1));
      p.call(store(0, 1));
      p.call({ op: "madvise", page: 0, npages: 1, advice: "free" });
      const pfn = frameAt(p, 0);
      expect(has(p, pfn, FRAME.swap_backed)).toBe(false);
      if (spoil === "write") p.call(store(0, 2));
      if (spoil === "get") p.act({ type: "get", pfn });
      p.act({ type: "reclaim", pfn });
      p.finish(0);
      expect(pteKind(pte(p, 0))).toBe(kept ? PTE.present : PTE.none);
      if (kept) expect(has(p, pfn, FRAME.swap_backed)).toBe(true);
      if (spoil === "get") p.act({ type: "put", pfn });
    }
  });

  it("[RCL-7] leaves alone a page that is pinned, has no slot, or was taken by somebody else first", () => {
    const p = pair();
    p.call(mapped(0, 1));
    p.call(store(0, 1));
    const pfn = frameAt(p, 0);
    p.act({ type: "pin", pfn });
    reclaim(p, 0, "swap");
    expect(pteKind(pte(p, 0))).toBe(PTE.present);
    p.act({ type: "unpin", pfn });
    reclaim(p, 0, "no-swap");
    expect(pteKind(pte(p, 0))).toBe(PTE.present);
    p.act({ type: "reclaim", pfn });
    p.act({ type: "reclaim", pfn });
    p.step(0, { "reclaim.r1": "swap" });
    expect(p.step(1, { "reclaim.r1": "swap" })).toEqual({ status: "ok" });
    p.finish(0);
    expect(pteKind(pte(p, 0))).toBe(PTE.swap);
  });

  it("[RCL-8] drops a clean page of shared memory from the page cache, and keeps a dirty one", () => {
    const p = pair();
    p.call(shared);
    p.call(read(0));
    const clean = frameAt(p, 0);
    p.act({ type: "reclaim", pfn: clean });
    p.finish(0);
    expect(p.view.shmemPage(0, 0)).toBe(-1);
    expect(has(p, clean, FRAME.free)).toBe(true);
    p.call(store(0, 1));
    const dirty = frameAt(p, 0);
    p.act({ type: "reclaim", pfn: dirty });
    p.finish(0);
    expect(p.view.shmemPage(0, 0)).toBe(dirty);
    expect(has(p, dirty, FRAME.lru)).toBe(true);
  });

  it("writes a page that is in the swap cache to the slot that it has", () => {
    const p = pair();
    p.call(mapped(0, 1));
    p.call(store(0, 1));
    reclaim(p, 0, "swap");
    p.call({ op: "fork", child: 1 });
    p.call(read(0));
    const pfn = frameAt(p, 0);
    expect(p.view.frameSlot(pfn)).toBe(0);
    reclaim(p, 0, "swap");
    expect(p.view.slotUsers(0)).toBe(2);
    expect(p.view.slotCount()).toBe(1);
    expect(p.call(read(0), {}, 1)).toEqual({ status: "ok", value: 1 });
  });

  it("[RCL-6] is asked by MADV_PAGEOUT for pages of one mapping only, and not for one that is locked", () => {
    const advice = { op: "madvise", page: 0, npages: 2, advice: "pageout" } as const;
    const p = pair();
    p.call(mapped(0, 2));
    p.call(store(0, 1));
    p.call(store(1, 1));
    p.call({ op: "fork", child: 1 });
    p.call(store(1, 2));
    p.act({ type: "reclaim", pfn: frameAt(p, 1) });
    p.step(0, { "reclaim.r1": "swap" });
    const task = p.begin(advice);
    p.until(task, "madvise.page");
    p.step(task);
    expect(p.view.taskDepth(task)).toBe(1);
    p.finish(task);
    p.finish(0);
    p.call(store(1, 3));
    const again = p.begin(advice);
    p.until(again, "reclaim.r1");
    expect(p.view.taskLocal(again, 1, 6)).toBe(frameAt(p, 1));
    p.finish(again);
  });

  it("puts a page back that somebody took hold of while it was unmapped", () => {
    const p = pair();
    p.call(mapped(0, 1));
    p.call(store(0, 1));
    const pfn = frameAt(p, 0);
    p.act({ type: "reclaim", pfn });
    p.until(0, "reclaim.r3", { "reclaim.r1": "swap" });
    p.act({ type: "get", pfn });
    p.finish(0);
    expect(p.view.frameSlot(pfn)).toBe(0);
    expect(has(p, pfn, FRAME.lru)).toBe(true);
    p.act({ type: "put", pfn });
    expect(p.call(read(0))).toEqual({ status: "ok", value: 1 });
  });
});
