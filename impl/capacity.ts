/** How much of each thing one state can hold. Every table of the flat buffer is sized by it once. */
import { FILES_MAX } from "../spec/words.ts";
import type { Setup } from "../spec/system.ts";

/** Sizes of the tables, in rows. */
export interface Capacity {
  /** Processes: actor ids are below it. */
  readonly actors: number;
  readonly mms: number;
  readonly tasks: number;
  readonly files: number;
  /** Mappings of one address space. */
  readonly vmas: number;
  readonly anonVmas: number;
  readonly shmems: number;
  readonly slots: number;
  readonly systemFrames: number;
  readonly replicas: number;
  /** Ranges of memory of one device. */
  readonly chunks: number;
  /** Candidates of one migration: of a batch, or all frames of a device that is evicted. */
  readonly candidates: number;
  /** Entries of the translation cache of one open file: a power of two, or 0 for none. */
  readonly tlb: number;
  /** Commands that the queue of one simulated device holds, or 0 where no device runs by itself. */
  readonly commands: number;
  /** Entries of the fault queue of one simulated device. */
  readonly faults: number;
}

/** Small windows get room for whatever can happen in them; a wide one must say what it needs. */
const SMALL_PAGES = 64;
const PROCESSES = 4;
/** Pages that one migration call of a driver handles at most. */
const BATCH = 64;

/** The sizes for a setup; what `given` names is taken instead. */
export function capacityOf(setup: Setup, given: Partial<Capacity> = {}): Capacity {
  const { config, bounds } = setup;
  const { pages } = config;
  const small = pages <= SMALL_PAGES;
  const devices = config.devices.length;
  const actors = given.actors ?? PROCESSES;
  const tasks = given.tasks ?? PROCESSES;
  const mms = given.mms ?? (small ? actors * 2 : actors);
  const files = given.files ?? Math.min(FILES_MAX, mms * Math.max(1, devices) * 2);
  const deviceFrames = (bounds.deviceFrames ?? 0) * devices + (bounds.physicalPages ?? 0);
  const spaces = mms + files;
  const vmas = given.vmas ?? Math.min(pages, SMALL_PAGES) + 1;
  return {
    actors,
    mms,
    tasks,
    files,
    vmas,
    anonVmas: given.anonVmas ?? Math.min(1024, mms * vmas + 2),
    shmems: given.shmems ?? (small ? mms * vmas : 2),
    slots: given.slots ?? (small ? mms * pages + tasks : 64),
    systemFrames: given.systemFrames ?? (small ? spaces * pages + 4 * tasks : pages + spaces * SMALL_PAGES),
    replicas: given.replicas ?? deviceFrames,
    chunks: given.chunks ?? (bounds.physicalPages ?? 0) + 1,
    candidates: given.candidates ?? Math.max(Math.min(BATCH, pages), deviceFrames),
    tlb: given.tlb ?? 4,
    commands: given.commands ?? 0,
    faults: given.faults ?? Math.ceil((given.commands ?? 0) / 2),
  };
}

/** A table of the state is full. The run must end as inconclusive: the bound that was hit is named. */
export class Full extends Error {
  constructor(table: keyof Capacity | "chain" | "count") {
    super(`the state has no room for more ${table}`);
  }
}
