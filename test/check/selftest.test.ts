/** What the kernel's own selftest of the driver asserts, as traces: the judge must accept each of them. */
import { describe, expect, it } from "vitest";
import { goldens, judged } from "./golden.ts";

const BOTH = ["private", "coherent"];

/** The tests of the selftest that need neither files, huge pages nor hugetlb, with the kinds of devices that their traces cover. */
const TESTS: readonly [test: string, file: string, variants: readonly string[]][] = [
  ["hmm.open_close", "open-close", BOTH],
  ["hmm.anon_read", "anon-read", BOTH],
  ["hmm.anon_read_prot", "anon-read-prot", BOTH],
  ["hmm.anon_write", "anon-write", BOTH],
  ["hmm.anon_write_prot", "anon-write-prot", BOTH],
  ["hmm.anon_write_child", "anon-write-child", BOTH],
  ["hmm.anon_write_child_shared", "anon-write-child-shared", BOTH],
  ["hmm.migrate", "migrate", BOTH],
  ["hmm.migrate_fault", "migrate-fault", BOTH],
  ["hmm.migrate_release", "migrate-release", BOTH],
  ["hmm.migrate_shared", "migrate-shared", BOTH],
  ["hmm2.migrate_mixed", "migrate-mixed", BOTH],
  ["hmm.migrate_multiple", "migrate-multiple", BOTH],
  ["hmm.anon_read_multiple", "anon-read-multiple", BOTH],
  ["hmm.anon_teardown", "anon-teardown", BOTH],
  ["hmm.mixedmap", "mixedmap", ["private"]],
  ["hmm2.snapshot", "snapshot", BOTH],
  ["hmm2.double_map", "double-map", BOTH],
  ["hmm.exclusive", "exclusive", BOTH],
  ["hmm.exclusive_mprotect", "exclusive-mprotect", BOTH],
  ["hmm.exclusive_cow", "exclusive-cow", BOTH],
  ["hmm.hmm_gup_test", "hmm-gup-test", ["private"]],
  ["hmm.hmm_cow_in_device", "hmm-cow-in-device", BOTH],
];

describe("the kernel selftest", () => {
  it.each(TESTS)("%s is accepted", (_, file, variants) => {
    const traces = judged("selftest", file);
    expect(traces.map(({ header }) => header.id)).toEqual(variants.map((variant) => `selftest-${file}-${variant}`));
    expect(traces.map(({ verdict }) => verdict.rejection ?? verdict.verdict)).toEqual(variants.map(() => "accept"));
    expect(Math.min(...traces.map(({ verdict }) => verdict.calls))).toBeGreaterThan(1);
  });

  it("has no trace that no test judges", () => {
    expect(goldens("selftest")).toEqual(TESTS.map(([, file]) => file).toSorted());
  });
});
