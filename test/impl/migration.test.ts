/** Migration, eviction and the reverse map walk of the implementation, step by step beside the model. */
import { describe, expect, it } from "vitest";
import { FRAME, PTE, dptePfn, pteKind, ptePayload } from "../../spec/words.ts";
import { mapped, on, pair, store } from "./device-support.ts";
import type { Pair } from "./device-support.ts";

const read = (page: number) => ({ op: "cpu_read", page }) as const;
const drop = (page: number) => ({ op: "madvise", page, npages: 1, advice: "dontneed" }) as const;
const shared = { op: "mmap", page: 0, npages: 2, prot: "rw", map: "shared" } as const;
const pte = (p: Pair, page: number, actor = 0): number => p.view.pte(p.view.actorMm(actor), page);
const kinds = (p: Pair, ...pages: number[]): number[] => pages.map((page) => pteKind(pte(p, page)));
const frameAt = (p: Pair, page: number, actor = 0): number => ptePayload(pte(p, page, actor));
const OK = { status: "ok" };

/** A pair with some pages written. */
function written(npages: number, kind: Parameters<typeof pair>[0] = {}): Pair {
  const p = pair(kind);
  p.call(mapped(0, npages));
  for (let page = 0; page < npages; page++) p.call(store(page, page + 1));
  return p;
}

describe("a migration of the implementation", () => {
  it("[MIG-44] takes pages to the device and home, with what they hold", () => {
    for (const core of ["v14", "linux-6.1", "linux-6.12"] as const) {
      const p = written(3, { core });
      expect(p.call(on("migrate_to_device", 0, 3))).toMatchObject({ cpages: 3, data: [1, 2, 3] });
      expect(kinds(p, 0, 1, 2)).toEqual([PTE.device_private, PTE.device_private, PTE.device_private]);
      expect(p.call(on("migrate_to_system", 1, 2))).toEqual({ status: "ok", cpages: 2 });
      expect(kinds(p, 0, 1, 2)).toEqual([PTE.device_private, PTE.present, PTE.present]);
      expect([0, 1, 2].map((page) => p.call(read(page)))).toMatchObject([{ value: 1 }, { value: 2 }, { value: 3 }]);
    }
  });

  it("[MIG-22] puts a page back that is busy, or that somebody holds, and moves the others", () => {
    const p = written(2);
    const first = p.begin(on("migrate_to_device", 0, 2));
    p.until(first, "migrate.m4");
    p.step(first, { "migrate.m4": "busy" });
    expect(kinds(p, 0, 1)).toEqual([PTE.present, PTE.migration]);
    p.finish(first);
    expect(kinds(p, 0, 1)).toEqual([PTE.present, PTE.device_private]);
    const pfn = frameAt(p, 0);
    p.act({ type: "get", pfn });
    p.call(on("migrate_to_device", 0));
    expect(pte(p, 0)).toBe(PTE.present | PTE.write | (pfn << PTE.payload_shift) | (pte(p, 0) & PTE.dirty));
    expect(p.view.frame(pfn) & FRAME.lru).toBe(FRAME.lru);
    p.act({ type: "put", pfn });
  });

  it("[MIG-21] lets one reference too many on a device page pass the check, and sees it when the metadata moves", () => {
    const p = written(1);
    p.call(on("migrate_to_device", 0));
    const pfn = frameAt(p, 0);
    p.act({ type: "get", pfn });
    const task = p.begin(on("migrate_to_system", 0));
    p.until(task, "migrate.m9");
    expect(p.finish(task)).toEqual({ status: "ok", cpages: 0 });
    expect(frameAt(p, 0)).toBe(pfn);
    p.act({ type: "get", pfn });
    const again = p.begin(on("migrate_to_system", 0));
    p.until(again, "migrate.m6");
    p.step(again);
    expect(frameAt(p, 0)).toBe(pfn);
    expect(pteKind(pte(p, 0))).toBe(PTE.device_private);
    p.finish(again);
    p.act({ type: "put", pfn });
    p.act({ type: "put", pfn });
  });

  it("[MIG-55] gives the destination back when the copy fails or no page is to be had; nothing is lost", () => {
    for (const choices of [{ "migrate.m7": "no-memory" }, { "migrate.m7_copy": "failed" }] as const) {
      const p = written(1);
      const free = p.view.deviceFree(0);
      p.call(on("migrate_to_device", 0), choices);
      expect(kinds(p, 0)).toEqual([PTE.present]);
      expect(p.view.deviceFree(0)).toBe(free);
      expect(p.call(read(0))).toMatchObject({ value: 1 });
    }
  });

  it("[MIG-48] does not count a page that stays on the device because its copy has failed", () => {
    const p = written(2);
    p.call(on("migrate_to_device", 0, 2));
    const task = p.begin(on("migrate_to_system", 0, 2));
    p.until(task, "migrate.m7_copy");
    p.step(task, { "migrate.m7_copy": "failed" });
    expect(p.finish(task)).toEqual({ status: "ok", cpages: 1 });
  });

  it("sets marks on the destination and takes none off there, but for those that a system page never had", () => {
    const p = written(2);
    p.call(on("migrate_to_device", 0));
    const device = frameAt(p, 0);
    expect(p.view.frame(device) & FRAME.dirty).toBe(FRAME.dirty);
    p.call(on("migrate_to_system", 0));
    for (const page of [0, 1]) p.call({ op: "madvise", page, npages: 1, advice: "free" });
    p.act({ type: "move", pfn: frameAt(p, 1) });
    p.finish(0);
    expect(p.view.frame(frameAt(p, 1)) & (FRAME.swap_backed | FRAME.dirty)).toBe(0);
    p.call(on("migrate_to_device", 0));
    expect(frameAt(p, 0)).toBe(device);
    expect(p.view.frame(device) & (FRAME.swap_backed | FRAME.dirty)).toBe(FRAME.swap_backed | FRAME.dirty);
  });

  it("[MEM-24] ends the CPU fault with SIGBUS when its page cannot come home, and tries again without memory", () => {
    for (const [step, choice, answer] of [
      ["migrate.m7", "error", { status: "signal", signal: "SIGBUS" }],
      ["migrate.m7_copy", "failed", { status: "signal", signal: "SIGBUS" }],
      ["migrate.m7", "no-memory", { status: "ok", value: 1 }],
    ] as const) {
      const p = written(1);
      p.call(on("migrate_to_device", 0));
      const task = p.begin(read(0));
      p.until(task, step);
      p.step(task, { [step]: choice });
      expect(p.finish(task)).toEqual(answer);
    }
  });

  it("fills holes behind one more notification, and leaves alone what was faulted meanwhile", () => {
    const p = pair();
    p.call(mapped(0, 3));
    p.call(read(1));
    const task = p.begin(on("migrate_to_device", 0, 3));
    p.until(task, "migrate.m8_insert");
    p.call(store(1, 9));
    p.call(store(2, 8));
    expect(p.finish(task)).toMatchObject({ data: [0, 9, 8] });
    expect(kinds(p, 0, 1, 2)).toEqual([PTE.device_private, PTE.present, PTE.present]);
    expect(p.call(on("migrate_to_system", 0, 3))).toEqual({ status: "ok", cpages: 1 });
  });

  it("[MIG-40] does not bring back an entry that was zapped meanwhile", () => {
    for (const core of ["v14", "linux-6.1"] as const) {
      const p = written(1, { core });
      const task = p.begin(on("migrate_to_device", 0));
      p.until(task, "migrate.m8");
      const free = p.view.deviceFree(0);
      p.call(drop(0));
      p.until(task, "migrate_call.unlock");
      expect(kinds(p, 0)).toEqual([PTE.none]);
      expect(p.view.deviceFree(0)).toBe(free + 1);
      p.finish(task);
    }
  });

  it("[MIG-49] moves a page that two processes share, and gives both an entry for it", () => {
    for (const core of ["v14", "linux-6.12"] as const) {
      const p = written(1, { core });
      p.call({ op: "fork", child: 1 });
      p.call(on("migrate_to_device", 0));
      expect(frameAt(p, 0, 1)).toBe(frameAt(p, 0, 0));
      for (const actor of [0, 1]) {
        expect(pteKind(pte(p, 0, actor))).toBe(PTE.device_private);
        expect(pte(p, 0, actor) & PTE.write).toBe(0);
      }
      expect(p.view.frameMaps(frameAt(p, 0))).toBe(2);
      p.call(read(0), {}, 1);
      expect(frameAt(p, 0, 1)).toBe(frameAt(p, 0, 0));
    }
  });

  it("leaves the migration entry of another page alone that lies where its own could lie", () => {
    const p = written(1);
    p.call({ op: "fork", child: 1 });
    p.call(store(0, 7), {}, 1);
    p.call({ op: "fork", child: 2 });
    const child = p.begin(on("migrate_to_device", 0), 1);
    p.until(child, "migrate.m7_rest");
    const entry = pte(p, 0, 1);
    expect(p.call(on("migrate_to_device", 0))).toMatchObject({ data: [1] });
    expect(frameAt(p, 0, 2)).toBe(frameAt(p, 0, 0));
    expect(pte(p, 0, 1)).toBe(entry);
    expect(p.finish(child)).toMatchObject({ data: [7] });
  });

  it("[MIG-12] waits under v14 for a page that somebody else has locked, and unmaps it by the reverse map walk", () => {
    const p = written(1, { core: "v14" });
    p.act({ type: "reclaim", pfn: frameAt(p, 0) });
    p.step(0, { "reclaim.r1": "swap" });
    const task = p.begin(on("migrate_to_device", 0));
    p.until(task, "migrate.m4");
    expect(p.ready(task)).toBe(false);
    // The reclaimer finds that the migration holds the page.
    p.finish(0);
    expect(p.finish(task)).toMatchObject({ data: [1] });
  });

  it("[MIG-11] skips a page that somebody else has locked under today's kernels", () => {
    const p = written(1);
    p.act({ type: "reclaim", pfn: frameAt(p, 0) });
    p.step(0, { "reclaim.r1": "swap" });
    const task = p.begin(on("migrate_to_device", 0));
    p.until(task, "migrate_call.moved");
    expect(kinds(p, 0)).toEqual([PTE.present]);
    p.finish(0);
    p.finish(task);
  });

  it("[MIG-30] refuses a page of shared memory after it was copied", () => {
    const p = pair();
    p.call(shared);
    p.call(store(0, 4));
    const pfn = frameAt(p, 0);
    const task = p.begin(on("migrate_to_device", 0));
    p.until(task, "migrate.m8");
    p.finish(task);
    expect(frameAt(p, 0)).toBe(pfn);
    expect(p.view.frameMapping(pfn)).toBe(0);
  });

  it("[MIG-31] takes a page out of the swap cache if nobody needs its slot, but not under v14", () => {
    for (const [core, forked, moves] of [
      ["linux-6.1", false, true],
      ["linux-6.1", true, false],
      ["v14", false, false],
    ] as const) {
      const p = written(1, { core });
      p.act({ type: "reclaim", pfn: frameAt(p, 0) });
      p.finish(0, { "reclaim.r1": "swap" });
      if (forked) p.call({ op: "fork", child: 1 });
      p.call(read(0));
      p.call(on("migrate_to_device", 0));
      expect(kinds(p, 0)).toEqual([moves ? PTE.device_private : PTE.present]);
      expect(p.call(read(0))).toMatchObject({ value: 1 });
    }
  });

  it("does not collect a page that is pinned for DMA", () => {
    const p = written(1);
    const pfn = frameAt(p, 0);
    p.act({ type: "pin", pfn });
    const task = p.begin(on("migrate_to_device", 0));
    p.until(task, "migrate.m3");
    expect(p.view.frameLocked(pfn)).toBe(-1);
    expect(kinds(p, 0)).toEqual([PTE.present]);
    p.finish(task);
    p.act({ type: "unpin", pfn });
  });

  it("[MIG-36] maps what has moved at once where the driver does that, as far as the source could be written", () => {
    const p = written(2, { driver: "dmirror-fixed" });
    p.call({ op: "fork", child: 1 });
    p.call(store(1, 7));
    p.call(on("migrate_to_device", 0, 2));
    const tags = [0, 1].map((page) => (p.view.dpte(0, page) >>> 2) & 3);
    expect(tags).toEqual([0, 1]);
    expect([0, 1].map((page) => dptePfn(p.view.dpte(0, page)))).toEqual([frameAt(p, 0), frameAt(p, 1)]);
    p.call(on("migrate_to_system", 0));
    expect(p.view.dpte(0, 0)).toBe(0);
  });
});

describe("the ordinary migration", () => {
  it("[MIG-33] moves pages of shared memory and of the swap cache with their places in the caches", () => {
    const p = pair();
    p.call(shared);
    p.call(store(0, 4));
    const pfn = frameAt(p, 0);
    p.act({ type: "move", pfn });
    expect(p.finish(0)).toEqual(OK);
    expect(frameAt(p, 0)).not.toBe(pfn);
    expect(p.view.shmemPage(0, 0)).toBe(frameAt(p, 0));
    expect(p.call(read(0))).toMatchObject({ value: 4 });

    const q = written(1);
    q.act({ type: "reclaim", pfn: frameAt(q, 0) });
    q.finish(0, { "reclaim.r1": "swap" });
    q.call(read(0));
    const cached = frameAt(q, 0);
    q.act({ type: "move", pfn: cached });
    q.finish(0);
    expect(frameAt(q, 0)).not.toBe(cached);
    expect(q.view.slotCache(0)).toBe(frameAt(q, 0));
    expect(q.view.frameSlot(frameAt(q, 0))).toBe(0);
    expect(q.call(read(0))).toMatchObject({ value: 1 });
  });

  it("keeps a page where it is that somebody holds, and one whose destination is not to be had", () => {
    for (const held of [true, false]) {
      const p = written(1);
      const pfn = frameAt(p, 0);
      p.act({ type: "move", pfn });
      if (held) p.act({ type: "get", pfn });
      p.finish(0, held ? {} : { "migrate.m7": "no-memory" });
      expect(frameAt(p, 0)).toBe(pfn);
      if (held) p.act({ type: "put", pfn });
    }
  });
});

describe("eviction", () => {
  it("[MEM-35] brings home the pages of every process when the last file of the device is closed", () => {
    const p = written(2);
    p.call({ op: "fork", child: 1 });
    p.call(on("migrate_to_device", 0, 2));
    expect(p.call({ op: "close", dev: 0 })).toEqual(OK);
    expect(kinds(p, 0, 1)).toEqual([PTE.present, PTE.present]);
    expect(frameAt(p, 1, 1)).toBe(frameAt(p, 1, 0));
    expect(p.view.deviceFree(0)).toBe(4);
  });

  it("leaves alone a page that is locked, and waits for nobody", () => {
    const p = written(1);
    p.call(on("migrate_to_device", 0));
    const task = p.begin(read(0));
    p.until(task, "migrate.m7");
    const close = p.begin({ op: "close", dev: 0 }, 0);
    expect(p.finish(close)).toEqual(OK);
    expect(p.finish(task)).toEqual({ status: "ok", value: 1 });
  });
});

describe("a page that a device has for itself", () => {
  it("[MEM-36] is not moved by an eviction, which takes its entry for one of its own", () => {
    const p = pair({ devices: ["coherent"] });
    p.call(mapped(0, 1));
    p.call(store(0, 1));
    p.call(on("migrate_to_device", 0));
    const pfn = frameAt(p, 0);
    p.call(on("make_exclusive", 0));
    expect(kinds(p, 0)).toEqual([PTE.device_exclusive]);
    p.call({ op: "close", dev: 0 });
    expect(pte(p, 0)).toBe(PTE.present | (pfn << PTE.payload_shift));
  });

  it("is not moved by the ordinary migration, which leaves its entry alone", () => {
    const p = written(1);
    p.call(on("make_exclusive", 0));
    const entry = pte(p, 0);
    expect(pteKind(entry)).toBe(PTE.device_exclusive);
    p.act({ type: "move", pfn: ptePayload(entry) });
    p.finish(0);
    expect(pte(p, 0)).toBe(entry);
  });
});

describe("a migration call", () => {
  it("[MIG-2] answers EINVAL where a piece begins in a hole, without read permission, or in the driver's mapping", () => {
    for (const call of [
      { op: "munmap", page: 1, npages: 1 },
      { op: "mprotect", page: 1, npages: 1, prot: "n" },
      { op: "mmap", page: 1, npages: 1, prot: "rw", map: "device" },
    ] as const) {
      const p = written(2);
      p.call(on("device_read", 0));
      p.call(call);
      expect(p.call(on("migrate_to_device", 0, 2))).toEqual({ status: "errno", errno: "EINVAL" });
      expect(kinds(p, 0)).toEqual([PTE.device_private]);
    }
  });

  it("[MIG-45] answers ENOENT under dmirror where a page of the range has no entry afterwards", () => {
    const p = written(2, { driver: "dmirror-fixed" });
    p.call(on("migrate_to_device", 0));
    p.call(drop(0));
    const pfn = frameAt(p, 1);
    p.act({ type: "get", pfn });
    expect(p.call(on("migrate_to_device", 1))).toEqual({ status: "errno", errno: "ENOENT" });
    p.act({ type: "put", pfn });
    expect(p.call(on("migrate_to_device", 1))).toMatchObject({ cpages: 1, data: [2] });
  });

  it("[DMR-10] crashes where the driver reads through an entry that names device-private memory itself", () => {
    const p = written(1, { driver: "dmirror" });
    p.call(on("migrate_to_device", 0));
    p.call({ op: "fork", child: 1 });
    const access = p.begin(on("device_read", 0));
    p.until(access, "device_access.faulted");
    expect(p.call(on("migrate_to_device", 0))).toMatchObject({ status: "crash" });
  });
});
