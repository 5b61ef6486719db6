/** Random walks in lockstep with the model, each over the operations of one part: the device's own calls, and what they meet. */
import { describe, expect, it } from "vitest";
import { lockstep } from "../../check/lockstep.ts";
import { modelSystem } from "../../check/model-system.ts";
import { randomStream } from "../../check/random.ts";
import type { RandomStream } from "../../check/random.ts";
import { setupOf } from "../../check/setup.ts";
import { walk } from "../../check/walk.ts";
import { implSystem } from "../../impl/index.ts";
import type { Operation, TestCase } from "../../properties/test-case.ts";
import type { Core, DeviceKind, DriverName } from "../../spec/vocabulary.ts";
import { STEPS } from "../../spec/words.ts";

const PROFILES: readonly (readonly [Core, DriverName])[] = [
  ["v14", "ideal"],
  ["linux-6.1", "ideal"],
  ["linux-6.1", "dmirror"],
  ["linux-6.12", "ideal"],
  ["linux-6.12", "dmirror-fixed"],
];

interface Part {
  readonly name: string;
  readonly mask: readonly Operation[];
  readonly profiles?: readonly (readonly [Core, DriverName])[];
  /** Steps that must be reached. */
  readonly reached: RegExp;
}

const CPU: readonly Operation[] = ["mmap", "mprotect", "munmap", "cpu_read", "cpu_write", "device_read", "device_write"];
const PARTS: readonly Part[] = [
  {
    name: "device access",
    mask: [...CPU, "snapshot", "open", "close"],
    reached: /^(device_access|dmirror_fault|hmm_range_fault|snapshot)\./,
  },
  {
    name: "exclusive access",
    mask: [...CPU, "make_exclusive", "check_exclusive", "fork", "exit", "reclaim"],
    reached: /^(make_exclusive|check_exclusive)\./,
  },
  {
    name: "read duplication",
    mask: ["mmap", "cpu_write", "device_read", "device_write", "duplicate", "migrate_to_device", "fork", "madvise", "pin", "devmem_remove"],
    // A fault within it and a CPU write behind it are rare here; device-replicas.test.ts has them.
    reached: /^duplicate\.(?!u1_fault)/,
  },
  {
    name: "device memory",
    mask: ["mmap", "cpu_write", "migrate_to_device", "devmem_add", "devmem_remove", "devmem_release", "get"],
    reached: /^(devmem_add|devmem_remove|remove_chunk)\./,
  },
  {
    name: "dummy devices",
    mask: ["hmm_device_new", "hmm_device_put", "devmem_add", "devmem_remove"],
    profiles: [["v14", "ideal"]],
    reached: /^(hmm_device_new|hmm_device_put)\./,
  },
];
const RUNS = 40;
const DECISIONS = 250;

function testCase(part: Part, random: RandomStream): TestCase {
  const profiles = part.profiles ?? PROFILES;
  const [core, driver] = profiles[random.below(profiles.length)] ?? ["v14", "ideal"];
  const kinds: readonly DeviceKind[] = core === "v14" ? ["private"] : ["private", "coherent"];
  const devices = Array.from({ length: 1 + random.below(2) }, () => ({ kind: kinds[random.below(kinds.length)] ?? "private" }));
  return {
    core,
    driver,
    switches: { readDuplication: part.name === "read duplication" },
    config: { pages: 2 + random.below(3), page_bytes: 4096, devices },
    bounds: { deviceFrames: 1 + random.below(4), physicalPages: 4 },
    mask: part.mask,
    limits: { tasks_max: 1 + random.below(3), actors_max: 1 + random.below(3) },
    style: random.next() & 1023,
    choices: { seed: random.next(), length: DECISIONS },
  };
}

describe.each(PARTS)("$name", (part) => {
  it("goes step by step as in the model, and reaches its steps", { timeout: 60_000 }, () => {
    const random = randomStream(1);
    const seen = new Set<number>();
    for (let n = 0; n < RUNS; n++) {
      const drawn = testCase(part, random);
      const setup = setupOf(drawn);
      const both = lockstep(modelSystem(setup), implSystem(setup));
      const walked = walk(both, drawn, {
        stopped: () => both.difference() !== null,
        before: (word) => word >= 0 && seen.add(both.view.taskStep(word >> 8, both.view.taskDepth(word >> 8) - 1)),
      });
      expect(both.difference(), `run ${n}, ${drawn.core} ${drawn.driver}`).toBeNull();
      expect(["done", "crash", "bound"]).toContain(walked.end);
    }
    expect(STEPS.filter((name, step) => part.reached.test(name) && !seen.has(step))).toEqual([]);
  });
});
