/**
 * What a checker may ask of any implementation of HMM, and nothing else: `System` runs it, `View` reads it.
 *
 * A `View` answers small questions with numbers and copies nothing, so that a property costs no allocation: ids are numbers, "none" is -1,
 * entries are packed words (`words.ts`). Whoever reads a page, frame or id that does not exist gets -1, or 0 for a word.
 */
import type { Profile } from "./profile.ts";
import type { Action, Config, DevmemFlag, Outcome, Ret } from "./vocabulary.ts";

/** Bounds that a configuration has beyond a trace header. Without `deviceFrames` and `physicalPages` device memory is hot-added on demand (model only). */
export interface Bounds {
  /** Frames that each device holds at first. */
  readonly deviceFrames?: number;
  /** Physical addresses for `devmem_add`, in pages: a bound on all device memory beyond `deviceFrames`, which then does not grow on demand. */
  readonly physicalPages?: number;
  /** Pages of a section, to a multiple of which added memory is rounded up (128 MiB of a kernel). 1 unless said otherwise. */
  readonly sectionPages?: number;
  /** Flags of device memory that the architecture knows. All of them unless said otherwise. */
  readonly archFlags?: readonly DevmemFlag[];
  /** How many notes a state keeps (model only). None unless said otherwise. */
  readonly notes_max?: number;
}

/** Everything that a system is made from. */
export interface Setup {
  readonly profile: Profile;
  readonly config: Config;
  readonly bounds: Bounds;
}

/** The reading interface. Numbers of things are one above the highest id in use; ids below it may be unused. */
export interface View {
  readonly profile: Profile;
  /** Pages of the address window. */
  readonly pages: number;

  actorCount(): number;
  /** Address space of a living actor, or -1. */
  actorMm(actor: number): number;
  /** Open file of a device, or -1. */
  actorFile(actor: number, dev: number): number;

  mmCount(): number;
  mmUsers(mm: number): number;
  /** Invalidations in progress. */
  mmActive(mm: number): number;
  /** Sequence number of the subscriptions. */
  mmSeq(mm: number): number;
  /** Task that holds the address space lock for writing, or -1. */
  mmWriter(mm: number): number;
  /** How many times the address space lock is held for reading. */
  mmReaders(mm: number): number;
  /** v14: whether struct hmm exists (1 or 0). */
  mmHmm(mm: number): number;
  /** CPU page table entry, a word of `PTE`. */
  pte(mm: number, vpn: number): number;

  vmaCount(mm: number): number;
  /** The mapping, by its place in the order of addresses, that a page lies in, or -1. */
  vmaAt(mm: number, vpn: number): number;
  vmaStart(mm: number, vma: number): number;
  vmaEnd(mm: number, vma: number): number;
  /** Bits of `VM`. */
  vmaFlags(mm: number, vma: number): number;
  /** A number of `MAP`. */
  vmaMap(mm: number, vma: number): number;
  /** Shared memory object or file behind it, or -1. */
  vmaObject(mm: number, vma: number): number;
  vmaPgoff(mm: number, vma: number): number;
  /** The anon_vma of new pages, or -1. */
  vmaAnon(mm: number, vma: number): number;
  vmaStamp(mm: number, vma: number): number;
  vmaChainLength(mm: number, vma: number): number;
  /** An anon_vma whose pages it may hold. */
  vmaChain(mm: number, vma: number, i: number): number;

  fileCount(): number;
  fileDev(file: number): number;
  fileMm(file: number): number;
  fileUsers(file: number): number;
  /** Sequence of the interval notifier. */
  fileSeq(file: number): number;
  /** A number of `INTERVAL`. */
  fileInterval(file: number): number;
  /** Task that holds the driver lock, or -1. */
  fileMutex(file: number): number;
  /** Device page table entry, a word of `DPTE`. */
  dpte(file: number, vpn: number): number;

  frameCount(): number;
  /** Bits of `FRAME`. */
  frame(pfn: number): number;
  /** Device that hosts it, or -1. */
  frameDev(pfn: number): number;
  /** Holders: the reference count without the base of device frames. */
  frameRefs(pfn: number): number;
  /** Holders that are entries of CPU page tables (also device-private and device-exclusive ones). */
  frameMaps(pfn: number): number;
  /** Holders that are pins. */
  framePins(pfn: number): number;
  /** Task that holds the page lock, or -1. */
  frameLocked(pfn: number): number;
  /** anon_vma or shared memory object of its mapping, or -1. */
  frameMapping(pfn: number): number;
  frameIndex(pfn: number): number;
  /** First byte, or -1 where nobody can know it. */
  frameFirst(pfn: number): number;
  /** All other bytes, or -1. */
  frameFill(pfn: number): number;
  /** First frame of its compound page, or -1. */
  frameHead(pfn: number): number;
  /** Driver word: the file whose migration allocated it, or -1. */
  frameFile(pfn: number): number;
  /** Swap slot of a frame in the swap cache, or -1. */
  frameSlot(pfn: number): number;

  deviceCount(): number;
  /** A number as the kind of its frames: `FRAME.private` or `FRAME.coherent`. */
  deviceKind(dev: number): number;
  /** Frames on the free list. */
  deviceFree(dev: number): number;
  /** A frame of the free list; the one with the highest `i` is allocated next. */
  deviceFreeAt(dev: number, i: number): number;
  chunkCount(dev: number): number;
  chunkFirst(dev: number, chunk: number): number;
  chunkPages(dev: number, chunk: number): number;
  /** A number of `CHUNK`. */
  chunkState(dev: number, chunk: number): number;
  /** Bits by the order of `DEVMEM_FLAGS`. */
  chunkFlags(dev: number, chunk: number): number;
  /** Whether the kernel's linear map covers it (1 or 0). */
  chunkLinear(dev: number, chunk: number): number;
  /** The dummy device that hosts it (v14), or -1. */
  chunkMinor(dev: number, chunk: number): number;
  /** State of a dummy device (v14): 0 none, 1 there, 2 given back. */
  dummy(minor: number): number;

  anonCount(): number;
  /** Parent of an anon_vma (itself for a root), or -1 where there is none. */
  anonParent(anon: number): number;
  anonRoot(anon: number): number;
  shmemCount(): number;
  /** Pages of a shared memory object; 0 where there is none. */
  shmemPages(object: number): number;
  /** Frame in its page cache, or -1. */
  shmemPage(object: number, index: number): number;
  slotCount(): number;
  /** Entries that refer to a swap slot. */
  slotUsers(slot: number): number;
  slotCache(slot: number): number;
  slotFirst(slot: number): number;
  slotFill(slot: number): number;
  /** Replicas are numbered in the order in which they were made. */
  replicaCount(): number;
  replicaPage(i: number): number;
  replicaDev(i: number): number;
  replicaPfn(i: number): number;
  replicaInstalled(i: number): number;

  taskCount(): number;
  /** Whether a task with this id is in flight (1 or 0). */
  taskLive(task: number): number;
  taskActor(task: number): number;
  /** Operations that it has entered and not left. */
  taskDepth(task: number): number;
  /** Code of the next step (`STEPS`) at a level: 0 is the call, `taskDepth - 1` the innermost operation. */
  taskStep(task: number, level: number): number;
  /** A local (`LOCAL`) of an operation. */
  taskLocal(task: number, level: number, local: number): number;

  /** A device wrote through an entry to memory that is not its own (1 or 0). */
  tainted(): number;
}

/** A state that was saved. Only the system that saved it can read it. */
export type Saved = object;

/** What a step has done: `returned` says that the task has ended. */
export const TAKEN = { running: 0, returned: 1 } as const;

/** One implementation of HMM under a checker. */
export interface System {
  readonly setup: Setup;
  readonly view: View;
  /**
   * Every step that can be taken now, as words `task << 8 | choice` (`CHOICES`), ascending. Writes them to `into` and answers how many.
   */
  steps(into: Int32Array): number;
  /** Takes a step that `steps` has named. Answers a number of `TAKEN`. */
  take(word: number): number;
  /** What the task that returned last has answered. */
  answer(): Ret;
  /** Why an action makes no sense now, or `null`. */
  refusal(action: Action): string | null;
  /** Carries out any action. A disabled one changes nothing. */
  apply(action: Action): Outcome;
  save(): Saved;
  restore(saved: Saved): void;
}
