import { describe, expect, it } from "vitest";
import { coverage, requirementsReached, stepsUntaken } from "../../check/coverage.ts";
import { modelSystem } from "../../check/model-system.ts";
import { runCase } from "../../check/run-case.ts";
import { setupOf } from "../../check/setup.ts";
import { subjectFactory } from "../../check/subject.ts";
import { RULES } from "../../model/index.ts";
import { STEP, STEPS } from "../../spec/words.ts";

const SCOPE = {
  core: "linux-6.1",
  driver: "ideal",
  switches: {},
  config: { pages: 2, page_bytes: 4096, devices: [{ kind: "private" }] },
  bounds: { deviceFrames: 2, physicalPages: 0 },
} as const;

describe("coverage", () => {
  it("counts operation, outcome and kind of the first page before the call", () => {
    const { view } = modelSystem(setupOf(SCOPE));
    const seen = coverage();
    const call = { op: "cpu_write", page: 0, value: 1 } as const;
    for (let n = 0; n < 3; n++) {
      seen.begin({ type: "call", actor: 0, call }, 2, view);
      seen.answer(2, { status: "signal", signal: "SIGSEGV" });
    }
    seen.begin({ type: "call", actor: 0, call: { op: "open", dev: 0 } }, 0, view);
    seen.answer(0, { status: "errno", errno: "EBUSY" });
    seen.begin({ type: "unpin", pfn: 0 }, -1, view);
    expect(seen.seen()).toEqual([
      { operation: "cpu_write", outcome: "SIGSEGV", page: "unmapped", count: 3 },
      { operation: "open", outcome: "EBUSY", page: "-", count: 1 },
      { operation: "pin", outcome: "ok", page: "-", count: 1 },
    ]);
    expect(seen.count()).toBe(3);
  });

  it("sees the entry of the page in a run", () => {
    const seen = coverage();
    const mask = ["mmap", "cpu_write", "migrate_to_device", "cpu_read"] as const;
    for (let seed = 0; seed < 20; seed++)
      runCase(
        subjectFactory("model"),
        { ...SCOPE, mask, limits: { tasks_max: 1, actors_max: 1 }, style: 0, choices: { seed, length: 200 } },
        [],
        seen,
      );
    const reads = seen.seen().filter(({ operation }) => operation === "cpu_read");
    expect(reads.map(({ outcome, page }) => `${outcome} ${page}`)).toEqual(
      expect.arrayContaining(["ok none", "ok present", "ok device_private"]),
    );
    expect(seen.steps()[STEP["migrate.m7_copy"]]).toBeGreaterThan(0);
  });

  it("does not count tasks that are still in flight", () => {
    const { view } = modelSystem(setupOf(SCOPE));
    const seen = coverage();
    seen.begin({ type: "reclaim", pfn: 0 }, 1, view);
    expect(seen.seen()).toEqual([]);
  });
});

describe("requirements", () => {
  it("are reached by the steps whose rules cite them", () => {
    const steps = STEPS.map((_, code) => (code === STEP["migrate.m7_copy"] ? 1 : 0));
    const { reached, unreached } = requirementsReached(steps);
    expect(reached).toEqual([...RULES.migrate.m7_copy.spec].toSorted());
    expect(reached.length).toBeGreaterThan(0);
    expect(unreached.some((id) => reached.includes(id))).toBe(false);
    expect(requirementsReached(STEPS.map(() => 1)).unreached).toEqual([]);
  });

  it("are listed by area and number", () => {
    const { unreached } = requirementsReached([]);
    const areas = [...new Set(unreached.map((id) => id.split("-")[0] ?? ""))];
    expect(areas).toEqual(areas.toSorted());
    for (const area of areas) {
      const numbers = unreached.filter((id) => id.startsWith(`${area}-`)).map((id) => Number(id.split("-")[1]));
      expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    }
  });

  it("of untaken steps are told by the steps", () => {
    expect(stepsUntaken(STEPS.map(() => 1))).toEqual([]);
    expect(stepsUntaken([])).toEqual([...STEPS]);
  });
});
