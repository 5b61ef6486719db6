/** Random runs of the model under a watch, for the tests of properties. */
import { modelSystem } from "../../check/model-system.ts";
import { randomStream } from "../../check/random.ts";
import { setupOf } from "../../check/setup.ts";
import { walk } from "../../check/walk.ts";
import type { RuleTable } from "../../model/index.ts";
import { RULES } from "../../model/index.ts";
import type { Property } from "../../properties/property.ts";
import { OPERATIONS } from "../../properties/test-case.ts";
import type { Operation, TestCase } from "../../properties/test-case.ts";
import { Watch } from "../../properties/watch.ts";

/** A test case: Linux 6.1 with the ideal driver, three pages, two private devices, unless said otherwise. */
export function testCase(seed: number, parts: Partial<TestCase> = {}, length = 300): TestCase {
  return {
    core: "linux-6.1",
    driver: "ideal",
    switches: {},
    config: { pages: 3, page_bytes: 4096, devices: [{ kind: "private" }, { kind: "private" }] },
    bounds: { deviceFrames: 2, physicalPages: 0 },
    mask: OPERATIONS,
    limits: { tasks_max: 3, actors_max: 2 },
    style: randomStream(seed).below(1024),
    choices: { seed, length },
    ...parts,
  };
}

/** A random part of some operations: every one of them in one run of three. */
export function partOf(operations: readonly Operation[], seed: number): readonly Operation[] {
  const { below } = randomStream(seed + 1);
  return operations.filter((op) => op === "mmap" || seed % 3 === 0 || below(4) > 0);
}

/** Runs a test case on the model, or on a mutant of it, and looks at these properties at every step until one does not hold. */
export function watched(testCase: TestCase, properties: readonly Property[], rules: RuleTable = RULES): Watch {
  const system = modelSystem(setupOf(testCase), rules);
  const watch = new Watch(system, properties);
  walk(system, testCase, {
    after: (word, action, returned) => void watch.after(word, action, returned),
    stopped: () => watch.violation !== null,
  });
  return watch;
}
