/** A process cannot tell whether devices use its memory, and would be told if it could. */
import { describe, expect, it } from "vitest";
import fc from "fast-check";
import { around } from "../../check/mutants/tamper.ts";
import { modelSystem } from "../../check/model-system.ts";
import { setupOf } from "../../check/setup.ts";
import { frameOf, setFrame } from "../../model/frames.ts";
import { RULES } from "../../model/index.ts";
import type { RuleTable } from "../../model/index.ts";
import type { Pfn } from "../../spec/vocabulary.ts";
import { anyTransparentRun, isSilent, transparencyViolation } from "../../properties/transparency.ts";
import type { ActorCall } from "../../properties/transparency.ts";
import type { TestCase } from "../../properties/test-case.ts";
import { testCase } from "./runs.ts";
import { on } from "./script.ts";

const PAGES = 3;
const RUNS = 25;
const SEED = 7;

const PROFILES: readonly Partial<TestCase>[] = [
  { core: "v14" },
  { core: "linux-6.1" },
  { core: "linux-6.12", switches: { readDuplication: true } },
  { core: "linux-6.12", config: { pages: PAGES, page_bytes: 4096, devices: [{ kind: "coherent" }, { kind: "private" }] } },
];

function violation(calls: readonly ActorCall[], parts: Partial<TestCase>, rules: RuleTable = RULES): string | null {
  const setup = setupOf(testCase(0, parts));
  return transparencyViolation(modelSystem(setup, rules), modelSystem(setup), calls);
}

const first = (...calls: readonly ActorCall["call"][]): ActorCall[] => calls.map((call) => ({ actor: 0, call }));

describe("[CPU-10, MIG-44, EXC-14] devices that write nothing change no answer of the CPU", () => {
  it.each(PROFILES)("under $core, $switches, $config", (parts) => {
    fc.assert(
      fc.property(anyTransparentRun(PAGES, 2), (calls) => {
        expect(violation(calls, parts)).toBeNull();
      }),
      { numRuns: RUNS, seed: SEED },
    );
  });

  it("except that the run ends where the driver crashes the system", () => {
    const calls = first(on.mmap, on.write, on.toDevice, on.readOnly, on.deviceRead, on.read);
    expect(violation(calls, { driver: "dmirror" })).toBeNull();
  });
});

describe("a difference is told", () => {
  it("in the value of a load, where migration copies something else", () => {
    const rules = around("migrate", "m7_rest", (go, s, _t, a) => {
      const dst = a.entries[a.i]?.dst ?? (0 as Pfn);
      go();
      setFrame(s, dst, { contents: { ...frameOf(s, dst).contents, first: 99 } });
    })(RULES);
    const calls = first(on.mmap, on.write, on.toDevice, on.read);
    expect(violation(calls, {}, rules)).toBe("call 3, cpu_read of actor 0: ok 99 beside devices, ok 1 without");
  });

  it("in a signal, where the fault handler fails", () => {
    const rules = around("handle_mm_fault", "c6_put", (go, _s, _t, a) => {
      a.got = "sigbus";
      go();
    })(RULES);
    const calls = first(on.mmap, on.write, on.toDevice, on.write);
    expect(violation(calls, {}, rules)).toBe("call 3, cpu_write of actor 0: SIGBUS beside devices, ok without");
  });

  it("where a call of a device never ends", () => {
    const rules = around("migrate_call", "unlock", (_go, _s, _t, a) => {
      a.pc = "m0";
    })(RULES);
    expect(violation(first(on.mmap, on.toDevice), {}, rules)).toBe("call 1, migrate_to_device of actor 0, never ends");
  });
});

it("device writes, and calls of processes, are not silent", () => {
  expect(isSilent(on.deviceWrite)).toBe(false);
  expect(isSilent(on.munmap)).toBe(false);
  expect(isSilent(on.toSystem)).toBe(true);
});
