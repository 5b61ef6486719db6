/** The arbitraries: what they draw is well formed, varied, the same for the same seed, and shrinks to something small. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { modelSystem } from "../../check/model-system.ts";
import { setupOf } from "../../check/setup.ts";
import { completed, walk } from "../../check/walk.ts";
import { profile } from "../../model/index.ts";
import { anyChoices, anyConfig, anyMask, anyProfile, anyTestCase } from "../../properties/arbitraries.ts";
import { CALL_OPERATIONS, ENVIRONMENT_OPERATIONS, OPERATIONS, PROFILE_NAMES } from "../../properties/test-case.ts";
import type { TestCase } from "../../properties/test-case.ts";
import { CORES, DRIVERS } from "../../spec/vocabulary.ts";

const SEED = 20_260_801;
const sample = (count: number, wanted: Parameters<typeof anyTestCase>[0] = {}): TestCase[] =>
  fc.sample(anyTestCase(wanted), { seed: SEED, numRuns: count });

describe("the profiles", () => {
  it("are every core with every driver, but v14 with the ideal one only", () => {
    const all = CORES.flatMap((core) => DRIVERS.map((driver) => ({ core, driver }))).filter(
      (p) => p.core !== "v14" || p.driver === "ideal",
    );
    const key = ({ core, driver }: { core: string; driver: string }): string => `${core}/${driver}`;
    expect(PROFILE_NAMES.map(key).toSorted()).toEqual(all.map(key).toSorted());
    expect(new Set(fc.sample(anyProfile(), { seed: SEED, numRuns: 200 }).map(key)).size).toBe(PROFILE_NAMES.length);
    const [only] = PROFILE_NAMES;
    expect(fc.sample(anyProfile([only]), { seed: SEED, numRuns: 20 }).every((p) => p === only)).toBe(true);
  });
});

describe("test cases", () => {
  const drawn = sample(600);

  it("are well formed", () => {
    for (const { core, driver, config, bounds, mask, limits, style, choices } of drawn) {
      expect(core === "v14" && driver !== "ideal").toBe(false);
      expect(config.pages >= 2 && config.pages <= 6 && config.devices.length >= 1 && config.devices.length <= 2).toBe(true);
      if (!profile(core, driver).coherent) expect(config.devices.every(({ kind }) => kind === "private")).toBe(true);
      expect(bounds.deviceFrames).toBeDefined();
      expect((bounds.physicalPages ?? -1) % (bounds.sectionPages ?? 1)).toBe(0);
      expect(mask.filter((op) => op === "mmap")).toHaveLength(1);
      expect(mask.every((op) => OPERATIONS.includes(op)) && new Set(mask).size === mask.length).toBe(true);
      expect([limits.tasks_max, limits.actors_max].every((n) => n >= 1 && n <= 3)).toBe(true);
      expect(Number.isInteger(style) && style >= 0 && style < 1024).toBe(true);
      expect("seed" in choices ? [] : choices.filter((n) => !Number.isInteger(n) || n < 0 || n >= 2 ** 32)).toEqual([]);
    }
  });

  it("are as different as they can be", () => {
    const seen = (what: (each: TestCase) => unknown): number => new Set(drawn.map(what)).size;
    expect(seen(({ core, driver }) => `${core}/${driver}`)).toBe(7);
    expect(seen(({ config }) => config.pages)).toBe(5);
    expect(seen(({ config }) => config.devices.map(({ kind }) => kind).join())).toBe(6);
    expect(seen(({ limits }) => `${limits.tasks_max}/${limits.actors_max}`)).toBe(9);
    expect(seen(({ switches }) => switches.readDuplication ?? false)).toBe(2);
    expect(seen(({ style }) => style)).toBeGreaterThan(350);
    expect(seen(({ mask }) => mask.length)).toBeGreaterThan(25);
    for (const op of OPERATIONS) expect(drawn.filter(({ mask }) => mask.includes(op)).length).toBeGreaterThan(150);
    const lengths = drawn.map(({ choices }) => choices.length);
    expect([Math.max(...lengths) > 290, lengths.filter((n) => n > 150).length > 200]).toEqual([true, true]);
  });

  it("are the same for the same seed", () => {
    expect(sample(20)).toEqual(sample(20));
    expect(fc.sample(anyTestCase(), { seed: SEED + 1, numRuns: 20 })).not.toEqual(sample(20));
  });

  it("are as wanted", () => {
    const [v14] = PROFILE_NAMES;
    for (const each of sample(60, {
      profiles: [v14],
      pages: { min: 65, max: 70 },
      operations: ["mmap", "cpu_write"],
      choices_max: 40,
      seeded: true,
    })) {
      expect([each.core, each.choices.length, "seed" in each.choices]).toEqual(["v14", 40, true]);
      expect(each.config.pages >= 65 && each.config.pages <= 70).toBe(true);
      expect(each.mask.every((op) => op === "mmap" || op === "cpu_write")).toBe(true);
    }
    expect(new Set(sample(60, { seeded: true }).map(({ choices }) => ("seed" in choices ? choices.seed : -1))).size).toBeGreaterThan(50);
  });

  it("run to their end on the model", () => {
    fc.assert(
      fc.property(anyTestCase({ choices_max: 150 }), (each) => completed(walk(modelSystem(setupOf(each)), each).end)),
      { seed: SEED, numRuns: 60 },
    );
  });

  it("shrink to a few decisions, a small window and a calm style", () => {
    const [, linux] = PROFILE_NAMES;
    const swaps = { profiles: [linux], operations: ["mmap", "cpu_write", "madvise", "reclaim"], choices_max: 60 } as const;
    const wrong = (each: TestCase): boolean => {
      let swapped = false;
      const system = modelSystem(setupOf(each));
      walk(system, each, { after: () => void (swapped ||= system.view.slotCount() > 0) });
      return !swapped;
    };
    const { failed, counterexample } = fc.check(fc.property(anyTestCase(swaps), wrong), {
      seed: SEED,
      numRuns: 300,
      endOnFailure: false,
    });
    const [least] = counterexample ?? expect.fail();
    expect(failed).toBe(true);
    expect([least.config.pages, least.config.devices.length, least.limits.actors_max]).toEqual([2, 1, 1]);
    expect(least.choices.length).toBeLessThan(40);
    expect(wrong(least)).toBe(false);
  });
});

describe("masks, windows and decisions", () => {
  it("name what there is", () => {
    expect(OPERATIONS).toHaveLength(CALL_OPERATIONS.length + ENVIRONMENT_OPERATIONS.length);
    expect(fc.sample(anyMask(["open"]), { seed: SEED, numRuns: 30 }).every((mask) => mask[0] === "mmap")).toBe(true);
    expect(fc.sample(anyMask(), { seed: SEED, numRuns: 100 }).some((mask) => mask.length === OPERATIONS.length)).toBe(true);
    const configs = fc.sample(anyConfig({ core: "linux-6.1", driver: "ideal" }), { seed: SEED, numRuns: 50 });
    expect(new Set(configs.flatMap(({ devices }) => devices.map(({ kind }) => kind)))).toEqual(new Set(["private", "coherent"]));
    expect(fc.sample(anyChoices(5), { seed: SEED, numRuns: 50 }).every((choices) => choices.length <= 5)).toBe(true);
  });
});
