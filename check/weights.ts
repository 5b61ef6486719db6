/** How often a random run draws each operation. */
import { CALL_OPERATIONS } from "../properties/test-case.ts";
import type { CallOperation, Operation } from "../properties/test-case.ts";
import type { Profile } from "../spec/profile.ts";

/** How often an operation is drawn, beside the others of the mask: 4 unless said here. What takes the memory away that all others need is rare. */
const WEIGHTS: Partial<Record<CallOperation, number>> = {
  mmap: 5,
  cpu_write: 20,
  cpu_read: 16,
  device_read: 12,
  device_write: 12,
  migrate_to_device: 20,
  migrate_to_system: 8,
  madvise: 12,
  mprotect: 8,
  mremap: 8,
  make_exclusive: 8,
  duplicate: 12,
  fork: 8,
  exit: 6,
  devmem_add: 6,
  devmem_remove: 2,
  devmem_release: 1,
};
const USUAL_WEIGHT = 4;

function weightOf(op: CallOperation, { exclusive, readDuplication, dummyDevices }: Profile): number {
  if (op === "make_exclusive" && !exclusive) return 1;
  if (op === "duplicate" && !readDuplication) return 1;
  if ((op === "hmm_device_new" || op === "hmm_device_put" || op === "hmm_mirror_register") && !dummyDevices) return 1;
  return WEIGHTS[op] ?? USUAL_WEIGHT;
}

/** The calls of a mask, each as often as it is likely. What a core does not have is drawn rarely, to see it refused. */
export function callTable(mask: readonly Operation[], profile: Profile): readonly CallOperation[] {
  const named = CALL_OPERATIONS.filter((op) => mask.includes(op));
  return named.flatMap((op) => Array.from({ length: weightOf(op, profile) }, () => op));
}
