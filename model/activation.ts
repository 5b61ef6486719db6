/** What a task is doing: one activation for each operation that it has entered, with the step that comes next (`pc`) and its locals. */
import type { Advice, DevmemFlag, DevmemPart, Errno, FileId, MmId, DevId, Pfn, Vpn } from "../spec/vocabulary.ts";
import type { Pte, VmFlags, Vma } from "./state.ts";

/** Kinds of invalidation. Under v14 all of them are one. */
export type NotifyEvent = "UNMAP" | "CLEAR" | "PROTECTION_VMA" | "PROTECTION_PAGE" | "RELEASE" | "MIGRATE" | "EXCLUSIVE";

/** One entry of a migration: `src`, `dst` and their flags. `hole`: nothing is there, a zero-filled page is to be inserted. */
export interface MigrateEntry {
  readonly vpn: Vpn;
  readonly src: Pfn | null;
  readonly hole: boolean;
  readonly migrate: boolean;
  readonly write: boolean;
  readonly dst: Pfn | null;
  readonly dstWrite: boolean;
}

/** What hmm_range_fault found for one page. `none` is the word 0; `empty` and `special` are words of v14. */
export type HmmPfn =
  | { readonly kind: "input" }
  | { readonly kind: "none" }
  | { readonly kind: "empty" }
  | { readonly kind: "special" }
  | { readonly kind: "error" }
  | {
      readonly kind: "valid";
      readonly pfn: Pfn;
      readonly read: boolean;
      readonly write: boolean;
      readonly zero: boolean;
      readonly huge: boolean;
    };

interface Locals {
  /** What the activation that was entered last answered. */
  got: string | number | null;
}

interface On extends Locals {
  mm: MmId;
  start: number;
  end: number;
}

/** Every operation with its locals. The names are kernel entry points; `pc` values are the steps of `spec/`. */
export type Activation =
  | (On & { op: "invalidate"; pc: "i1" | "i2"; event: NotifyEvent; owner: DevId | null; hits: FileId[]; cur: number })
  | (On & { op: "mmap"; pc: "lock" | "unmap" | "insert" | "fput"; flags: VmFlags; map: Vma["map"]; file: FileId | null })
  | (On & { op: "munmap"; pc: "lock" | "unmap" | "unlock" | "fput" })
  | (On & { op: "do_munmap"; pc: "detach" | "zap" | "end"; notify: boolean; detached: Vma[] })
  | (On & { op: "mprotect"; pc: "lock" | "next" | "change" | "end"; at: number; flags: Pick<VmFlags, "read" | "write" | "exec"> })
  | (On & {
      op: "madvise";
      pc: "lock" | "next" | "act" | "end" | "page" | "reclaimed";
      at: number;
      to: number;
      advice: Advice;
      hole: boolean;
    })
  | (On & { op: "populate"; pc: "next" | "done"; at: number; write: boolean })
  | (On & { op: "mremap"; pc: "lock" | "target" | "move" | "moved" | "end" | "source" | "unlock" | "fput"; to: number; failed: boolean })
  | (Locals & { op: "cpu_access"; pc: "c1" | "access" | "fault"; mm: MmId; vpn: Vpn; write: boolean; value: number })
  | (Locals & {
      op: "handle_mm_fault";
      pc:
        | "c2"
        | "c3"
        | "c4a"
        | "c4b"
        | "c4c"
        | "c4_end"
        | "c5"
        | "c5_wait"
        | "c6"
        | "c6_put"
        | "c7"
        | "c7_lock"
        | "c7_restore"
        | "c7_end"
        | "c8";
      mm: MmId;
      vpn: Vpn;
      write: boolean;
      pte: Pte;
      copy: Pfn | null;
    })
  | (Locals & { op: "fork"; pc: "lock" | "vma" | "copy" | "end" | "files"; child: number; childMm: MmId; at: number; inherit: boolean })
  | (Locals & { op: "exit"; pc: "exit_mm" | "exit_files" | "fput"; child: number })
  | (Locals & { op: "exit_mmap"; pc: "release" | "zap"; mm: MmId })
  | (Locals & { op: "open"; pc: "close" | "fput" | "open"; dev: DevId })
  | (Locals & { op: "close"; pc: "close" | "fput"; dev: DevId })
  | (Locals & { op: "hmm_mirror_register"; pc: "register"; dev: DevId; without: "mm" | "mirror" | "ops" | null })
  | (Locals & { op: "release"; pc: "remove" | "evict" | "free"; file: FileId })
  | (Locals & {
      op: "device_access";
      pc: "open" | "check" | "lock" | "a1" | "fault" | "faulted";
      dev: DevId;
      start: number;
      end: number;
      at: number;
      write: boolean;
      value: number;
      file: FileId;
      data: (number | null)[];
      faults: number;
    })
  | (On & {
      op: "dmirror_fault";
      pc: "get" | "range" | "walked" | "put" | "done";
      file: FileId;
      at: number;
      write: boolean;
      error: Errno | null;
    })
  | (On & {
      op: "hmm_range_fault";
      pc: "d1" | "d2" | "d3" | "d4" | "d5" | "d6" | "d7" | "d8";
      file: FileId;
      write: boolean;
      request: boolean;
      seq: number;
      valid: boolean;
      at: number;
      stop: number;
      /** Last page of the chunk that the fault round in progress has reached. */
      fault: number | null;
      error: Errno | null;
      pfns: HmmPfn[];
    })
  | (On & {
      op: "snapshot";
      pc: "open" | "check" | "walk" | "walked" | "reply";
      dev: DevId;
      file: FileId;
      at: number;
      error: Errno | null;
      entries: string[];
    })
  | (On & {
      op: "migrate_call";
      pc: "open" | "check" | "m0" | "next" | "moved" | "unlock" | "read" | "a1" | "faulted";
      dev: DevId;
      file: FileId;
      direction: "to_device" | "to_system";
      at: number;
      stop: number;
      cpages: number;
      error: Errno | null;
      data: (number | null)[];
    })
  | (On & {
      op: "migrate";
      pc: "m1" | "m2" | "m3" | "m4" | "m5" | "m6" | "m7" | "m7_copy" | "m7_rest" | "m8" | "m8_insert" | "m8_end" | "m8_map" | "m9" | "e2";
      /** `evict` and `move` begin with frames: `start` and `end` are frame numbers then. `move` is the ordinary migration without a driver. */
      purpose: "to_device" | "to_system" | "cpu_fault" | "evict" | "move";
      dev: DevId | null;
      file: FileId | null;
      faultPage: Pfn | null;
      /** Address of the CPU fault. */
      faultAt: Vpn | null;
      i: number;
      notified: boolean;
      oom: boolean;
      /** The handler of the CPU fault could not bring the page home. */
      failed: boolean;
      entries: MigrateEntry[];
    })
  | (Locals & {
      op: "rmap_walk";
      pc: "next" | "clear" | "end";
      pfn: Pfn;
      mode: "migrate" | "unmap" | "exclusive" | "protect";
      slot: number | null;
      targets: { readonly mm: MmId; readonly vpn: Vpn }[];
      only: { readonly mm: MmId; readonly vpn: Vpn } | null;
      owner: DevId | null;
      lazyFree: boolean;
      started: boolean;
      /** Exclusive: the page was mapped writable where the caller expected it. */
      valid: boolean;
    })
  | (On & {
      op: "make_exclusive";
      pc: "open" | "check" | "x1" | "batch" | "x2" | "x2_fault" | "x2_done" | "x3" | "x7" | "x8" | "x9" | "unlock" | "read" | "a1";
      dev: DevId;
      file: FileId;
      at: number;
      stop: number;
      i: number;
      pages: (Pfn | null)[];
      seq: number;
      error: boolean;
      data: (number | null)[];
    })
  | (On & { op: "check_exclusive"; pc: "open" | "check" | "x_check"; dev: DevId; file: FileId })
  | (Locals & { op: "reclaim"; pc: "r1" | "r2" | "r3"; pfn: Pfn; slot: number | null })
  | (Locals & {
      op: "devmem_add";
      pc: "check" | "reserve" | "online";
      dev: DevId;
      npages: number;
      flags: readonly DevmemFlag[];
      minor: number | null;
      lacks: readonly DevmemPart[];
      chunk: number;
    })
  | (Locals & { op: "devmem_remove"; pc: "next" | "removed"; dev: DevId; chunk: number | null })
  | (Locals & { op: "remove_chunk"; pc: "e1" | "replicas" | "evict" | "e7" | "e8"; dev: DevId; chunk: number })
  | (Locals & { op: "hmm_device_new"; pc: "new" })
  | (Locals & { op: "hmm_device_put"; pc: "put" | "remove" | "free"; minor: number })
  | (On & {
      op: "duplicate";
      pc: "open" | "check" | "lock" | "u1" | "u1_fault" | "u2" | "u3" | "u4" | "u5" | "u6" | "unlock" | "done";
      dev: DevId;
      file: FileId;
      at: number;
      page: Pfn | null;
      replica: Pfn | null;
      made: number;
    })
  | (Locals & { op: "drop_replicas"; pc: "next"; page: Pfn });

/** The activation of one operation. */
export type Of<O extends Activation["op"]> = Extract<Activation, { op: O }>;
