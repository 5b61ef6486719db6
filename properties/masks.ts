/** Operations of one part of HMM alone: each part must work, and keep every property, without the others. */
import type { Operation } from "./test-case.ts";

const MEMORY = ["mmap", "munmap", "mprotect", "madvise", "mremap", "cpu_read", "cpu_write", "fork", "exit"] as const;
const SURROUNDINGS = ["pin", "get", "reclaim", "move"] as const;

/** Mirroring alone: devices read, write and look, and nothing moves to their memory. */
export const MIRROR_ALONE: readonly Operation[] = [
  ...MEMORY,
  "open",
  "close",
  "hmm_mirror_register",
  "device_read",
  "device_write",
  "snapshot",
  ...SURROUNDINGS,
];

/** Migration alone: pages move to the memory of devices and back, and no device call looks at them. */
export const MIGRATION_ALONE: readonly Operation[] = [
  ...MEMORY,
  "open",
  "close",
  "migrate_to_device",
  "migrate_to_system",
  ...SURROUNDINGS,
];

/** Device memory alone: ranges come and go, and no page ever moves to them. */
export const DEVICE_MEMORY_ALONE: readonly Operation[] = [
  ...MEMORY,
  "devmem_add",
  "devmem_remove",
  "devmem_release",
  "hmm_device_new",
  "hmm_device_put",
  ...SURROUNDINGS,
  "wrong_put",
];
