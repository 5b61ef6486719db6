/**
 * The words that every other folder uses: ids, operations, calls, returns, configuration. Types and constants only, no behaviour.
 *
 * Pages are counted, never bytes: `page`, `start` and `end` are page indices into the address window, ranges are half open.
 */

declare const brand: unique symbol;
type Id<Name extends string> = number & { readonly [brand]: Name };

/** Virtual page number: an index into the address window of a trace, `0 <= vpn < config.pages`. */
export type Vpn = Id<"Vpn">;
/** Page frame number: an index into the frame table of one state. */
export type Pfn = Id<"Pfn">;
/** Address space (one per actor). */
export type MmId = Id<"MmId">;
/** Device: an index into `config.devices`. */
export type DevId = Id<"DevId">;
/** A process of a trace. Actor 0 is the first. */
export type ActorId = Id<"ActorId">;
/** An open file of a device: the mirror of one address space. */
export type FileId = Id<"FileId">;
/** A task: one call in flight. */
export type TaskId = Id<"TaskId">;

/** Makes a `Vpn` of a number that is known to be one. */
export const vpn = (n: number): Vpn => n as Vpn;
/** Makes a `Pfn` of a number that is known to be one. */
export const pfn = (n: number): Pfn => n as Pfn;
/** Makes an `MmId` of a number that is known to be one. */
export const mmId = (n: number): MmId => n as MmId;
/** Makes a `DevId` of a number that is known to be one. */
export const devId = (n: number): DevId => n as DevId;
/** Makes an `ActorId` of a number that is known to be one. */
export const actorId = (n: number): ActorId => n as ActorId;
/** Makes a `FileId` of a number that is known to be one. */
export const fileId = (n: number): FileId => n as FileId;
/** Makes a `TaskId` of a number that is known to be one. */
export const taskId = (n: number): TaskId => n as TaskId;

/** The error numbers that a call of the specification can answer with. */
export const ERRNOS = [
  "EAGAIN",
  "EBUSY",
  "EEXIST",
  "EFAULT",
  "EINVAL",
  "EIO",
  "EMFILE",
  "ENODEV",
  "ENOENT",
  "ENOMEM",
  "ENOSPC",
  "EOPNOTSUPP",
  "EPERM",
  "ERANGE",
  "EACCES",
] as const;
/** An error number. */
export type Errno = (typeof ERRNOS)[number];

/** The signals that a load or a store of the CPU can end with. */
export const SIGNALS = ["SIGSEGV", "SIGBUS"] as const;
/** A signal. */
export type Signal = (typeof SIGNALS)[number];

/** Protection of a mapping: `n` for none, or letters of `rwx` in this order. */
export const PROTS = ["n", "r", "w", "rw", "x", "rx", "wx", "rwx"] as const;
/** A protection. */
export type Prot = (typeof PROTS)[number];

/** Kinds of mappings: anonymous memory, private or shared, or the file of device 0. */
export const MAP_KINDS = ["private", "shared", "device"] as const;
/** A kind of mapping. */
export type MapKind = (typeof MAP_KINDS)[number];

/** Advices of madvise, as the trace format spells them. */
export const ADVICES = ["dontneed", "free", "pageout", "cold", "populate_r", "populate_w", "huge"] as const;
/** An advice of madvise. */
export type Advice = (typeof ADVICES)[number];

/** Kinds of device memory: private memory is out of reach of the CPU, coherent memory is not. */
export const DEVICE_KINDS = ["private", "coherent"] as const;
/** A kind of device memory. */
export type DeviceKind = (typeof DEVICE_KINDS)[number];

/** Rules of the kernel core. */
export const CORES = ["v14", "linux-6.1", "linux-6.12"] as const;
/** The rules of one kernel core. */
export type Core = (typeof CORES)[number];

/** Rules of the driver of the mirroring device. */
export const DRIVERS = ["ideal", "dmirror", "dmirror-fixed"] as const;
/** The rules of one driver. */
export type DriverName = (typeof DRIVERS)[number];

/** Size and devices of one system. */
export interface Config {
  /** Size of the address window in pages. */
  readonly pages: number;
  readonly page_bytes: number;
  readonly devices: readonly { readonly kind: DeviceKind }[];
}

type Range = { readonly page: number; readonly npages: number };
type DeviceRange = Range & { readonly dev: number };

/** One call of a trace, as in `trace-format.md`. */
export type Call =
  | ({ readonly op: "mmap"; readonly prot: Prot; readonly map: MapKind } & Range)
  | ({ readonly op: "munmap" } & Range)
  | ({ readonly op: "mprotect"; readonly prot: Prot } & Range)
  | ({ readonly op: "madvise"; readonly advice: Advice } & Range)
  | ({ readonly op: "mremap"; readonly to: number } & Range)
  | { readonly op: "cpu_read"; readonly page: number }
  | { readonly op: "cpu_write"; readonly page: number; readonly value: number }
  | ({ readonly op: "device_read" } & DeviceRange)
  | ({ readonly op: "device_write"; readonly value: number } & DeviceRange)
  | ({ readonly op: "migrate_to_device" } & DeviceRange)
  | ({ readonly op: "migrate_to_system" } & DeviceRange)
  | ({ readonly op: "snapshot" } & DeviceRange)
  | ({ readonly op: "make_exclusive" } & DeviceRange)
  | ({ readonly op: "check_exclusive" } & DeviceRange)
  | { readonly op: "open"; readonly dev: number }
  | { readonly op: "close"; readonly dev: number }
  | { readonly op: "fork"; readonly child: number; readonly files?: "inherit" }
  | { readonly op: "exit"; readonly child: number };

/** The name of an operation. */
export type Op = Call["op"];

/** Fields of an ok return beyond its status; which of them a call has is listed in `trace-format.md`. */
export interface OkRet {
  readonly status: "ok";
  readonly value?: number;
  readonly cpages?: number;
  readonly faults?: number;
  readonly data?: readonly number[];
  readonly entries?: readonly string[];
}

/** What a call answered. */
export type Ret =
  | OkRet
  | { readonly status: "errno"; readonly errno: Errno }
  | { readonly status: "signal"; readonly signal: Signal }
  | { readonly status: "crash"; readonly log: string };

/** The first line of a trace. */
export interface Header {
  readonly format: "hmm-trace";
  readonly version: 1;
  readonly id: string;
  readonly profile: Core;
  readonly driver: DriverName;
  readonly config: Config;
  readonly source: string;
}

/** One call of a trace with its answer; `ret` is absent where nothing was observed. */
export interface TraceEvent {
  readonly seq: number;
  readonly actor: number;
  readonly call: Call;
  readonly ret?: Ret;
}

/** The three verdicts of the judge. A bound that was hit is never an accept. */
export type Verdict = "accept" | "reject" | "inconclusive";

/** Codes of malformed input. Every one ends the program with exit code 2. */
export const INPUT_ERROR_CODES = [
  "not-found",
  "unreadable",
  "not-utf8",
  "line-too-long",
  "blank-line",
  "truncated",
  "bad-json",
  "not-an-object",
  "missing-header",
  "bad-format",
  "bad-version",
  "unknown-field",
  "missing-field",
  "bad-type",
  "out-of-range",
  "unknown-op",
  "unknown-value",
  "bad-seq",
  "duplicate-id",
  "unknown-actor",
  "actor-exists",
  "actor-gone",
  "beyond-window",
  "not-open",
  "after-crash",
  "disabled-action",
  "empty",
  "bad-usage",
] as const;
/** A code of malformed input. */
export type InputErrorCode = (typeof INPUT_ERROR_CODES)[number];

/**
 * Calls that a trace cannot hold: a driver's own life (device memory, dummy devices) and the extensions. The model, the implementation and
 * schedules know them; `trace-format.md` is fixed.
 */
export type ModelCall =
  | Call
  /**
   * Adds `npages` of device memory with the named properties, rounded up to whole sections. Answers the number of the chunk in `value`, and
   * its first frame and the frame behind its last in `data`. `minor` is the dummy device that hosts it, `lacks` what the driver has left out.
   */
  | {
      readonly op: "devmem_add";
      readonly dev: number;
      readonly npages: number;
      readonly flags: readonly DevmemFlag[];
      readonly minor?: number;
      readonly lacks?: readonly DevmemPart[];
    }
  /** Removes chunk `chunk` of a device: waits until nobody uses its pages. */
  | { readonly op: "devmem_remove"; readonly dev: number; readonly chunk: number }
  /** Brings every page of the device home and removes all its chunks. */
  | { readonly op: "devmem_release"; readonly dev: number }
  /** v14: a dummy device to host device memory; answers its minor in `value`. */
  | { readonly op: "hmm_device_new" }
  /** v14: gives a dummy device back, and removes what it still hosts. */
  | { readonly op: "hmm_device_put"; readonly minor: number }
  /** v14: makes a mirror of the caller's address space, as open does; `without` is what the driver has left out. */
  | { readonly op: "hmm_mirror_register"; readonly dev: number; readonly without?: "mm" | "mirror" | "ops" }
  /** Extension: a read-only copy of each page on the device beside the page itself. */
  | ({ readonly op: "duplicate" } & DeviceRange);

/** Properties of a range of device memory (v14: MEMORY_DEVICE, MEMORY_DEVICE_ALLOW_MIGRATE, MEMORY_DEVICE_UNADDRESSABLE). */
export const DEVMEM_FLAGS = ["device", "allow_migrate", "unaddressable"] as const;
/** A property of a range of device memory. */
export type DevmemFlag = (typeof DEVMEM_FLAGS)[number];

/** What a driver registers with a range of private memory. */
export const DEVMEM_PARTS = ["owner", "page_free", "migrate_to_ram"] as const;
/** A part of what a driver registers with a range of device memory. */
export type DevmemPart = (typeof DEVMEM_PARTS)[number];

/** One thing that can happen: everything that the kernel or the environment chooses freely is written in it. */
export type Action =
  /** A thread of `actor` enters a call. */
  | { readonly type: "call"; readonly actor: number; readonly call: ModelCall }
  /** A task takes its next step; `choice` is what the environment decides in it, empty where it decides nothing. */
  | { readonly type: "step"; readonly task: number; readonly choice: string }
  /** Somebody pins a page for DMA, or takes a brief reference, and gives it back. */
  | { readonly type: "pin" | "unpin" | "get" | "put"; readonly pfn: number }
  /** Somebody puts a reference that he does not have, on a free device frame (v14, where such a frame has the count 1). */
  | { readonly type: "wrong_put"; readonly pfn: number }
  /** The kernel begins to reclaim a page, or to move it to another system frame: the ordinary migration, which copies by itself. */
  | { readonly type: "reclaim" | "move"; readonly pfn: number };

/** What an action did. */
export type Outcome =
  | { readonly kind: "running" }
  /** The task has ended with an answer. */
  | { readonly kind: "return"; readonly task: number; readonly ret: Ret }
  /** The action makes no sense here; the state is unchanged. */
  | { readonly kind: "disabled"; readonly why: string };
