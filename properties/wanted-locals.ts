/** The locals that properties ask for, by the step at which they do: of all others nothing is read. */
import { LOCAL, STEPS } from "../spec/words.ts";
import type { StepName } from "../spec/words.ts";

const WANTED: Partial<Record<StepName, readonly (keyof typeof LOCAL)[]>> = {
  "cpu_access.access": ["mm", "start", "write", "value"],
  "device_access.a1": ["file", "at", "write", "value"],
  "dmirror_fault.get": ["file"],
  "do_munmap.zap": ["mm", "start", "end"],
  "exit_mmap.zap": ["mm"],
  "fork.copy": ["mm", "at"],
  "handle_mm_fault.c6": ["mm", "start"],
  "hmm_range_fault.d1": ["mm", "start", "end"],
  "hmm_range_fault.d5": ["mm", "at", "file"],
  "hmm_range_fault.d8": ["file"],
  "invalidate.i1": ["mm", "start", "end", "event"],
  "invalidate.i2": ["start", "end", "event"],
  "madvise.page": ["mm", "at", "end"],
  "make_exclusive.a1": ["file", "at"],
  "make_exclusive.x8": ["file"],
  "migrate.m8": ["purpose", "pfn"],
  "migrate.m8_map": ["file"],
  "migrate_call.a1": ["file", "at"],
  "mremap.moved": ["mm", "start", "end", "to"],
};
/** The locals wanted at a step are `WANTED_LOCAL` from `WANTED_FROM[step]` to `WANTED_FROM[step + 1]`. */
export const WANTED_LOCAL = Int32Array.from(STEPS.flatMap((step) => (WANTED[step] ?? []).map((name) => LOCAL[name])));
/** See `WANTED_LOCAL`. */
export const WANTED_FROM = new Int32Array(STEPS.length + 1);
STEPS.forEach((step, code) => (WANTED_FROM[code + 1] = WANTED_FROM[code]! + (WANTED[step]?.length ?? 0)));
