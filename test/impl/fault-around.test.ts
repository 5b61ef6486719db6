/** What no profile of today has: a driver that brings neighbours home with a faulted page, and device memory that pages may not leave. */
import { describe, expect, it } from "vitest";
import { lockstep } from "../../check/lockstep.ts";
import { modelSystem } from "../../check/model-system.ts";
import { setupOf } from "../../check/setup.ts";
import { Arena } from "../../impl/arena.ts";
import { implSystem } from "../../impl/index.ts";
import { CHUNK_ROW } from "../../impl/layout.ts";
import { TAKEN } from "../../spec/system.ts";
import type { Setup, System } from "../../spec/system.ts";
import type { ModelCall, Ret } from "../../spec/vocabulary.ts";
import { CHOICES, PTE, STEP, pteKind } from "../../spec/words.ts";

const PAGES = 4;

/** A driver that brings blocks of four pages home. */
function setup(): Setup {
  const made = setupOf({
    core: "linux-6.1",
    driver: "ideal",
    switches: {},
    config: { pages: PAGES, page_bytes: 4096, devices: [{ kind: "private" }] },
    bounds: { deviceFrames: PAGES, physicalPages: 0 },
  });
  return { ...made, profile: { ...made.profile, driver: { ...made.profile.driver, faultAround: PAGES } } };
}

/** Takes a call to its end. `choose` names a choice for a step of a page, by the candidate that the migration is at. */
function take(system: System, call: ModelCall, choose: (step: number, at: number) => string | undefined = () => undefined): Ret {
  const words = new Int32Array(64);
  system.apply({ type: "call", actor: 0, call });
  for (;;) {
    const n = system.steps(words);
    const level = system.view.taskDepth(0) - 1;
    const wanted = choose(system.view.taskStep(0, level), system.view.taskLocal(0, level, 3));
    const word = words.subarray(0, n).find((w) => CHOICES[w & 255] === wanted) ?? words[0] ?? 0;
    if (system.take(word) === TAKEN.returned) return system.answer();
  }
}

/** All pages on the device, in model and implementation. */
function onDevice() {
  const made = setup();
  const both = lockstep(modelSystem(made), implSystem(made));
  take(both, { op: "mmap", page: 0, npages: PAGES, prot: "rw", map: "private" });
  for (let page = 0; page < PAGES; page++) take(both, { op: "cpu_write", page, value: page + 1 });
  take(both, { op: "migrate_to_device", dev: 0, page: 0, npages: PAGES });
  return both;
}

const kinds = (system: System): number[] => Array.from({ length: PAGES }, (_, page) => pteKind(system.view.pte(0, page)));

describe("a CPU fault that brings the neighbours home", () => {
  it("[MEM-26] moves them with the faulted page, as far as the mapping goes", () => {
    const both = onDevice();
    take(both, { op: "mprotect", page: 0, npages: 1, prot: "r" });
    expect(take(both, { op: "cpu_read", page: 2 })).toEqual({ status: "ok", value: 3 });
    expect(kinds(both)).toEqual([PTE.device_private, PTE.present, PTE.present, PTE.present]);
    expect(both.difference()).toBeNull();
  });

  it("[MEM-24] fails only by what happens to the faulted page", () => {
    const trouble = [
      [STEP["migrate.m7"], "error"],
      [STEP["migrate.m7_copy"], "failed"],
      [STEP["migrate.m7"], "no-memory"],
    ] as const;
    for (const [step, choice] of trouble)
      for (const at of [1, 2]) {
        const both = onDevice();
        let once = true;
        const ret = take(both, { op: "cpu_read", page: 2 }, (s, i) => {
          if (s !== step || i !== at || !once) return undefined;
          once = false;
          return choice;
        });
        expect(both.difference()).toBeNull();
        expect(once).toBe(false);
        if (at === 2 && choice !== "no-memory") expect(ret).toEqual({ status: "signal", signal: "SIGBUS" });
        else expect(ret).toEqual({ status: "ok", value: 3 });
        if (at === 1) expect(kinds(both)).toEqual([PTE.present, PTE.device_private, PTE.present, PTE.present]);
      }
  });

  it("answers no lack of memory for a page that the core has refused", () => {
    const both = onDevice();
    const words = new Int32Array(64);
    const pfn = both.view.pte(0, 2) >>> PTE.payload_shift;
    both.apply({ type: "call", actor: 0, call: { op: "madvise", page: 2, npages: 1, advice: "populate_r" } });
    const at = (): number => both.view.taskStep(0, both.view.taskDepth(0) - 1);
    const until = (step: number): void => {
      for (both.steps(words); at() !== step; both.steps(words)) both.take(words[0] ?? 0);
    };
    until(STEP["migrate.m4"]);
    both.apply({ type: "get", pfn });
    both.apply({ type: "get", pfn });
    until(STEP["migrate.m7"]);
    both.apply({ type: "put", pfn });
    both.apply({ type: "put", pfn });
    until(STEP["populate.done"]);
    expect(kinds(both)).toEqual([PTE.present, PTE.present, PTE.device_private, PTE.present]);
    while (both.steps(words) > 0 && both.take(words[0] ?? 0) !== TAKEN.returned);
    expect(both.answer()).toEqual({ status: "ok" });
    expect(both.difference()).toBeNull();
  });
});

describe("device memory without allow_migrate", () => {
  it("[MEM-45] is not collected by a migration", () => {
    const made = setup();
    const system = implSystem(made);
    system.run(0, { op: "mmap", page: 0, npages: 2, prot: "rw", map: "private" });
    system.run(0, { op: "cpu_write", page: 0, value: 1 });
    system.run(0, { op: "migrate_to_device", dev: 0, page: 0, npages: 1 });
    const h = new Arena(made);
    h.words.set(system.save() as Int32Array);
    h.chunk[CHUNK_ROW.flags] = 5;
    system.restore(h.words);
    expect(system.run(0, { op: "migrate_to_system", dev: 0, page: 0, npages: 1 })).toEqual({ status: "ok", cpages: 0 });
    expect(pteKind(system.view.pte(0, 0))).toBe(PTE.device_private);
  });
});
