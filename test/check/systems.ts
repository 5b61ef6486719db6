/** Systems and test cases for tests of the checker. */
import { modelSystem } from "../../check/model-system.ts";
import { randomStream } from "../../check/random.ts";
import { setupOf } from "../../check/setup.ts";
import type { RuleTable } from "../../model/index.ts";
import { OPERATIONS } from "../../properties/test-case.ts";
import type { TestCase } from "../../properties/test-case.ts";
import type { System, View } from "../../spec/system.ts";
import { TAKEN } from "../../spec/system.ts";
import type { ModelCall, Ret } from "../../spec/vocabulary.ts";
import { CHOICES, STEPS } from "../../spec/words.ts";

/** A test case: Linux 6.12 with the ideal driver, four pages, two private devices, unless said otherwise. */
export function testCase(parts: Partial<TestCase> = {}): TestCase {
  return {
    core: "linux-6.12",
    driver: "ideal",
    switches: {},
    config: { pages: 4, page_bytes: 4096, devices: [{ kind: "private" }, { kind: "private" }] },
    bounds: { deviceFrames: 2, physicalPages: 4, sectionPages: 2 },
    mask: OPERATIONS,
    limits: { tasks_max: 3, actors_max: 3 },
    style: 0,
    choices: { seed: 1, length: 300 },
    ...parts,
  };
}

/** Many test cases of one profile, as different from each other as a few can be: one in three has all operations, the others have half of them. */
export function variety(parts: Partial<TestCase>, count: number): TestCase[] {
  return Array.from({ length: count }, (_, n) => {
    const { below } = randomStream(n);
    return testCase({
      switches: { readDuplication: n % 2 === 0 },
      mask: OPERATIONS.filter((op) => op === "mmap" || n % 3 === 0 || below(2) === 0),
      style: below(1024),
      choices: { seed: n, length: 400 },
      ...parts,
    });
  });
}

/** The model for a test case. */
export function model(parts: Partial<TestCase> = {}, rules?: RuleTable): System {
  return modelSystem(setupOf(testCase(parts)), rules);
}

/** The steps that can be taken, in order. */
export function words(system: System): number[] {
  const into = new Int32Array(256);
  return [...into.subarray(0, system.steps(into))];
}

/** Carries out a call alone, with the first choice of each step that `choices` does not name, as `{ "reclaim.r1": "swap" }`. */
export function call(system: System, actor: number, wanted: ModelCall, choices: Readonly<Record<string, string>> = {}): Ret {
  system.apply({ type: "call", actor, call: wanted });
  for (;;) {
    const enabled = words(system);
    const name = stepOf(system.view, (enabled[0] ?? 0) >> 8);
    const word = enabled.find((w) => CHOICES[w & 0xff] === choices[name]) ?? enabled[0];
    if (word === undefined) throw new Error(`the call waits in ${name}`);
    if (system.take(word) === TAKEN.returned) return system.answer();
  }
}

/** Takes the first step of a task until the named one is next. */
export function until(system: System, task: number, name: string): void {
  for (let n = 0; stepOf(system.view, task) !== name; n++) {
    const word = words(system).find((w) => w >> 8 === task);
    if (word === undefined || n > 1000 || system.take(word) === TAKEN.returned) throw new Error(`task ${task} never comes to ${name}`);
  }
}

/** The innermost step of a task by name. */
export function stepOf(view: View, task: number): string {
  return STEPS[view.taskStep(task, view.taskDepth(task) - 1)] ?? "none";
}
