/** Device calls over ranges that are wider than one batch, and over huge pages: in lockstep with the model, and with the answers spelled out. */
import { describe, expect, it } from "vitest";
import type { ModelCall, Ret } from "../../spec/vocabulary.ts";
import { STEP, TAG, dpteTag } from "../../spec/words.ts";
import { mapped, on, pair, store } from "./device-support.ts";
import type { Pair } from "./device-support.ts";

const PAGES = 70;

/** One mapping of the whole window; every tenth page holds its number. */
function wide(kind: Parameters<typeof pair>[0] = {}): Pair {
  const p = pair({ pages: PAGES, ...kind });
  p.call(mapped(0, PAGES));
  for (let page = 0; page < PAGES; page += 10) p.call(store(page, page + 1));
  return p;
}

const write = (page: number, npages: number, value: number): ModelCall => ({ op: "device_write", dev: 0, page, npages, value });
const expected = (from: number, npages: number): number[] =>
  Array.from({ length: npages }, (_, i) => ((from + i) % 10 === 0 ? from + i + 1 : 0));
const entries = (ret: Ret): readonly string[] => (ret.status === "ok" ? (ret.entries ?? []) : []);

describe.each(["ideal", "dmirror"] as const)("%s", (driver) => {
  it("reads and writes more pages than one fault asks for", () => {
    const p = wide({ driver });
    expect(p.call(on("device_read", 3, 67))).toEqual({ status: "ok", cpages: 67, faults: 1, data: expected(3, 67) });
    expect(p.call(on("device_read", 3, 67))).toMatchObject({ faults: 0 });
    expect(p.call(write(0, PAGES, 200))).toEqual({ status: "ok", cpages: PAGES, faults: 1 });
    expect(p.call({ op: "cpu_read", page: 69 })).toEqual({ status: "ok", value: 200 });
  });

  it("takes more pages for exclusive use than one batch has, and tells which the device holds", () => {
    const p = wide({ driver });
    expect(p.call(on("make_exclusive", 2, 67))).toEqual({ status: "ok", cpages: 67, data: expected(2, 67) });
    expect(p.call(on("check_exclusive", 66, 4))).toEqual({ status: "errno", errno: "EPERM" });
    expect(p.call(on("check_exclusive", 69))).toEqual({ status: "ok" });
    expect(dpteTag(p.view.dpte(0, 68))).toBe(TAG.atomic);
    expect(p.call(on("device_read", 68))).toMatchObject({ faults: 0 });
  });

  it("stops an exclusive call at the first page that cannot be had, in whichever batch it lies", () => {
    const p = wide({ driver });
    p.call({ op: "mprotect", page: 66, npages: 1, prot: "r" });
    expect(p.call(on("make_exclusive", 0, PAGES))).toEqual({ status: "errno", errno: "EBUSY" });
    expect(p.call(on("check_exclusive", 0, 64))).toEqual({ status: "errno", errno: "EPERM" });
    expect(p.call(on("check_exclusive", 64, 6))).toEqual({ status: "ok" });
  });
});

it.each(["v14", "linux-6.1"] as const)("shows a snapshot of more than one batch: %s", (core) => {
  const p = wide({ core });
  const shown = entries(p.call(on("snapshot", 0, PAGES)));
  expect(shown).toEqual(Array.from({ length: PAGES }, (_, page) => (page % 10 === 0 ? "02" : "00")));
  p.call({ op: "munmap", page: 65, npages: 1 });
  const ret = p.call(on("snapshot", 0, PAGES));
  if (core === "v14") expect(ret).toEqual({ status: "errno", errno: "EINVAL" });
  else expect(entries(ret)[65]).toBe("ff");
});

describe("huge pages", () => {
  const HUGE = 520;
  const huge = (kind: Parameters<typeof pair>[0] = {}): Pair => {
    const p = pair({ pages: HUGE, ...kind });
    p.call(mapped(0, HUGE));
    p.call({ op: "madvise", page: 0, npages: 512, advice: "huge" });
    return p;
  };

  it.each(["v14", "linux-6.12"] as const)("shows in a snapshot what is mapped as a whole: %s", (core) => {
    const p = huge({ core });
    p.call(store(3, 7));
    expect(entries(p.call(on("snapshot", 0, 4)))[3]).toBe(core === "v14" ? "02" : "06");
    p.call({ op: "mprotect", page: 0, npages: 512, prot: "r" });
    expect(entries(p.call(on("snapshot", 3, 1)))).toEqual([core === "v14" ? "01" : "05"]);
  });

  it("shows the huge zero page", () => {
    const p = huge();
    p.call({ op: "cpu_read", page: 3 });
    expect(entries(p.call(on("snapshot", 510, 3)))).toEqual(["05", "05", "00"]);
  });

  it("faults each page once, on both sides of the end of a page table", { timeout: 60_000 }, () => {
    const p = huge({ driver: "dmirror" });
    const task = p.begin(on("device_read", 509, 6));
    const faulted: number[] = [];
    for (;;) {
      const top = p.view.taskDepth(task) - 1;
      if (p.view.taskStep(task, top) === STEP["handle_mm_fault.c2"]) faulted.push(p.view.taskLocal(task, top, 1));
      if (p.step(task) !== null) break;
    }
    expect(faulted).toEqual([509, 510, 511, 512, 513, 514]);
  });

  it("takes all of a huge page for exclusive use with its first one", { timeout: 60_000 }, () => {
    const p = huge();
    p.call(store(3, 7));
    expect(p.call(on("make_exclusive", 0))).toMatchObject({ status: "ok", data: [0] });
    expect(p.call(on("make_exclusive", 5))).toMatchObject({ status: "errno" });
  });
});
