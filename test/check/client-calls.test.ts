/** The calls that a random run draws: always within the window, about the right pages, by and about processes that are there. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CallMaker } from "../../check/client-calls.ts";
import type { CallScope, Digits, Focus } from "../../check/client-calls.ts";
import { CALL_OPERATIONS } from "../../properties/test-case.ts";
import type { System } from "../../spec/system.ts";
import type { ModelCall } from "../../spec/vocabulary.ts";
import { call, model } from "./systems.ts";

/** Digits that come from a list and are 0 behind its end. */
function digits(...list: number[]): Digits {
  let n = 0;
  return { take: (below) => (list[n++] ?? 0) % below };
}

function maker(system: System, more: Partial<CallScope> = {}): CallMaker {
  return new CallMaker({ view: system.view, devices: 2, actors_max: 3, focus: "any range", ...more });
}

const wide = (pages: number): System => model({ config: { pages, page_bytes: 4096, devices: [{ kind: "private" }] } });
const range = (c: ModelCall | null): { page: number; npages: number } =>
  c !== null && "npages" in c && "page" in c ? c : { page: 0, npages: 0 };

describe("the calls of a run", () => {
  const focuses: readonly Focus[] = ["any range", "single pages", "all pages", "two pages"];

  it("stay within the window, whatever is drawn", () => {
    const any = fc.record({
      pages: fc.constantFrom(2, 3, 6, 65, 70, 512, 600),
      focus: fc.constantFrom(...focuses),
      op: fc.constantFrom(...CALL_OPERATIONS),
      list: fc.array(fc.nat(), { minLength: 8, maxLength: 12 }),
    });
    fc.assert(
      fc.property(any, ({ pages, focus, op, list }) => {
        const made = maker(wide(pages), { focus, devices: 1 }).make(op, 0, digits(...list));
        const { page, npages } = range(made);
        expect(page >= 0 && npages >= 0 && page + npages <= pages).toBe(true);
        if (made !== null && "page" in made) expect(made.page).toBeLessThan(pages);
        if (made?.op === "mremap") expect(made.to >= 0 && made.to + npages <= pages).toBe(true);
        if (made !== null && "dev" in made) expect(made.dev).toBe(0);
        if (made !== null && "value" in made) expect(made.value > 0 && made.value < 256).toBe(true);
      }),
      { seed: 3, numRuns: 600 },
    );
  });

  it("are about the pages of the focus", () => {
    const draw = (focus: Focus, ...list: number[]): { page: number; npages: number } =>
      range(maker(model(), { focus }).make("munmap", 0, digits(...list)));
    expect([draw("any range", 1, 2), draw("any range", 3, 2)]).toEqual([
      { op: "munmap", page: 1, npages: 3 },
      { op: "munmap", page: 3, npages: 1 },
    ]);
    expect([draw("single pages", 3, 5).npages, draw("all pages", 3, 2).npages]).toEqual([1, 4]);
    expect([draw("two pages", 3, 1), draw("two pages", 0, 1)]).toMatchObject([
      { page: 1, npages: 1 },
      { page: 0, npages: 2 },
    ]);
    expect(draw("any range", 1, 2, 47).npages).toBe(0);
  });

  it("turn about the borders of batches and of huge pages in a wide window", () => {
    const seen = new Set<string>();
    const system = wide(513);
    for (let a = 0; a < 20; a++) {
      for (let b = 0; b < 20; b++) {
        const { page, npages } = range(maker(system).make("migrate_to_device", 0, digits(0, a, b)));
        seen.add(`${page}+${npages}`);
      }
    }
    expect(["0+1", "0+64", "0+65", "63+2", "64+448", "0+512", "0+513", "511+1", "512+1"].filter((each) => !seen.has(each))).toEqual([]);
  });

  it("touch a page that is not where the CPU reaches it every other time", () => {
    const system = model();
    call(system, 0, { op: "mmap", page: 0, npages: 4, prot: "rw", map: "private" });
    for (const page of [0, 1, 2]) call(system, 0, { op: "cpu_write", page, value: 1 });
    call(system, 0, { op: "migrate_to_device", dev: 0, page: 2, npages: 1 });
    const pages = [0, 1].map((often) => maker(system).make("cpu_read", 0, digits(0, often)));
    expect(pages).toEqual([
      { op: "cpu_read", page: 0 },
      { op: "cpu_read", page: 2 },
    ]);
  });

  it("store values that count up, those of the device above those of the CPU", () => {
    const made = maker(model());
    const values = Array.from({ length: 250 }, (_, n) => made.make(n % 2 === 0 ? "cpu_write" : "device_write", 0, digits()));
    const numbers = values.map((c) => (c !== null && "value" in c ? c.value : 0));
    expect(numbers.slice(0, 4)).toEqual([1, 130, 3, 132]);
    expect(Math.max(...numbers.filter((_, n) => n % 2 === 0))).toBeLessThan(128);
    expect(Math.max(...numbers)).toBeLessThan(256);
  });

  it("begin with a writable mapping, mostly private and of all pages", () => {
    const first = (...list: number[]): ModelCall => maker(model()).firstMapping(digits(...list));
    expect(first()).toEqual({ op: "mmap", page: 0, npages: 4, prot: "rw", map: "private" });
    expect(first(0, 5)).toMatchObject({ npages: 4, map: "shared" });
    expect(first(3, 2, 0, 0)).toMatchObject({ page: 2, npages: 1 });
  });
});

describe("processes and devices", () => {
  it("a child takes the lowest free number, up to the bound; nobody ends himself", () => {
    const system = model();
    const made = maker(system);
    expect(made.make("exit", 0, digits(0))).toBeNull();
    expect([made.make("fork", 0, digits(0)), made.make("fork", 0, digits(1))]).toEqual([
      { op: "fork", child: 1 },
      { op: "fork", child: 1, files: "inherit" },
    ]);
    for (const child of [1, 2]) call(system, 0, { op: "fork", child });
    expect(made.make("fork", 0, digits(0))).toBeNull();
    expect([0, 1, 2].map((n) => made.make("exit", 2, digits(n)))).toEqual([
      { op: "exit", child: 0 },
      { op: "exit", child: 1 },
      { op: "exit", child: 0 },
    ]);
    call(system, 2, { op: "exit", child: 0 });
    expect(made.make("fork", 2, digits(0))).toEqual({ op: "fork", child: 0 });
    expect(made.make("exit", 2, digits(2))).toEqual({ op: "exit", child: 1 });
  });

  it("without a device there is nobody to call, and no file to map", () => {
    const made = maker(model(), { devices: 0 });
    expect([made.make("open", 0, digits()), made.make("devmem_add", 0, digits()), made.make("snapshot", 0, digits())]).toEqual([
      null,
      null,
      null,
    ]);
    for (let n = 0; n < 8; n++) expect(made.make("mmap", 0, digits(0, 0, 0, 0, n))).not.toMatchObject({ map: "device" });
  });

  it("device memory is added as the device needs it, or wrongly; a host is named only where there are hosts", () => {
    const v14 = model({ core: "v14" });
    const add = (system: System, ...list: number[]): ModelCall | null => maker(system).make("devmem_add", 0, digits(...list));
    expect(add(v14)).toEqual({ op: "devmem_add", dev: 0, npages: 1, flags: ["device", "allow_migrate", "unaddressable"] });
    expect(add(v14, 1, 1, 3, 5)).toMatchObject({ dev: 1, npages: 2, flags: ["device", "unaddressable"] });
    expect(add(v14, 0, 0, 0, 0, 7, 2)).toMatchObject({ lacks: ["migrate_to_ram"] });
    expect(add(v14, 0, 0, 0, 0, 0, 1, 0)).not.toHaveProperty("minor");
    call(v14, 0, { op: "hmm_device_new" });
    expect(add(v14, 0, 0, 0, 0, 0, 1, 0)).toMatchObject({ minor: 0 });
    expect(add(model(), 0, 0, 0, 0, 0, 1, 0)).not.toHaveProperty("minor");
  });
});
