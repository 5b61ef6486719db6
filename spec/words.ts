/**
 * Packed words: how one page table entry is written in 32 bits, and the numbers of steps and choices. Readers of any implementation speak these
 * words (`View`), so that two of them are compared by `===`. The constants beside a field say where it lies; `shift` counts bits from bit 0.
 */

/**
 * CPU page table entry.
 *
 *     | 31 .. 8: pfn or swap slot | 7 6: mode | 5: huge | 4: dirty | 3: write | 2 .. 0: kind |
 *
 * `mode` of a migration entry: `MODE`. A swap entry that one process has alone has mode 1. The empty entry is 0.
 */
export const PTE = {
  none: 0,
  zero: 1,
  present: 2,
  swap: 3,
  migration: 4,
  device_private: 5,
  device_exclusive: 6,
  kind_mask: 7,
  write: 1 << 3,
  dirty: 1 << 4,
  huge: 1 << 5,
  mode_shift: 6,
  mode_mask: 3 << 6,
  payload_shift: 8,
} as const;

/** What a migration entry remembers of the mapping that it stands for. */
export const MODE = { read: 0, read_exclusive: 1, write: 2 } as const;

/** The kind of an entry. */
export const pteKind = (pte: number): number => pte & PTE.kind_mask;
/** Its frame or swap slot. */
export const ptePayload = (pte: number): number => pte >>> PTE.payload_shift;
/** Whether it maps its frame and holds a reference on it: present, device-private and device-exclusive entries. */
export const pteMaps = (pte: number): boolean => {
  const kind = pte & PTE.kind_mask;
  return kind === PTE.present || kind >= PTE.device_private;
};
/** Whether it allows to write, or a migration entry will when it is mapped again. */
export const pteWrites = (pte: number): boolean =>
  (pte & PTE.kind_mask) === PTE.migration ? (pte & PTE.mode_mask) >>> PTE.mode_shift === MODE.write : (pte & PTE.write) !== 0;

/**
 * Device page table entry.
 *
 *     | 31 .. 8: pfn | 4: unreachable | 3 2: tag | 1: zero page | 0: valid |
 *
 * `unreachable`: it names device-private memory itself (defect A). An entry of the zero page has pfn 0. No entry is 0.
 */
export const DPTE = { valid: 1, zero: 2, tag_shift: 2, tag_mask: 3 << 2, unreachable: 1 << 4, payload_shift: 8 } as const;
/** Access of a device page table entry. */
export const TAG = { read: 0, write: 1, atomic: 2 } as const;

/** The frame of a device page table entry, or -1 for none and for the zero page. */
export const dptePfn = (dpte: number): number => ((dpte & (DPTE.valid | DPTE.zero)) === DPTE.valid ? dpte >>> DPTE.payload_shift : -1);
/** Its access. */
export const dpteTag = (dpte: number): number => (dpte & DPTE.tag_mask) >>> DPTE.tag_shift;

/**
 * Marks of a frame.
 *
 *     | 9 8: mapping | 7: replica | 6: lru | 5: swap-backed | 4: anon-exclusive | 3: dirty | 2: free | 1 0: kind |
 */
export const FRAME = {
  system: 0,
  private: 1,
  coherent: 2,
  absent: 3,
  kind_mask: 3,
  free: 1 << 2,
  dirty: 1 << 3,
  anon_exclusive: 1 << 4,
  swap_backed: 1 << 5,
  lru: 1 << 6,
  replica: 1 << 7,
  mapping_shift: 8,
  mapping_mask: 3 << 8,
} as const;
/** To what the contents of a frame belong. */
export const MAPPING = { none: 0, anon: 1, shmem: 2 } as const;

/** Flags of a mapping. */
export const VM = { read: 1, write: 2, exec: 4, account: 8, hugepage: 16 } as const;
/** Kinds of mappings, in the order of `MAP_KINDS`. */
export const MAP = { private: 0, shared: 1, device: 2 } as const;
/** State of an interval notifier. */
export const INTERVAL = { none: 0, adding: 1, inserted: 2, removing: 3 } as const;
/** State of a range of device memory. */
export const CHUNK = { gone: 0, reserved: 1, online: 2, removing: 3 } as const;
/** Kinds of invalidation, in the order of `NOTIFY_EVENTS`. */
export const NOTIFY_EVENTS = ["UNMAP", "CLEAR", "PROTECTION_VMA", "PROTECTION_PAGE", "RELEASE", "MIGRATE", "EXCLUSIVE"] as const;
/** Why a migration runs, in the order of the codes that `LOCAL.purpose` reads. */
export const PURPOSES = ["to_device", "to_system", "cpu_fault", "evict", "move"] as const;

/** Choices of the environment. A step's choices are listed in this order; the callback of an invalidation is chosen by the number of its file. */
export const CHOICES = [
  "",
  "go",
  "isolated",
  "busy",
  "page",
  "no-memory",
  "error",
  "no-swap",
  "swap",
  "dropped",
  "copied",
  "failed",
  ...Array.from({ length: 20 }, (_, file) => `${file}`),
] as const;
/** Code of the choice of file 0; those of other files follow. */
export const CHOICE_FILE = 12;
/** Files that a state can hold: what the choices of 32 bits leave. */
export const FILES_MAX = 20;

/** What a step is called: operation and step, as in `pending`. Its place in this list is its code. */
export const STEPS = [
  "check_exclusive.open",
  "check_exclusive.check",
  "check_exclusive.x_check",
  "close.close",
  "close.fput",
  "cpu_access.access",
  "cpu_access.c1",
  "cpu_access.fault",
  "device_access.open",
  "device_access.check",
  "device_access.lock",
  "device_access.a1",
  "device_access.fault",
  "device_access.faulted",
  "devmem_add.check",
  "devmem_add.reserve",
  "devmem_add.online",
  "devmem_remove.next",
  "devmem_remove.removed",
  "dmirror_fault.get",
  "dmirror_fault.range",
  "dmirror_fault.walked",
  "dmirror_fault.put",
  "dmirror_fault.done",
  "do_munmap.detach",
  "do_munmap.zap",
  "do_munmap.end",
  "drop_replicas.next",
  "duplicate.open",
  "duplicate.check",
  "duplicate.lock",
  "duplicate.u1",
  "duplicate.u1_fault",
  "duplicate.u2",
  "duplicate.u3",
  "duplicate.u4",
  "duplicate.u5",
  "duplicate.u6",
  "duplicate.unlock",
  "duplicate.done",
  "exit.exit_mm",
  "exit.exit_files",
  "exit.fput",
  "exit_mmap.release",
  "exit_mmap.zap",
  "fork.lock",
  "fork.vma",
  "fork.copy",
  "fork.end",
  "fork.files",
  "handle_mm_fault.c2",
  "handle_mm_fault.c3",
  "handle_mm_fault.c4a",
  "handle_mm_fault.c4b",
  "handle_mm_fault.c4c",
  "handle_mm_fault.c4_end",
  "handle_mm_fault.c5",
  "handle_mm_fault.c5_wait",
  "handle_mm_fault.c6",
  "handle_mm_fault.c6_put",
  "handle_mm_fault.c7",
  "handle_mm_fault.c7_lock",
  "handle_mm_fault.c7_restore",
  "handle_mm_fault.c7_end",
  "handle_mm_fault.c8",
  "hmm_device_new.new",
  "hmm_device_put.put",
  "hmm_device_put.remove",
  "hmm_device_put.free",
  "hmm_mirror_register.register",
  "hmm_range_fault.d1",
  "hmm_range_fault.d2",
  "hmm_range_fault.d3",
  "hmm_range_fault.d4",
  "hmm_range_fault.d5",
  "hmm_range_fault.d6",
  "hmm_range_fault.d7",
  "hmm_range_fault.d8",
  "invalidate.i1",
  "invalidate.i2",
  "madvise.lock",
  "madvise.next",
  "madvise.act",
  "madvise.page",
  "madvise.reclaimed",
  "madvise.end",
  "make_exclusive.open",
  "make_exclusive.check",
  "make_exclusive.x1",
  "make_exclusive.batch",
  "make_exclusive.x2",
  "make_exclusive.x2_fault",
  "make_exclusive.x2_done",
  "make_exclusive.x3",
  "make_exclusive.x7",
  "make_exclusive.x8",
  "make_exclusive.x9",
  "make_exclusive.unlock",
  "make_exclusive.read",
  "make_exclusive.a1",
  "migrate.m1",
  "migrate.m2",
  "migrate.m3",
  "migrate.e2",
  "migrate.m4",
  "migrate.m5",
  "migrate.m6",
  "migrate.m7",
  "migrate.m7_copy",
  "migrate.m7_rest",
  "migrate.m8",
  "migrate.m8_insert",
  "migrate.m8_end",
  "migrate.m8_map",
  "migrate.m9",
  "migrate_call.open",
  "migrate_call.check",
  "migrate_call.m0",
  "migrate_call.next",
  "migrate_call.moved",
  "migrate_call.unlock",
  "migrate_call.read",
  "migrate_call.a1",
  "migrate_call.faulted",
  "mmap.lock",
  "mmap.unmap",
  "mmap.insert",
  "mmap.fput",
  "mprotect.lock",
  "mprotect.next",
  "mprotect.change",
  "mprotect.end",
  "mremap.lock",
  "mremap.target",
  "mremap.move",
  "mremap.moved",
  "mremap.end",
  "mremap.source",
  "mremap.unlock",
  "mremap.fput",
  "munmap.lock",
  "munmap.unmap",
  "munmap.unlock",
  "munmap.fput",
  "open.close",
  "open.fput",
  "open.open",
  "populate.next",
  "populate.done",
  "reclaim.r1",
  "reclaim.r2",
  "reclaim.r3",
  "release.remove",
  "release.evict",
  "release.free",
  "remove_chunk.e1",
  "remove_chunk.replicas",
  "remove_chunk.evict",
  "remove_chunk.e7",
  "remove_chunk.e8",
  "rmap_walk.next",
  "rmap_walk.clear",
  "rmap_walk.end",
  "snapshot.open",
  "snapshot.check",
  "snapshot.walk",
  "snapshot.walked",
  "snapshot.reply",
] as const;
/** The name of a step. */
export type StepName = (typeof STEPS)[number];

/** Codes of steps by name. */
export const STEP: Readonly<Record<StepName, number>> = Object.fromEntries(STEPS.map((name, code) => [name, code])) as Record<
  StepName,
  number
>;

/** Locals of an operation in flight that a reader may ask for. What an operation does not have reads as -1. */
export const LOCAL = {
  mm: 0,
  /** First page of the range; the page of `cpu_access` and `handle_mm_fault`. */
  start: 1,
  end: 2,
  /** How far it is: the next page, or for `migrate` the next of its candidates. */
  at: 3,
  file: 4,
  dev: 5,
  /** Frame of `reclaim`, `rmap_walk`, `drop_replicas`, `duplicate`, and the faulted frame of `migrate`. */
  pfn: 6,
  write: 7,
  /** Value of `cpu_access` and `device_access`. */
  value: 8,
  /** `migrate`: index into `PURPOSES`. */
  purpose: 9,
  /** `invalidate`: index into `NOTIFY_EVENTS`. */
  event: 10,
  /** `fork`, `exit`: the child actor. */
  child: 11,
  /** `mremap`: where the range goes. */
  to: 12,
} as const;
