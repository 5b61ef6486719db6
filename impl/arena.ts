/**
 * The whole state of the implementation in one flat buffer, with a view for each table. Saving a state is one copy, comparing two is comparing
 * words. What is not in the buffer (the answer of the call that has just ended) is no state.
 */
import { ERRNOS } from "../spec/vocabulary.ts";
import type { Errno, Ret } from "../spec/vocabulary.ts";
import type { Profile } from "../spec/profile.ts";
import type { Setup } from "../spec/system.ts";
import { CHUNK, FRAME } from "../spec/words.ts";
import { capacityOf } from "./capacity.ts";
import type { Capacity } from "./capacity.ts";
import { FreeFrames, freeFramesWords } from "./free-frames.ts";
import {
  ACTOR,
  ANON,
  CANDIDATE,
  CHUNK_ROW,
  COMMAND,
  DEPTH_MAX,
  DEVICE,
  ENGINE,
  F,
  FAULT,
  FB,
  FILE,
  G,
  MM,
  R,
  REPLICA,
  SLOT,
  TASK,
  TLB,
  VMA,
} from "./layout.ts";
import { PageTable, pageTableWords } from "./page-table.ts";

/** Dummy devices that can exist at a time: `HMM_DEVICE_MAX`. Two bits each. */
export const MINORS = 256;
/** Pages that one walk of a driver's call handles, except for v14's snapshot. */
const BATCH = 64;

/** A state that cannot be: our own bug, in the implementation. */
export class ImplBug extends Error {}

/** The state, with the sizes of its tables. Fields named `...Words` are the lengths of rows. */
export class Arena {
  readonly setup: Setup;
  readonly profile: Profile;
  readonly pages: number;
  readonly capacity: Capacity;
  readonly devices: number;
  /** First physical address that `devmem_add` can take, and the one behind the last. */
  readonly windowFirst: number;
  readonly windowEnd: number;
  /** First frame of system memory. */
  readonly firstSystem: number;
  readonly frameMax: number;

  /** Everything. */
  readonly words: Int32Array;
  readonly global: Int32Array;
  readonly actor: Int32Array;
  readonly actorWords: number;
  readonly mm: Int32Array;
  readonly mmWords: number;
  readonly vma: Int32Array;
  readonly vmaWords: number;
  readonly file: Int32Array;
  readonly frame: Int32Array;
  readonly device: Int32Array;
  readonly chunk: Int32Array;
  readonly anon: Int32Array;
  readonly shmem: Int32Array;
  readonly shmemWords: number;
  readonly slot: Int32Array;
  readonly replica: Int32Array;
  readonly minors: Int32Array;
  readonly tlb: Int32Array;
  readonly command: Int32Array;
  readonly engine: Int32Array;
  readonly engineWords: number;
  readonly task: Int32Array;
  readonly taskWords: number;
  /** Where the arrays of a task begin in its row. */
  readonly candidates: number;
  readonly pfns: number;
  readonly data: number;
  readonly targets: number;
  readonly detached: number;

  readonly pt: PageTable;
  readonly dpt: PageTable;
  readonly freeFrames: FreeFrames;

  /** The answer of the task that has ended last. */
  private ret: Ret = { status: "ok" };

  constructor(setup: Setup, given: Partial<Capacity> = {}) {
    const { pages } = setup.config;
    const c = capacityOf(setup, given);
    this.setup = setup;
    this.profile = setup.profile;
    this.pages = pages;
    this.capacity = c;
    this.devices = setup.config.devices.length;
    this.windowFirst = this.devices * (setup.bounds.deviceFrames ?? 0);
    this.windowEnd = this.windowFirst + (setup.bounds.physicalPages ?? 0);
    this.firstSystem = this.windowEnd;
    this.frameMax = this.firstSystem + c.systemFrames;
    this.actorWords = ACTOR.files + this.devices;
    this.mmWords = MM.held + c.tasks;
    this.vmaWords = c.vmas * VMA.words;
    this.shmemWords = 1 + pages;
    this.candidates = TASK.records + DEPTH_MAX * R.words;
    this.pfns = this.candidates + c.candidates * CANDIDATE.words;
    this.data = this.pfns + (setup.profile.singleVma ? pages : Math.min(BATCH, pages));
    this.targets = this.data + pages;
    this.detached = this.targets + 2 * (c.mms + c.tasks) * c.vmas;
    this.taskWords = this.detached + c.vmas * VMA.words;
    this.engineWords = c.commands === 0 ? 0 : ENGINE.words + c.commands + c.faults * FAULT.words;

    const sizes = tableSizes(this);
    this.words = new Int32Array(sizes.reduce((sum, n) => sum + n, 0));
    let at = 0;
    let table = 0;
    const next = (): Int32Array => {
      const first = at;
      at += sizes[table++]!;
      return this.words.subarray(first, at);
    };
    this.global = next();
    this.actor = next();
    this.mm = next();
    this.vma = next();
    this.file = next();
    this.frame = next();
    this.device = next();
    this.chunk = next();
    this.anon = next();
    this.shmem = next();
    this.slot = next();
    this.replica = next();
    this.minors = next();
    this.tlb = next();
    this.command = next();
    this.engine = next();
    this.task = next();
    this.pt = new PageTable(next(), c.mms, pages);
    this.dpt = new PageTable(next(), c.files, pages);
    this.freeFrames = new FreeFrames(next(), c.systemFrames);
    boot(this);
  }

  /** Remembers an answer; `data` and `entries` are already copied. */
  setAnswer(ret: Ret): void {
    this.ret = ret;
  }

  /** What the task that ended last has answered. */
  answer(): Ret {
    return this.ret;
  }
}

/** Words of each table, in the order in which the constructor takes them. */
function tableSizes(h: Arena): number[] {
  const c = h.capacity;
  return [
    G.words,
    c.actors * h.actorWords,
    c.mms * h.mmWords,
    c.mms * h.vmaWords,
    c.files * FILE.words,
    h.frameMax * F.words,
    h.devices * DEVICE.words,
    h.devices * c.chunks * CHUNK_ROW.words,
    c.anonVmas * ANON.words,
    c.shmems * h.shmemWords,
    c.slots * SLOT.words,
    c.replicas * REPLICA.words,
    h.profile.dummyDevices ? MINORS / 16 : 0,
    c.files * c.tlb * TLB.words,
    h.devices * c.commands * COMMAND.words,
    h.devices * h.engineWords,
    c.tasks * h.taskWords,
    pageTableWords(c.mms, h.pages),
    pageTableWords(c.files, h.pages),
    freeFramesWords(c.systemFrames),
  ];
}

/** The state in which every run begins: one process with an empty window, devices with free memory, no file open. */
function boot(h: Arena): void {
  const { device, chunk, frame } = h;
  const npages = h.setup.bounds.deviceFrames ?? 0;
  h.setup.config.devices.forEach(({ kind }, d) => {
    const code = kind === "private" ? FRAME.private : FRAME.coherent;
    const row = d * DEVICE.words;
    device[row + DEVICE.kind] = code;
    if (npages === 0) return;
    const first = d * npages;
    device[row + DEVICE.free_head] = first + 1;
    device[row + DEVICE.free] = npages;
    device[row + DEVICE.chunks] = 1;
    const c = d * h.capacity.chunks * CHUNK_ROW.words;
    chunk[c + CHUNK_ROW.first] = first;
    chunk[c + CHUNK_ROW.npages] = npages;
    chunk[c + CHUNK_ROW.state] = CHUNK.online;
    chunk[c + CHUNK_ROW.flags] = kind === "private" ? 7 : 3;
    chunk[c + CHUNK_ROW.linear] = kind === "private" ? 0 : 1;
    for (let n = 0; n < npages; n++) {
      const f = (first + n) * F.words;
      frame[f + F.flags] = code | FRAME.free | FRAME.swap_backed | ((d + 1) << FB.dev_shift);
      frame[f + F.link] = n + 1 < npages ? first + n + 2 : 0;
    }
  });
  for (let pfn = h.windowFirst; pfn < h.windowEnd; pfn++) frame[pfn * F.words + F.flags] = FRAME.absent | FRAME.free | FRAME.swap_backed;
  for (let n = 0; n < h.capacity.systemFrames; n++) h.freeFrames.add(n);
  h.global[G.frames] = h.firstSystem;
  h.global[G.mms] = 1;
  h.global[G.actors] = 1;
  h.actor[ACTOR.live] = 1;
  h.mm[MM.users] = 1;
  h.mm[MM.seq] = 2;
}

/** The place of an error number in `ERRNOS`. */
export function errnoIndex(errno: Errno): number {
  return ERRNOS.indexOf(errno);
}
