/**
 * The state of the reference model: plain JSON data, indexed by id.
 *
 * Containers (`Work` and what is named `...Work`) may be edited by a rule; records (`Pte`, `Frame`, `Vma`, ...) are values that a rule
 * replaces as a whole. So a copy of a state for a sequential run copies containers only (`copyWork`), and `State` is what the public sees.
 */
import type { ActorId, DevId, DeviceKind, DevmemFlag, FileId, MmId, Pfn, Ret, TaskId, Vpn } from "../spec/vocabulary.ts";
import type { ReqId } from "../spec/requirements.ts";
import type { Profile } from "../spec/profile.ts";
import type { Activation } from "./activation.ts";

/** Readonly view of a whole tree of plain data. */
export type Frozen<T> = T extends number | string | boolean | null
  ? T
  : T extends readonly (infer E)[]
    ? readonly Frozen<E>[]
    : { readonly [K in keyof T]: Frozen<T[K]> };

/** Who owns the reason why a frame may not be freed. A frame's reference count is the number of its holders (plus the profile's base). */
export type Holder =
  | { readonly kind: "map"; readonly mm: MmId; readonly vpn: Vpn }
  | { readonly kind: "task"; readonly task: TaskId; readonly why: "fault" | "collect" | "isolate" | "copy" | "alloc" | "gup" | "wait" }
  | { readonly kind: "page-cache" }
  | { readonly kind: "swap-cache" }
  | { readonly kind: "pin" }
  | { readonly kind: "brief" }
  | { readonly kind: "replica" };

/** To what the contents of a frame belong: an anonymous page (found by `anon_vma` and index), a page of a shared memory object, or nothing. */
export type Mapping = { readonly kind: "anon"; readonly anonVma: number } | { readonly kind: "shmem"; readonly object: number };

/** Bytes of a page as the specification sees them: the first byte and all others. `null` is a byte that nobody can know. */
export interface Contents {
  readonly first: number | null;
  readonly fill: number | null;
}

/** One page frame: system memory, device memory, or a physical address where no memory is. */
export interface Frame {
  readonly kind: "system" | DeviceKind | "absent";
  /** Device that hosts the frame, `null` for system memory. */
  readonly dev: DevId | null;
  readonly free: boolean;
  readonly holders: readonly Holder[];
  /** Task that holds the page lock. */
  readonly locked: TaskId | null;
  readonly dirty: boolean;
  readonly anonExclusive: boolean;
  readonly swapBacked: boolean;
  readonly lru: boolean;
  readonly mapping: Mapping | null;
  readonly index: number;
  readonly contents: Contents;
  /** First frame of the compound page that this frame is part of. */
  readonly head: Pfn | null;
  /** Driver word: the open file whose migration allocated this device frame. */
  readonly driverWord: FileId | null;
  /** Swap slot of a frame in the swap cache. */
  readonly slot: number | null;
}

/** CPU page table entry of one page. `huge`: mapped at PMD level together with its 511 neighbours. */
export type Pte =
  | { readonly kind: "none" }
  | { readonly kind: "zero"; readonly huge: boolean }
  | { readonly kind: "present"; readonly pfn: Pfn; readonly write: boolean; readonly dirty: boolean; readonly huge: boolean }
  | { readonly kind: "swap"; readonly slot: number; readonly exclusive: boolean }
  | { readonly kind: "migration"; readonly pfn: Pfn; readonly mode: "read" | "read_exclusive" | "write"; readonly dirty: boolean }
  | { readonly kind: "device_private"; readonly pfn: Pfn; readonly write: boolean }
  | { readonly kind: "device_exclusive"; readonly pfn: Pfn; readonly write: boolean };

/** Access flags of a mapping. */
export interface VmFlags {
  readonly read: boolean;
  readonly write: boolean;
  readonly exec: boolean;
  /** VM_ACCOUNT: observable only because mappings that differ in it do not merge. */
  readonly account: boolean;
  readonly hugepage: boolean;
}

/** One mapping. */
export interface Vma {
  readonly start: number;
  readonly end: number;
  readonly flags: VmFlags;
  readonly map: "private" | "shared" | "device";
  /** Shared memory object (`shared`) or open file (`device`) behind the mapping. */
  readonly object: number | null;
  readonly pgoff: number;
  /** The anon_vma that new anonymous pages of this mapping belong to. */
  readonly anonVma: number | null;
  /** Every anon_vma whose pages this mapping may hold: its own and those of its ancestors. */
  readonly chain: readonly number[];
  /** When it was linked to them: among mappings with the same offset the reverse map is walked in this order. */
  readonly stamp: number;
}

/** The address space lock: one writer, or any number of readers (a task may be listed more than once). */
export interface LockWork {
  writer: TaskId | null;
  readers: TaskId[];
}

/** One address space. `users` counts the process and every task that operates on it; at 0 it is torn down. */
export interface MmWork {
  users: number;
  vmas: Vma[];
  ptes: Pte[];
  lock: LockWork;
  /** v14: whether struct hmm exists. */
  hmm: boolean;
  /** Invalidations in progress (v14: notifier_count). */
  active: number;
  /** Sequence number of the subscriptions: odd while an invalidation that hit an interval is in progress. */
  seq: number;
}

/** Device page table entry: which frame the device reaches. `own` marks an entry that names a device-private frame itself (defect A). */
export interface Dpte {
  readonly pfn: Pfn;
  readonly zero: boolean;
  readonly tag: "read" | "write" | "atomic";
  readonly unreachable: boolean;
}

/** An open device file: the mirror of the address space of the actor that opened it. */
export interface FileWork {
  dev: DevId;
  mm: MmId;
  /** Descriptors and mappings that keep it open; at 0 it is released. */
  users: number;
  dpt: (Dpte | null)[];
  /** Sequence of the interval notifier: always odd. */
  seq: number;
  /** `adding` and `removing` wait for the end of the invalidations in progress. */
  interval: "none" | "adding" | "inserted" | "removing";
  /** Driver lock: the same lock that the invalidate callback takes. */
  mutex: TaskId | null;
}

/** One anon_vma. `parent` is itself for a root. */
export interface AnonVma {
  readonly parent: number;
  readonly root: number;
}

/** One range of device memory. `reserved`: its addresses are taken, its frames are not there yet. */
export interface ChunkWork {
  first: Pfn;
  npages: number;
  state: "reserved" | "online" | "removing" | "gone";
  flags: readonly DevmemFlag[];
  /** Whether the kernel's linear map covers it. */
  linear: boolean;
  /** The dummy device that hosts it (v14). */
  minor: number | null;
  /** Made when a device had no frame left, and grows with the next one. */
  onDemand: boolean;
}

/** One device with its memory. */
export interface DeviceWork {
  kind: DeviceKind;
  chunks: ChunkWork[];
  /** Frames given back; the last one is allocated next. */
  freeList: Pfn[];
}

/** One process of a trace. */
export interface ActorWork {
  mm: MmId;
  alive: boolean;
  /** Open file of each device. */
  files: (FileId | null)[];
}

/** One page of a shared memory object's page cache. */
export interface ShmemWork {
  pages: (Pfn | null)[];
}

/** One slot of the swap device: contents and how many entries refer to it. */
export interface Slot {
  readonly contents: Contents;
  readonly count: number;
  readonly cache: Pfn | null;
}

/** One call in flight: its stack, the innermost operation last, and its answer when it has one. */
export interface TaskWork {
  id: TaskId;
  actor: ActorId;
  stack: Activation[];
  ret: Ret | null;
  /** Which requirement decides which field of the answer, as far as it is known. */
  why: Record<string, ReqId>;
}

/** A dummy device (v14). `dying`: given back, but its memory is still being removed. */
export interface DummyDevice {
  readonly minor: number;
  readonly dying: boolean;
}

/** A copy of a page in the memory of a device (extension). Before it is `installed` only the task that makes it knows it. */
export interface Replica {
  readonly page: Pfn;
  readonly dev: DevId;
  readonly pfn: Pfn;
  readonly installed: boolean;
}

/** What is told beside the answers of calls: a run of the free callback, a count that was put back, a present entry of un-addressable memory. */
export type Note =
  | { readonly kind: "free"; readonly pfn: Pfn; readonly dev: DevId; readonly word: FileId | null }
  | { readonly kind: "bad-refcount"; readonly pfn: Pfn }
  | { readonly kind: "bad-entry"; readonly mm: MmId; readonly vpn: Vpn; readonly pfn: Pfn };

/** What bounds a configuration beyond its trace header, see `Bounds`. */
export interface Limits {
  readonly section: number;
  /** Physical addresses that device memory can take. Without them it grows on demand. */
  readonly window: { readonly first: number; readonly end: number } | null;
  readonly archFlags: readonly DevmemFlag[];
  readonly notes_max: number;
}

/** A state while a rule works on it. */
export interface Work {
  readonly profile: Profile;
  readonly pages: number;
  readonly limits: Limits;
  actors: (ActorWork | null)[];
  mms: MmWork[];
  files: FileWork[];
  frames: Frame[];
  anonVmas: (AnonVma | null)[];
  shmems: ShmemWork[];
  devices: DeviceWork[];
  slots: Slot[];
  tasks: TaskWork[];
  dummies: readonly DummyDevice[];
  replicas: readonly Replica[];
  notes: readonly Note[];
  /** Why the state is no longer the whole truth: a device wrote through an entry to memory that is not its own. */
  tainted: boolean;
}

/** A state as the public sees it. */
export type State = Frozen<Work>;

/** The empty entry. */
export const NONE: Pte = Object.freeze({ kind: "none" });
/** The entry of the zero page. */
export const ZERO: Pte = Object.freeze({ kind: "zero", huge: false });
/** The contents of a page of zeroes. */
export const ZEROES: Contents = Object.freeze({ first: 0, fill: 0 });
/** Contents that nobody can know. */
export const UNKNOWN: Contents = Object.freeze({ first: null, fill: null });
