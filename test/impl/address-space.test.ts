import { describe, expect, it } from "vitest";
import { CORES, DRIVERS } from "../../spec/vocabulary.ts";
import { STEPS } from "../../spec/words.ts";
import { ADDRESS_SPACE, runBoth, testCaseOf } from "./address-space-run.ts";

const RUNS = 5;

describe("address spaces of the implementation, in lockstep with the model", () => {
  for (const core of CORES)
    for (const driver of DRIVERS)
      it(`${core} with ${driver}: each step shows the same, and nothing is left behind`, () => {
        let actions = 0;
        for (let seed = 1; seed <= RUNS; seed++) {
          const ran = runBoth(testCaseOf(core, driver, seed, ADDRESS_SPACE, {}));
          expect({ seed, difference: ran.difference, litter: ran.litter }).toEqual({ seed, difference: null, litter: null });
          actions += ran.actions;
        }
        expect(actions).toBeGreaterThan(RUNS * 200);
      });

  it("agrees where the switches are set otherwise", () => {
    for (let seed = 1; seed <= RUNS; seed++) {
      const bit = (n: number): boolean => ((seed >>> n) & 1) === 1;
      const switches = {
        mprotectUpgrades: (["none", "dirty", "all"] as const)[seed % 3] ?? "none",
        mprotectUnaccounts: bit(0),
        populatePassesHoles: bit(1),
        mmapJoinsUntouchedLeft: bit(2),
        evicts: bit(3),
        releaseEvent: bit(0),
      };
      const ran = runBoth(testCaseOf("linux-6.12", "ideal", 1000 + seed, ADDRESS_SPACE, switches));
      expect({ seed, difference: ran.difference, litter: ran.litter }).toEqual({ seed, difference: null, litter: null });
    }
  });

  it("takes every step of these operations", () => {
    const mine =
      /^(?:close|cpu_access|do_munmap|exit|exit_mmap|fork|hmm_mirror_register|madvise|mmap|mprotect|mremap|munmap|open|populate|release)\./;
    const seen = new Set<number>();
    for (const core of CORES) for (let seed = 1; seed <= 4; seed++) runBoth(testCaseOf(core, "ideal", seed, ADDRESS_SPACE, {}), seen);
    expect(STEPS.filter((name, code) => mine.test(name) && !seen.has(code))).toEqual([]);
  });
});
