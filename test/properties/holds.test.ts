/** Every property holds on the model, in every profile; what each speaks of is reached; and the known defects, and only they, are found. */
import { describe, expect, it } from "vitest";
import { DEVICE_MEMORY_ALONE, MIGRATION_ALONE, MIRROR_ALONE } from "../../properties/masks.ts";
import type { Defect } from "../../properties/property.ts";
import { PROPERTIES, SOMETIMES } from "../../properties/registry.ts";
import { OPERATIONS, PROFILE_NAMES } from "../../properties/test-case.ts";
import type { DriverName } from "../../spec/vocabulary.ts";
import type { ProfileName, TestCase } from "../../properties/test-case.ts";
import type { Watch } from "../../properties/watch.ts";
import { partOf, testCase, watched } from "./runs.ts";

const RUNS = 14;
const LENGTH = 400;

/** Runs of a profile: with every operation, and with devices of both kinds where the core knows them. */
function runsOf(name: ProfileName): TestCase[] {
  const coherent = name.core !== "v14";
  return Array.from({ length: RUNS }, (_, seed) =>
    testCase(
      seed,
      {
        ...name,
        switches: { readDuplication: seed % 4 === 0 },
        config: {
          pages: 2 + (seed % 3),
          page_bytes: 4096,
          devices: [{ kind: "private" }, { kind: coherent && seed % 2 === 0 ? "coherent" : "private" }],
        },
        bounds: { deviceFrames: 2 + (seed % 2), physicalPages: seed % 2 === 0 ? 0 : 4, sectionPages: 1 },
        mask: partOf(OPERATIONS, seed),
      },
      LENGTH,
    ),
  );
}

/** Defects that a driver has beside those of the core. */
const DEFECTS: Readonly<Record<DriverName, readonly Defect[]>> = {
  ideal: [],
  dmirror: ["DMR-14", "U1", "U2", "U3", "U4", "U6", "U7"],
  "dmirror-fixed": ["DMR-14", "U1", "U2", "U4", "U6", "U7"],
};

const defectsOf = ({ core, driver }: ProfileName): readonly Defect[] => [
  ...DEFECTS[driver],
  ...(core === "v14" ? (["B1", "T5"] as const) : (["MEM-46"] as const)),
];

/** What is shown by a run of its own instead, in the tests of the known defects. */
const RARE: readonly string[] = [
  "removal-with-pages-in-use",
  "gone-mirror-faulted",
  "swap-slot-shared",
  "clean-page-in-swap-cache",
  "memory-object-shared",
  "replica-reachable",
  "pinned-page-forked",
  "device-meets-private-page-of-another",
  "overlapping-notifications",
];

const met = new Set<string>();

function expectHolds(watch: Watch, name: ProfileName): void {
  expect(watch.violation).toBeNull();
  for (const id of watch.met) met.add(id);
  expect(watch.findings.map(({ defect }) => defect).filter((defect) => !defectsOf(name).includes(defect))).toEqual([]);
}

describe("the model keeps every property", () => {
  it.each(PROFILE_NAMES)("under $core with $driver, known defects aside", (name) => {
    for (const run of runsOf(name)) expectHolds(watched(run, PROPERTIES), name);
  });

  it.each([
    ["mirroring", MIRROR_ALONE],
    ["migration", MIGRATION_ALONE],
    ["device memory", DEVICE_MEMORY_ALONE],
  ] as const)("with %s alone", (_part, mask) => {
    for (const core of ["v14", "linux-6.12"] as const) {
      for (let seed = 0; seed < 4; seed++) {
        const name = { core, driver: "ideal" } as const;
        const bounds = { deviceFrames: 1, physicalPages: 4 };
        expectHolds(
          watched(testCase(seed, { ...name, bounds, mask: core === "v14" ? mask : mask.filter((op) => op !== "wrong_put") }), PROPERTIES),
          name,
        );
      }
    }
  });
});

describe("these runs", () => {
  it("meet what properties speak of, rare things aside", () => {
    expect(SOMETIMES.map(({ id }) => id).filter((id) => !met.has(id) && !RARE.includes(id))).toEqual([]);
  });
});
