/**
 * One reading of a state: every word that properties ask for is read from the `View` once, and what follows from the entries is counted anew.
 *
 * All properties of a state share one sweep. Its arrays are reused from state to state; they only grow, when a state has more of something
 * than any state before it. Index of a page of an address space is `mm * pages + vpn`, of a page of a mirror `file * pages + vpn`.
 */
import type { View } from "../spec/system.ts";
import { FRAME, LOCAL } from "../spec/words.ts";
import type { Ghost } from "./ghost/ghost.ts";

/** Locals of each task that a sweep keeps. */
export const LOCALS = Object.keys(LOCAL).length;

/** Word of a page in `Sweep.area`: the place of its mapping, its kind (`MAP`) and flags (`VM`). A page outside every mapping is -1. */
export const AREA = { flags_mask: 0x1f, map_shift: 5, map_mask: 3 << 5, vma_shift: 8 } as const;

/** A state as properties read it. Only the first entries of an array, as many as the counts say, are of this state. */
export interface Sweep {
  /** For what a sweep does not keep. It always shows the newest state, so only a property that looks at the state now may ask it. */
  view: View;
  /** What is known of the way to this state; `null` where a state is looked at alone. */
  ghost: Ghost | null;
  pages: number;

  mms: number;
  pte: Int32Array;
  area: Int32Array;
  /** Place of a page in the memory object or under the anon_vma of its mapping; only where it lies in one. */
  linear: Int32Array;
  mmActive: Int32Array;
  mmSeq: Int32Array;

  files: number;
  dpte: Int32Array;
  fileMm: Int32Array;
  fileDev: Int32Array;
  fileInterval: Int32Array;
  fileMutex: Int32Array;

  frames: number;
  frame: Int32Array;
  refs: Int32Array;
  maps: Int32Array;
  pins: Int32Array;
  locked: Int32Array;
  frameDev: Int32Array;
  mapping: Int32Array;
  index: Int32Array;
  first: Int32Array;
  fill: Int32Array;
  slot: Int32Array;
  /** All counts below, in one piece. */
  counts: Int32Array;
  /** Counted: entries that map the frame. */
  entries: Int32Array;
  /** Counted: those of them that allow to write. */
  writers: Int32Array;
  /** Counted: entries of any kind that name the frame and are dirty. */
  dirtied: Int32Array;
  /** Counted: migration entries of the frame. */
  migrations: Int32Array;
  /** Counted: device page table entries that name the frame. */
  reached: Int32Array;
  /** Counted: places of page caches that hold the frame. */
  cached: Int32Array;
  /** Counted: how often the frame is on a free list. */
  listed: Int32Array;
  /** Counted: swap slots whose cache holds the frame. */
  swapped: Int32Array;
  /** Counted: replicas that the frame is. */
  copies: Int32Array;

  slots: number;
  /** Counted: entries that refer to a swap slot. */
  slotEntries: Int32Array;

  replicas: number;

  /** One above the highest id of a task in flight. */
  tasks: number;
  /** Tasks in flight. */
  live: number;
  /** Code of the innermost step that each task takes next, or -1 where there is no such task. */
  taskStep: Int32Array;
  /** Code of the step with which the operation around it goes on, or -1. */
  taskOuter: Int32Array;
  /** Code of the step of the call itself. */
  taskRoot: Int32Array;
  /** Bits of the operations that the task is in (`OP`). */
  taskOps: Int32Array;
  /** Locals of the innermost operation, at `task * LOCALS + local`: those that properties ask for at the step that it is at. */
  local: Int32Array;
}

const NONE = new Int32Array(0);

/** A sweep without anything in it. */
export function newSweep(view: View, ghost: Ghost | null): Sweep {
  return {
    view,
    ghost,
    pages: view.pages,
    mms: 0,
    pte: NONE,
    area: NONE,
    linear: NONE,
    mmActive: NONE,
    mmSeq: NONE,
    files: 0,
    dpte: NONE,
    fileMm: NONE,
    fileDev: NONE,
    fileInterval: NONE,
    fileMutex: NONE,
    frames: 0,
    frame: NONE,
    refs: NONE,
    maps: NONE,
    pins: NONE,
    locked: NONE,
    frameDev: NONE,
    mapping: NONE,
    index: NONE,
    first: NONE,
    fill: NONE,
    slot: NONE,
    counts: NONE,
    entries: NONE,
    writers: NONE,
    dirtied: NONE,
    migrations: NONE,
    reached: NONE,
    cached: NONE,
    listed: NONE,
    swapped: NONE,
    copies: NONE,
    slots: 0,
    slotEntries: NONE,
    replicas: 0,
    tasks: 0,
    live: 0,
    taskStep: NONE,
    taskOuter: NONE,
    taskRoot: NONE,
    taskOps: NONE,
    local: NONE,
  };
}

/** Whether a frame is memory of this kind and somebody's: not free, and not an address without memory. */
export function taken(s: Sweep, pfn: number): boolean {
  const word = s.frame[pfn]!;
  return pfn < s.frames && (word & FRAME.free) === 0 && (word & FRAME.kind_mask) !== FRAME.absent;
}

/** Whether a task with this id is in flight. */
export function isLive(s: Sweep, task: number): boolean {
  return task >= 0 && task < s.tasks && s.taskStep[task] !== -1;
}
