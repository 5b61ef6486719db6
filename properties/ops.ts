/** Operations as bits, so that a task's whole stack is one word. */
import { STEPS } from "../spec/words.ts";
import type { StepName } from "../spec/words.ts";

/** Name of an operation: the part of a step name before the dot. */
export type OpName = StepName extends `${infer O}.${string}` ? O : never;

/** Operations whose presence in a stack some property asks for, by bit. */
const TOLD = [
  "check_exclusive",
  "cpu_access",
  "device_access",
  "devmem_add",
  "do_munmap",
  "duplicate",
  "exit",
  "exit_mmap",
  "fork",
  "handle_mm_fault",
  "hmm_range_fault",
  "invalidate",
  "madvise",
  "make_exclusive",
  "migrate",
  "migrate_call",
  "mmap",
  "mprotect",
  "mremap",
  "munmap",
  "reclaim",
  "release",
  "remove_chunk",
  "rmap_walk",
  "snapshot",
] as const satisfies readonly OpName[];

/** An operation that has a bit. */
export type ToldOp = (typeof TOLD)[number];

/** The bit of each operation. */
export const OP = Object.fromEntries(TOLD.map((name, bit) => [name, 1 << bit])) as Readonly<Record<ToldOp, number>>;

/** The bit of the operation that a step belongs to, by step code; 0 where nobody asks. */
export const OP_OF_STEP = Int32Array.from(STEPS, (name) => (OP as Readonly<Record<string, number>>)[name.split(".", 1)[0]!] ?? 0);
