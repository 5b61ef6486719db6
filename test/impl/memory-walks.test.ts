/** Random walks in lockstep with the model: CPU faults, migration, reclaim, and what they meet. */
import { describe, expect, it } from "vitest";
import { lockstep } from "../../check/lockstep.ts";
import { modelSystem } from "../../check/model-system.ts";
import { randomStream } from "../../check/random.ts";
import type { RandomStream } from "../../check/random.ts";
import { setupOf } from "../../check/setup.ts";
import { walk } from "../../check/walk.ts";
import { Arena } from "../../impl/arena.ts";
import { implSystem } from "../../impl/index.ts";
import type { Operation, TestCase } from "../../properties/test-case.ts";
import type { Core, DriverName } from "../../spec/vocabulary.ts";
import { STEPS } from "../../spec/words.ts";

const PROFILES: readonly (readonly [Core, DriverName])[] = [
  ["v14", "ideal"],
  ["linux-6.1", "ideal"],
  ["linux-6.12", "dmirror"],
  ["linux-6.12", "ideal"],
  ["v14", "ideal"],
  ["linux-6.1", "dmirror-fixed"],
];

interface Part {
  readonly name: string;
  readonly mask: readonly Operation[];
  /** Operations whose every step must be reached. */
  readonly reached: RegExp;
}

const CPU: readonly Operation[] = ["mmap", "munmap", "cpu_read", "cpu_write", "madvise", "fork", "exit", "reclaim", "pin"];
const PARTS: readonly Part[] = [
  {
    name: "CPU faults",
    mask: [...CPU, "mprotect", "migrate_to_device", "make_exclusive", "duplicate", "device_read"],
    // c5_wait is of v14 alone, and too rare for so few runs: test/check/walk-coverage.test.ts takes it.
    reached: /^(cpu_access|handle_mm_fault)\.(?!c5_wait)/,
  },
  {
    name: "migration",
    mask: [...CPU, "migrate_to_device", "migrate_to_system", "device_write", "get", "move", "close"],
    reached: /^(migrate|migrate_call|rmap_walk)\./,
  },
  { name: "reclaim", mask: [...CPU, "mprotect", "get", "move", "device_read"], reached: /^(reclaim|rmap_walk)\./ },
];
const RUNS = 30;
const DECISIONS = 250;

function testCase(part: Part, n: number, random: RandomStream): TestCase {
  const [core, driver] = PROFILES[n % PROFILES.length] ?? ["v14", "ideal"];
  const coherent = core !== "v14" && random.below(3) === 0;
  return {
    core,
    driver,
    switches: { readDuplication: core !== "v14" && part.mask.includes("duplicate") && random.below(2) === 0 },
    config: { pages: 2 + random.below(3), page_bytes: 4096, devices: [{ kind: coherent ? "coherent" : "private" }, { kind: "private" }] },
    bounds: { deviceFrames: 1 + random.below(3), physicalPages: 0 },
    mask: part.mask,
    limits: { tasks_max: 1 + random.below(4), actors_max: 1 + random.below(3) },
    style: random.next() & 1023,
    choices: { seed: random.next(), length: DECISIONS },
  };
}

describe.each(PARTS)("$name", (part) => {
  it("goes step by step as in the model, reaches every step, and leaves nothing behind", { timeout: 60_000 }, () => {
    const random = randomStream(5);
    const seen = new Set<number>();
    for (let n = 0; n < RUNS; n++) {
      const drawn = testCase(part, n, random);
      const setup = setupOf(drawn);
      const impl = implSystem(setup);
      const both = lockstep(modelSystem(setup), impl);
      const walked = walk(both, drawn, {
        stopped: () => both.difference() !== null,
        before: (word) => word >= 0 && seen.add(both.view.taskStep(word >> 8, both.view.taskDepth(word >> 8) - 1)),
      });
      expect(both.difference(), `run ${n}, ${drawn.core} ${drawn.driver}`).toBeNull();
      expect(["done", "crash", "bound"]).toContain(walked.end);
      if (walked.end === "crash") continue;
      const h = new Arena(setup);
      h.words.set(impl.save() as Int32Array);
      expect(h.task.every((word) => word === 0)).toBe(true);
    }
    expect(STEPS.filter((name, step) => part.reached.test(name) && !seen.has(step))).toEqual([]);
  });
});
