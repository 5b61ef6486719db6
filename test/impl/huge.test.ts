import { describe, expect, it } from "vitest";
import { lockstep } from "../../check/lockstep.ts";
import { modelSystem } from "../../check/model-system.ts";
import { randomStream } from "../../check/random.ts";
import { setupOf } from "../../check/setup.ts";
import { implSystem } from "../../impl/index.ts";
import type { Core, ModelCall } from "../../spec/vocabulary.ts";
import { PTE } from "../../spec/words.ts";

const BLOCK = 512;
const STEPS_MAX = 4000;

/** Runs calls one after the other on both, and answers the first difference, and how often a huge page was mapped and split. */
function runCalls(core: Core, pages: number, calls: readonly ModelCall[]): { difference: string | null; mapped: number; split: number } {
  const setup = setupOf({
    core,
    driver: "ideal",
    switches: {},
    config: { pages, page_bytes: 4096, devices: [{ kind: "private" }] },
    bounds: { deviceFrames: 8, physicalPages: 0 },
  });
  const pair = lockstep(modelSystem(setup), implSystem(setup, { systemFrames: 8 * pages, slots: 4 * pages, shmems: 2 }));
  const words = new Int32Array(64);
  let mapped = 0;
  let split = 0;
  let before = 0;
  for (const call of calls) {
    if (pair.apply({ type: "call", actor: 0, call }).kind === "disabled") continue;
    for (let n = 0; n < STEPS_MAX && pair.steps(words) > 0 && pair.take(words[0] ?? 0) === 0; n++);
    let huge = 0;
    for (let v = 0; v < pages; v++) if ((pair.view.pte(0, v) & PTE.huge) !== 0) huge++;
    mapped += huge > before ? 1 : 0;
    split += huge < before ? 1 : 0;
    before = huge;
    const difference = pair.difference();
    if (difference !== null) return { difference: `${JSON.stringify(call)}: ${difference.text}`, mapped, split };
  }
  return { difference: null, mapped, split };
}

const on = (page: number, npages: number): { page: number; npages: number } => ({ page, npages });

/** A mapping of all pages with the mark of MADV_HUGEPAGE. */
const marked = (pages: number): ModelCall[] => [
  { op: "mmap", ...on(0, pages), prot: "rw", map: "private" },
  { op: "madvise", ...on(0, pages), advice: "huge" },
];

const FILLED: readonly ModelCall[] = [...marked(BLOCK), { op: "cpu_write", page: 7, value: 1 }];

/** What is done to a huge page, each on a new one. */
const CASES: Readonly<Record<string, readonly ModelCall[]>> = {
  "read: the huge zero page": [...marked(BLOCK), { op: "cpu_read", page: 3 }, { op: "cpu_write", page: 4, value: 2 }],
  "munmap of a part": [...FILLED, { op: "munmap", ...on(3, 2) }],
  "munmap of its end": [...FILLED, { op: "munmap", ...on(300, 212) }],
  "mprotect of a part": [...FILLED, { op: "mprotect", ...on(300, 212), prot: "r" }, { op: "mprotect", ...on(300, 212), prot: "rw" }],
  "mprotect of all": [...FILLED, { op: "mprotect", ...on(0, BLOCK), prot: "r" }, { op: "mprotect", ...on(0, BLOCK), prot: "rw" }],
  "fork, and a write by the parent": [...FILLED, { op: "fork", child: 1 }, { op: "cpu_write", page: 9, value: 2 }],
  "fork, exit, and a write that reuses it": [
    ...FILLED,
    { op: "fork", child: 1 },
    { op: "exit", child: 1 },
    { op: "cpu_write", page: 9, value: 2 },
  ],
  "free of a part": [...FILLED, { op: "madvise", ...on(0, 300), advice: "free" }],
  "free of all": [...FILLED, { op: "madvise", ...on(0, BLOCK), advice: "free" }],
  "cold of a part": [...FILLED, { op: "madvise", ...on(5, 1), advice: "cold" }],
  "pageout of a part": [...FILLED, { op: "madvise", ...on(6, 3), advice: "pageout" }],
  "free and pageout, so that it is dropped": [
    ...FILLED,
    { op: "madvise", ...on(0, 4), advice: "free" },
    { op: "madvise", ...on(0, 4), advice: "pageout" },
  ],
  "dontneed of a part": [...FILLED, { op: "madvise", ...on(1, 4), advice: "dontneed" }],
  "mremap of a part": [...marked(BLOCK + 8), { op: "cpu_write", page: 7, value: 1 }, { op: "mremap", ...on(4, 4), to: BLOCK }],
  "migration of a part": [...FILLED, { op: "migrate_to_device", dev: 0, ...on(5, 4) }, { op: "cpu_read", page: 7 }],
  "device access to a part": [...FILLED, { op: "device_write", dev: 0, ...on(5, 2), value: 200 }, { op: "munmap", ...on(0, 1) }],
};

function drawnCalls(pages: number, seed: number, count: number): ModelCall[] {
  const { below } = randomStream(seed);
  const pick = <T>(of: readonly [T, ...T[]]): T => of[below(of.length)] ?? of[0];
  const page = (): number => pick([0, 1, 4, 300, BLOCK - 1]);
  const range = (): { page: number; npages: number } =>
    pick([on(0, BLOCK), on(0, pages), on(page(), 1), on(BLOCK - 2, Math.min(4, pages - BLOCK + 2)), on(5, 300)]);
  const calls: ModelCall[] = [];
  for (let n = 0; n < count; n++) {
    if (n % 12 === 0) calls.push(...marked(pages), { op: "cpu_write", page: 7, value: 1 }, { op: "fork", child: 1 });
    const { page: first, npages } = range();
    const drawn: readonly [ModelCall, ...ModelCall[]] = [
      { op: "munmap", ...on(page(), 1) },
      { op: "mmap", ...on(page(), 1), prot: "rw", map: "private" },
      { op: "mprotect", ...range(), prot: pick(["rw", "r", "n"]) },
      { op: "mprotect", ...on(0, BLOCK), prot: "rw" },
      { op: "madvise", ...range(), advice: pick(["dontneed", "free", "pageout", "cold", "populate_r", "populate_w", "huge"]) },
      { op: "mremap", ...on(first, npages), to: pages - npages },
      { op: "cpu_write", page: page(), value: below(3) },
      { op: "cpu_read", page: page() },
      { op: "fork", child: 1 },
      { op: "exit", child: 1 },
    ];
    calls.push(pick(drawn));
  }
  return calls;
}

describe("huge pages of the implementation, in lockstep with the model", () => {
  for (const core of ["v14", "linux-6.1", "linux-6.12"] as const)
    for (const [name, calls] of Object.entries(CASES))
      it(`${core}: ${name}`, () => {
        const ran = runCalls(core, name.startsWith("mremap") ? BLOCK + 8 : BLOCK, calls);
        expect(ran.difference).toBe(null);
        expect(ran.mapped).toBeGreaterThan(0);
      });

  it("[INV-17] tells the mirrors of the whole block in which a mapping is split, also without a huge page", () => {
    const calls: ModelCall[] = [
      { op: "mmap", ...on(0, BLOCK), prot: "rw", map: "private" },
      { op: "device_read", dev: 0, ...on(7, 1) },
      { op: "munmap", ...on(3, 1) },
      { op: "mmap", ...on(0, BLOCK), prot: "rw", map: "private" },
      { op: "device_read", dev: 0, ...on(7, 1) },
      { op: "mprotect", ...on(3, 1), prot: "r" },
    ];
    for (const core of ["v14", "linux-6.1"] as const) expect(runCalls(core, BLOCK, calls).difference).toBe(null);
  });

  it("agrees on drawn calls", () => {
    let split = 0;
    for (const [i, core] of (["v14", "linux-6.1", "linux-6.12"] as const).entries()) {
      const pages = BLOCK + 6 * i;
      const ran = runCalls(core, pages, drawnCalls(pages, i + 1, 14));
      expect(ran.difference).toBe(null);
      split += ran.split;
    }
    expect(split).toBeGreaterThan(3);
  });
});
