/** Faults, migration and exclusive access on the pages of one huge page, step by step beside the model. */
import { describe, expect, it } from "vitest";
import { PTE, pteKind, ptePayload } from "../../spec/words.ts";
import type { Core } from "../../spec/vocabulary.ts";
import { mapped, on, pair, store } from "./device-support.ts";
import type { Pair } from "./device-support.ts";

const BLOCK = 512;
const pte = (p: Pair, page: number): number => p.view.pte(0, page);
const isHuge = (p: Pair, page: number): boolean => (pte(p, page) & PTE.huge) !== 0;

/** How many pages have an entry of a kind. */
function count(p: Pair, kind: number): number {
  let n = 0;
  for (let page = 0; page < p.view.pages; page++) if (pteKind(pte(p, page)) === kind) n++;
  return n;
}

/** A pair with a huge page that was written at one page, or the huge zero page. */
function huge(core: Core, write: boolean): Pair {
  const p = pair({ core, pages: BLOCK });
  p.call(mapped(0, BLOCK));
  p.call({ op: "madvise", page: 0, npages: BLOCK, advice: "huge" });
  p.call(write ? store(3, 1) : { op: "cpu_read", page: 3 });
  expect(isHuge(p, 0)).toBe(true);
  return p;
}

describe("a page of a huge page", () => {
  it("[EXC-25] that is taken for exclusive access takes all others with it, if it is the first of them", () => {
    const p = huge("linux-6.1", true);
    expect(p.call(on("make_exclusive", 0))).toMatchObject({ cpages: 1, data: [0] });
    expect(count(p, PTE.device_exclusive)).toBe(BLOCK);
    expect(p.call({ op: "cpu_read", page: 3 })).toMatchObject({ value: 1 });
    expect(count(p, PTE.device_exclusive)).toBe(BLOCK - 1);
  });

  it("[EXC-25] is announced and taken no further than the mapping goes", () => {
    const p = huge("linux-6.1", true);
    p.call({ op: "munmap", page: 300, npages: BLOCK - 300 });
    const task = p.begin(on("make_exclusive", 0));
    p.until(task, "invalidate.i1");
    expect(p.view.taskLocal(task, p.view.taskDepth(task) - 1, 2)).toBe(300);
    p.finish(task);
    expect(count(p, PTE.device_exclusive)).toBe(300);
  });

  it("[EXC-25] does not take along what is no page of it any more", () => {
    const p = huge("linux-6.1", true);
    p.call({ op: "madvise", page: 5, npages: 2, advice: "dontneed" });
    p.call(store(5, 9));
    p.call(on("make_exclusive", 0));
    expect([4, 5, 6, 7].map((page) => pteKind(pte(p, page)))).toEqual([PTE.device_exclusive, PTE.present, PTE.none, PTE.device_exclusive]);
  });

  it("is announced as one page where its mapping is taken out by another process", () => {
    const p = huge("linux-6.1", true);
    p.call({ op: "fork", child: 1 });
    const unmap = p.begin({ op: "munmap", page: 0, npages: BLOCK }, 1);
    p.until(unmap, "do_munmap.zap");
    const task = p.begin(on("make_exclusive", 0));
    p.until(task, "make_exclusive.x3");
    // The pair compares model and implementation after every step.
    expect(p.finish(task)).toBeDefined();
    expect(p.finish(unmap)).toEqual({ status: "ok" });
  });

  it("is no exclusive page where it is not the first", () => {
    const p = huge("linux-6.1", true);
    expect(p.call(on("make_exclusive", 3))).toEqual({ status: "errno", errno: "EBUSY" });
    expect(count(p, PTE.device_exclusive)).toBe(0);
  });

  it("[MIG-13] is split and moves alone, but stays under v14", () => {
    for (const core of ["v14", "linux-6.1", "linux-6.12"] as const) {
      const p = huge(core, true);
      p.call(on("migrate_to_device", 2, 2));
      expect(isHuge(p, 0)).toBe(false);
      expect(count(p, PTE.device_private)).toBe(core === "v14" ? 0 : 2);
      expect(count(p, PTE.zero)).toBe(core === "linux-6.12" ? BLOCK - 2 : 0);
      expect(p.call({ op: "cpu_read", page: 3 })).toMatchObject({ value: 1 });
    }
  });

  it("[MIG-6] of zeroes is split and becomes a page of the device", () => {
    const p = huge("linux-6.1", false);
    p.call(on("migrate_to_device", 2));
    expect([1, 2, 3].map((page) => pteKind(pte(p, page)))).toEqual([PTE.zero, PTE.device_private, PTE.zero]);
  });

  it("of zeroes is split and copied when it is written", () => {
    const p = huge("linux-6.1", false);
    p.call(store(5, 2));
    expect([4, 5].map((page) => pteKind(pte(p, page)))).toEqual([PTE.zero, PTE.present]);
    expect(isHuge(p, 4)).toBe(false);
  });

  it("[CPU-6] becomes writable again as a whole where nobody else has it, and alone where somebody has", () => {
    for (const shared of [false, true]) {
      const p = huge("linux-6.1", true);
      const pfn = ptePayload(pte(p, 7));
      p.call({ op: "fork", child: 1 });
      if (!shared) p.call({ op: "exit", child: 1 });
      p.call(store(7, 4));
      expect(isHuge(p, 8)).toBe(!shared);
      expect(ptePayload(pte(p, 7)) === pfn).toBe(!shared);
      expect(p.call({ op: "cpu_read", page: 7 })).toMatchObject({ value: 4 });
    }
  });
});
