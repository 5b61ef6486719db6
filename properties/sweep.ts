/**
 * One reading of a state: every word that properties ask for is read from the `View` once, and what follows from the entries is counted anew.
 *
 * All properties of a state share one sweep. Its arrays are reused from state to state; they only grow, when a state has more of something
 * than any state before it. Index of a page of an address space is `mm * pages + vpn`, of a page of a mirror `file * pages + vpn`.
 */
import type { View } from "../spec/system.ts";
import { DPTE, FRAME, LOCAL, PTE } from "../spec/words.ts";
import type { Ghost } from "./ghost/ghost.ts";
import { OP_OF_STEP } from "./ops.ts";

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
  mmActive: Int32Array;
  mmSeq: Int32Array;
  mmUsers: Int32Array;

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
  /** Locals of the innermost operation, at `task * LOCALS + local`. */
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
    mmActive: NONE,
    mmSeq: NONE,
    mmUsers: NONE,
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

/** Reads the state that the view shows now. */
export function sweep(s: Sweep): void {
  readFrames(s);
  readPages(s);
  readFiles(s);
  readLists(s);
  readTasks(s);
}

/** Twice what is needed, so that growth is rare. */
const room = (n: number): Int32Array => new Int32Array(2 * n);

function growFrames(s: Sweep, n: number): void {
  s.frame = room(n);
  s.refs = room(n);
  s.maps = room(n);
  s.pins = room(n);
  s.locked = room(n);
  s.frameDev = room(n);
  s.mapping = room(n);
  s.index = room(n);
  s.first = room(n);
  s.fill = room(n);
  s.slot = room(n);
  s.entries = room(n);
  s.writers = room(n);
  s.dirtied = room(n);
  s.migrations = room(n);
  s.reached = room(n);
  s.cached = room(n);
  s.listed = room(n);
  s.swapped = room(n);
  s.copies = room(n);
}

function readFrames(s: Sweep): void {
  const { view } = s;
  const n = view.frameCount();
  s.frames = n;
  if (n > s.frame.length) growFrames(s, n);
  for (let pfn = 0; pfn < n; pfn++) {
    s.frame[pfn] = view.frame(pfn);
    s.refs[pfn] = view.frameRefs(pfn);
    s.maps[pfn] = view.frameMaps(pfn);
    s.pins[pfn] = view.framePins(pfn);
    s.locked[pfn] = view.frameLocked(pfn);
    s.frameDev[pfn] = view.frameDev(pfn);
    s.mapping[pfn] = view.frameMapping(pfn);
    s.index[pfn] = view.frameIndex(pfn);
    s.first[pfn] = view.frameFirst(pfn);
    s.fill[pfn] = view.frameFill(pfn);
    s.slot[pfn] = view.frameSlot(pfn);
    s.entries[pfn] = 0;
    s.writers[pfn] = 0;
    s.dirtied[pfn] = 0;
    s.migrations[pfn] = 0;
    s.reached[pfn] = 0;
    s.cached[pfn] = 0;
    s.listed[pfn] = 0;
    s.swapped[pfn] = 0;
    s.copies[pfn] = 0;
  }
}

function readPages(s: Sweep): void {
  const { view, pages } = s;
  const mms = view.mmCount();
  const slots = view.slotCount();
  s.mms = mms;
  s.slots = slots;
  if (mms > s.mmActive.length) {
    s.mmActive = room(mms);
    s.mmSeq = room(mms);
    s.mmUsers = room(mms);
    s.pte = room(mms * pages);
    s.area = room(mms * pages);
  }
  if (slots > s.slotEntries.length) s.slotEntries = room(slots);
  for (let slot = 0; slot < slots; slot++) s.slotEntries[slot] = 0;
  for (let mm = 0; mm < mms; mm++) {
    s.mmActive[mm] = view.mmActive(mm);
    s.mmSeq[mm] = view.mmSeq(mm);
    s.mmUsers[mm] = view.mmUsers(mm);
    const base = mm * pages;
    for (let v = 0; v < pages; v++) {
      const pte = view.pte(mm, v);
      s.pte[base + v] = pte;
      s.area[base + v] = -1;
      if (pte > PTE.zero || pte < 0) countEntry(s, pte);
    }
    readMappings(s, mm);
  }
}

/** Counts an entry at what it names. An entry that names nothing that exists is not counted: properties about entries find it. */
function countEntry(s: Sweep, pte: number): void {
  const at = pte >>> PTE.payload_shift;
  const kind = pte & PTE.kind_mask;
  if (kind === PTE.swap) {
    if (at < s.slots) s.slotEntries[at]!++;
    return;
  }
  if (at >= s.frames || kind === PTE.zero) return;
  if ((pte & PTE.dirty) !== 0) s.dirtied[at]!++;
  if (kind === PTE.migration) s.migrations[at]!++;
  else {
    s.entries[at]!++;
    if ((pte & PTE.write) !== 0) s.writers[at]!++;
  }
}

function readMappings(s: Sweep, mm: number): void {
  const { view } = s;
  const base = mm * s.pages;
  const count = view.vmaCount(mm);
  for (let vma = 0; vma < count; vma++) {
    const word = (vma << AREA.vma_shift) | (view.vmaMap(mm, vma) << AREA.map_shift) | view.vmaFlags(mm, vma);
    const end = Math.min(view.vmaEnd(mm, vma), s.pages);
    for (let v = view.vmaStart(mm, vma); v < end; v++) s.area[base + v] = word;
  }
}

function readFiles(s: Sweep): void {
  const { view, pages } = s;
  const files = view.fileCount();
  s.files = files;
  if (files > s.fileMm.length) {
    s.fileMm = room(files);
    s.fileDev = room(files);
    s.fileInterval = room(files);
    s.fileMutex = room(files);
    s.dpte = room(files * pages);
  }
  for (let file = 0; file < files; file++) {
    s.fileMm[file] = view.fileMm(file);
    s.fileDev[file] = view.fileDev(file);
    s.fileInterval[file] = view.fileInterval(file);
    s.fileMutex[file] = view.fileMutex(file);
    const base = file * pages;
    for (let v = 0; v < pages; v++) {
      const dpte = view.dpte(file, v);
      s.dpte[base + v] = dpte;
      if ((dpte & (DPTE.valid | DPTE.zero)) !== DPTE.valid) continue;
      const pfn = dpte >>> DPTE.payload_shift;
      if (pfn < s.frames) s.reached[pfn]!++;
    }
  }
}

/** Page caches, swap caches, replicas and free lists: who else names a frame. */
function readLists(s: Sweep): void {
  const { view, frames } = s;
  const objects = view.shmemCount();
  for (let object = 0; object < objects; object++) {
    const n = view.shmemPages(object);
    for (let i = 0; i < n; i++) {
      const pfn = view.shmemPage(object, i);
      if (pfn >= 0 && pfn < frames) s.cached[pfn]!++;
    }
  }
  for (let slot = 0; slot < s.slots; slot++) {
    const pfn = view.slotCache(slot);
    if (pfn >= 0 && pfn < frames) s.swapped[pfn]!++;
  }
  s.replicas = view.replicaCount();
  for (let i = 0; i < s.replicas; i++) {
    const pfn = view.replicaPfn(i);
    if (pfn >= 0 && pfn < frames) s.copies[pfn]!++;
  }
  const devices = view.deviceCount();
  for (let dev = 0; dev < devices; dev++) {
    const n = view.deviceFree(dev);
    for (let i = 0; i < n; i++) {
      const pfn = view.deviceFreeAt(dev, i);
      // On the list of another device it counts double, which is never right.
      if (pfn >= 0 && pfn < frames) s.listed[pfn]! += s.frameDev[pfn] === dev ? 1 : 2;
    }
  }
}

function readTasks(s: Sweep): void {
  const { view } = s;
  const tasks = view.taskCount();
  s.tasks = tasks;
  s.live = 0;
  if (tasks > s.taskStep.length) {
    s.taskStep = room(tasks);
    s.taskOuter = room(tasks);
    s.taskRoot = room(tasks);
    s.taskOps = room(tasks);
    s.local = room(tasks * LOCALS);
  }
  for (let task = 0; task < tasks; task++) {
    s.taskStep[task] = -1;
    s.taskOps[task] = 0;
    if (view.taskLive(task) !== 1) continue;
    s.live++;
    const depth = view.taskDepth(task);
    let ops = 0;
    for (let level = 0; level < depth; level++) ops |= OP_OF_STEP[view.taskStep(task, level)]!;
    s.taskOps[task] = ops;
    s.taskStep[task] = view.taskStep(task, depth - 1);
    s.taskOuter[task] = depth > 1 ? view.taskStep(task, depth - 2) : -1;
    s.taskRoot[task] = view.taskStep(task, 0);
    for (let local = 0; local < LOCALS; local++) s.local[task * LOCALS + local] = view.taskLocal(task, depth - 1, local);
  }
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
