/** Small quiescent traces, one for each rule that is easily broken: the judge must accept them under both kernels. */
import { describe, expect, it } from "vitest";
import { goldens, judged } from "./golden.ts";

const VECTORS: readonly [number: number, shows: string][] = [
  [1, "an untouched page: empty, the zero page, written"],
  [2, "a written page goes to the device and comes home by a CPU read"],
  [3, "a read-only page goes and comes home read-only"],
  [4, "a zero page and a hole become device pages, by the permission of their mapping"],
  [5, "a device page after fork, written by the child"],
  [6, "mprotect to read-only and back on a device page"],
  [7, "MADV_DONTNEED drops a device page"],
  [8, "MADV_FREE leaves a device page"],
  [9, "mremap moves a device page"],
  [10, "a shared page does not migrate"],
  [11, "an exclusive page, ended by a CPU read"],
  [12, "a device page that another device reads"],
];

const fileOf = (n: number): string => `v${String(n).padStart(2, "0")}`;

describe("the vectors", () => {
  it.each(VECTORS)("V%i, %s: accepted under linux-6.1 and linux-6.12", (n) => {
    const traces = judged("vectors", fileOf(n));
    expect(traces.map(({ header }) => header.profile)).toEqual(["linux-6.1", "linux-6.12"]);
    expect(traces.map(({ verdict }) => verdict.rejection ?? verdict.verdict)).toEqual(["accept", "accept"]);
    expect(Math.min(...traces.map(({ verdict }) => verdict.calls))).toBeGreaterThan(4);
  });

  it("have no trace that no test judges", () => {
    expect(goldens("vectors")).toEqual(VECTORS.map(([n]) => fileOf(n)));
  });
});
