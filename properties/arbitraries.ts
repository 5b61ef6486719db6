/**
 * fast-check arbitraries for random runs, for the checker and for anyone's own tests:
 *
 *     fc.assert(fc.property(anyTestCase(), (testCase) => completed(walk(systemOf(testCase), testCase).end)));
 *
 * A test case shrinks to fewer decisions, fewer operations, fewer pages and devices, and to the calmest style.
 */
import fc from "fast-check";
import type { Arbitrary } from "fast-check";
import { profile } from "../model/index.ts";
import type { CoreSwitches } from "../spec/profile.ts";
import type { Bounds } from "../spec/system.ts";
import type { Config } from "../spec/vocabulary.ts";
import { OPERATIONS, PROFILE_NAMES } from "./test-case.ts";
import type { Operation, ProfileName, RunLimits, SeededChoices, TestCase } from "./test-case.ts";

/** What test cases are wanted; what is not said is drawn. */
export interface Wanted {
  /** Profiles to draw from. All of them unless said otherwise. */
  readonly profiles?: readonly ProfileName[];
  /** Pages of the window, 2 to 6 unless said otherwise. Batches need more than 64 pages, huge pages 512. */
  readonly pages?: { readonly min: number; readonly max: number };
  /** Operations to draw masks from. All of them unless said otherwise; mmap is always among those of a mask. */
  readonly operations?: readonly Operation[];
  /** Decisions at most, 300 unless said otherwise. */
  readonly choices_max?: number;
  /** Decisions come from a seed: for campaigns, where a test case is minimised by its actions and not by fast-check. */
  readonly seeded?: boolean;
}

const PAGE_BYTES = 4096;
/** Operations of a small mask, beside mmap and stores. */
const FEW_MIN = 2;
const FEW_MAX = 6;
const UINT32_MAX = 0xffff_ffff;
const CHOICES_MAX = 300;
const ALL_STYLES = (1 << 10) - 1;
const SEED_MAX = 2 ** 31 - 1;

/** A core with a driver. */
export function anyProfile(profiles: readonly ProfileName[] = PROFILE_NAMES): Arbitrary<ProfileName> {
  return fc.constantFrom(...profiles);
}

/** A small window with one or two devices; coherent ones only where the core knows them. */
export function anyConfig(name: ProfileName, { min, max }: { min: number; max: number } = { min: 2, max: 6 }): Arbitrary<Config> {
  const kind = profile(name.core, name.driver).coherent
    ? fc.constantFrom("private" as const, "coherent" as const)
    : fc.constant("private" as const);
  const device = fc.record({ kind });
  return fc.record({
    pages: fc.integer({ min, max }),
    page_bytes: fc.constant(PAGE_BYTES),
    devices: fc.array(device, { minLength: 1, maxLength: 2 }),
  });
}

/** Little device memory, so that it runs out; with or without physical addresses for more. */
export function anyBounds(): Arbitrary<Bounds> {
  const fixed = fc.record({ deviceFrames: fc.integer({ min: 2, max: 3 }), physicalPages: fc.constant(0) });
  const growing = fc.record({
    deviceFrames: fc.integer({ min: 1, max: 3 }),
    physicalPages: fc.constantFrom(2, 4),
    sectionPages: fc.constantFrom(1, 2),
  });
  return fc.oneof(fixed, growing);
}

/**
 * The operations of a run: all of them, half of them, or a few, which then meet each other often. Without a mapping nothing happens, so mmap is always
 * one of them, and a few are of no use without a store.
 */
export function anyMask(operations: readonly Operation[] = OPERATIONS): Arbitrary<readonly Operation[]> {
  const others = operations.filter((op) => op !== "mmap");
  const rest = others.filter((op) => op !== "cpu_write");
  const stores = others.filter((op) => op === "cpu_write");
  const few = fc.subarray(rest, { minLength: Math.min(FEW_MIN, rest.length), maxLength: Math.min(FEW_MAX, rest.length) });
  return fc
    .oneof(
      { weight: 3, arbitrary: few.map((mask) => [...stores, ...mask]) },
      { weight: 2, arbitrary: fc.subarray(others) },
      { weight: 1, arbitrary: fc.constant(others) },
    )
    .map((mask) => ["mmap", ...mask]);
}

/** How much goes on at a time: 1 to 3 tasks of 1 to 3 processes. */
export function anyLimits(): Arbitrary<RunLimits> {
  const few = fc.integer({ min: 1, max: 3 });
  return fc.record({ tasks_max: few, actors_max: few });
}

/** How a run is interleaved. */
export function anyStyle(): Arbitrary<number> {
  return fc.noBias(fc.integer({ min: 0, max: ALL_STYLES }));
}

/** Decisions, one 32-bit number each. Long runs are as likely as short ones. */
export function anyChoices(choices_max: number = CHOICES_MAX): Arbitrary<readonly number[]> {
  return fc.array(fc.noBias(fc.integer({ min: 0, max: UINT32_MAX })), { maxLength: choices_max, size: "max" });
}

/** Decisions from a seed. */
export function seededChoices(choices_max: number = CHOICES_MAX): Arbitrary<SeededChoices> {
  return fc.record({ seed: fc.noBias(fc.integer({ min: 0, max: SEED_MAX })), length: fc.constant(choices_max) });
}

/** Switches that no core sets: read duplication, in one run of four. */
export function anySwitches(): Arbitrary<Partial<CoreSwitches>> {
  return fc.oneof({ weight: 3, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: fc.constant({ readDuplication: true }) });
}

/** A whole test case. */
export function anyTestCase(wanted: Wanted = {}): Arbitrary<TestCase> {
  const { profiles, pages, operations, choices_max, seeded = false } = wanted;
  return anyProfile(profiles).chain((name) =>
    fc.record({
      core: fc.constant(name.core),
      driver: fc.constant(name.driver),
      switches: anySwitches(),
      config: anyConfig(name, pages),
      bounds: anyBounds(),
      mask: anyMask(operations),
      limits: anyLimits(),
      style: anyStyle(),
      choices: seeded ? seededChoices(choices_max) : anyChoices(choices_max),
    }),
  );
}
