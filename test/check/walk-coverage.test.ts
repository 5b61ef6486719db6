/** What random runs reach, as a floor: every step, every choice, and more success than failure. A quiet generator fails here. */
import { describe, expect, it } from "vitest";
import { modelSystem } from "../../check/model-system.ts";
import { setupOf } from "../../check/setup.ts";
import { walk } from "../../check/walk.ts";
import { PROFILE_NAMES } from "../../properties/test-case.ts";
import type { TestCase } from "../../properties/test-case.ts";
import { CHOICES, STEPS } from "../../spec/words.ts";
import { stepOf, testCase, variety } from "./systems.ts";

/** Steps that a core or a driver does not have. */
const MISSING: Readonly<Record<string, (step: string) => boolean>> = {
  v14: (step) =>
    step.startsWith("handle_mm_fault.c7") ||
    (step.startsWith("make_exclusive.") && !/\.(open|check)$/.test(step)) ||
    ["hmm_range_fault.d2", "migrate.m8_insert", "remove_chunk.evict"].includes(step),
  linux: (step) => ["handle_mm_fault.c5_wait", "hmm_device_put.remove", "hmm_device_put.free"].includes(step),
  dmirror: (step) => step === "migrate_call.faulted",
};

describe.each(PROFILE_NAMES)("runs of $core $driver", (name) => {
  const seen = new Set<string>();
  const choices = new Set<string>();
  const ends = new Map<string, number>();
  const statuses = new Map<string, number>();
  const faults: Partial<TestCase> = { ...name, mask: ["mmap", "cpu_write", "cpu_read", "migrate_to_device"], style: 0b10_11_00 };
  const cases = [
    ...variety(name, 100),
    ...Array.from({ length: 20 }, (_, seed) => testCase({ ...faults, choices: { seed, length: 300 } })),
  ];
  for (const each of cases) {
    const system = modelSystem(setupOf(each));
    const { end } = walk(system, each, {
      before(word) {
        if (word < 0) return;
        seen.add(stepOf(system.view, word >> 8));
        choices.add(CHOICES[word & 0xff] ?? "");
      },
      after(_word, _action, returned) {
        if (returned >= 0) statuses.set(system.answer().status, (statuses.get(system.answer().status) ?? 0) + 1);
      },
    });
    ends.set(end, (ends.get(end) ?? 0) + 1);
  }

  it("come to their end", () => {
    expect([...ends.keys()].filter((end) => end !== "done" && end !== "crash")).toEqual([]);
    if (name.driver === "ideal") expect([...ends.keys()]).toEqual(["done"]);
  });

  it("take every step that there is", () => {
    const absent = (step: string): boolean =>
      (MISSING[name.core === "v14" ? "v14" : "linux"]?.(step) ?? false) ||
      (name.driver !== "ideal" && (MISSING["dmirror"]?.(step) ?? false));
    expect(STEPS.filter((step) => !absent(step) && !seen.has(step))).toEqual([]);
    expect(STEPS.filter((step) => absent(step) && seen.has(step))).toEqual([]);
  });

  it("make every choice that there is, and succeed more often than not", () => {
    const wanted = CHOICES.slice(0, 13).filter((choice) => choice !== "dropped" || name.core === "v14");
    expect(wanted.filter((choice) => !choices.has(choice))).toEqual([]);
    const all = [...statuses.values()].reduce((a, b) => a + b, 0);
    expect((statuses.get("ok") ?? 0) / all).toBeGreaterThan(0.6);
  });
});
