/** Reads a state into a sweep. */
import { DPTE, FRAME, PTE } from "../spec/words.ts";
import { OP_OF_STEP } from "./ops.ts";
import { AREA, LOCALS } from "./sweep.ts";
import type { Sweep } from "./sweep.ts";
import { WANTED_FROM, WANTED_LOCAL } from "./wanted-locals.ts";

const COUNTED = ["entries", "writers", "dirtied", "migrations", "reached", "cached", "listed", "swapped", "copies"] as const;

/** Reads the state that the view shows now. */
export function readState(s: Sweep): void {
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
  const size = s.frame.length;
  s.counts = new Int32Array(COUNTED.length * size);
  COUNTED.forEach((count, i) => (s[count] = s.counts.subarray(i * size, (i + 1) * size)));
}

// One loop for a few questions each: a compiler that puts the answers of a view in place of the calls does so up to some size of a function only.

function readFrames(s: Sweep): void {
  const n = s.view.frameCount();
  s.frames = n;
  if (n > s.frame.length) growFrames(s, n);
  s.counts.fill(0);
  readCounts(s, n);
  readHolders(s, n);
  readPlaces(s, n);
  readContents(s, n);
}

function readCounts(s: Sweep, n: number): void {
  const { view, frame, refs, maps } = s;
  for (let pfn = 0; pfn < n; pfn++) {
    frame[pfn] = view.frame(pfn);
    refs[pfn] = view.frameRefs(pfn);
    maps[pfn] = view.frameMaps(pfn);
  }
}

function readHolders(s: Sweep, n: number): void {
  const { view, pins, locked, frameDev, slot } = s;
  for (let pfn = 0; pfn < n; pfn++) {
    pins[pfn] = view.framePins(pfn);
    locked[pfn] = view.frameLocked(pfn);
    frameDev[pfn] = view.frameDev(pfn);
    slot[pfn] = view.frameSlot(pfn);
  }
}

/** Nobody asks what a free frame was. */
const isFree = (word: number): boolean => (word & FRAME.free) !== 0;

function readPlaces(s: Sweep, n: number): void {
  const { view, frame, mapping, index } = s;
  for (let pfn = 0; pfn < n; pfn++) {
    if (isFree(frame[pfn]!)) continue;
    mapping[pfn] = view.frameMapping(pfn);
    index[pfn] = view.frameIndex(pfn);
  }
}

function readContents(s: Sweep, n: number): void {
  const { view, frame, first, fill } = s;
  for (let pfn = 0; pfn < n; pfn++) {
    if (isFree(frame[pfn]!)) continue;
    first[pfn] = view.frameFirst(pfn);
    fill[pfn] = view.frameFill(pfn);
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
    s.pte = room(mms * pages);
    s.area = room(mms * pages);
    s.linear = room(mms * pages);
  }
  if (slots > s.slotEntries.length) s.slotEntries = room(slots);
  for (let slot = 0; slot < slots; slot++) s.slotEntries[slot] = 0;
  for (let mm = 0; mm < mms; mm++) {
    s.mmActive[mm] = view.mmActive(mm);
    s.mmSeq[mm] = view.mmSeq(mm);
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
    const start = view.vmaStart(mm, vma);
    const offset = view.vmaPgoff(mm, vma) - start;
    for (let v = start; v < end; v++) {
      s.area[base + v] = word;
      s.linear[base + v] = offset + v;
    }
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
  }
  readMirrors(s);
}

function readMirrors({ view, pages, files, frames, dpte, reached }: Sweep): void {
  for (let file = 0; file < files; file++) {
    for (let v = 0; v < pages; v++) {
      const word = view.dpte(file, v);
      dpte[file * pages + v] = word;
      if ((word & (DPTE.valid | DPTE.zero)) !== DPTE.valid) continue;
      const pfn = word >>> DPTE.payload_shift;
      if (pfn < frames) reached[pfn]!++;
    }
  }
}

/** Page caches, swap caches, replicas and free lists: who else names a frame. */
function readLists(s: Sweep): void {
  readObjects(s);
  readCaches(s);
  readFreeLists(s);
}

function readObjects({ view, frames, cached }: Sweep): void {
  const objects = view.shmemCount();
  for (let object = 0; object < objects; object++) {
    const n = view.shmemPages(object);
    for (let i = 0; i < n; i++) {
      const pfn = view.shmemPage(object, i);
      if (pfn >= 0 && pfn < frames) cached[pfn]!++;
    }
  }
}

function readCaches(s: Sweep): void {
  const { view, frames, swapped, copies } = s;
  for (let slot = 0; slot < s.slots; slot++) {
    const pfn = view.slotCache(slot);
    if (pfn >= 0 && pfn < frames) swapped[pfn]!++;
  }
  s.replicas = view.replicaCount();
  for (let i = 0; i < s.replicas; i++) {
    const pfn = view.replicaPfn(i);
    if (pfn >= 0 && pfn < frames) copies[pfn]!++;
  }
}

function readFreeLists({ view, frames, frameDev, listed }: Sweep): void {
  const devices = view.deviceCount();
  for (let dev = 0; dev < devices; dev++) {
    const n = view.deviceFree(dev);
    for (let i = 0; i < n; i++) {
      const pfn = view.deviceFreeAt(dev, i);
      // On the list of another device it counts double, which is never right.
      if (pfn >= 0 && pfn < frames) listed[pfn]! += frameDev[pfn] === dev ? 1 : 2;
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
    readStack(s, task);
    readLocals(s, task);
  }
}

function readStack({ view, taskStep, taskOuter, taskRoot, taskOps }: Sweep, task: number): void {
  const depth = view.taskDepth(task);
  let ops = 0;
  let step = -1;
  let outer = -1;
  for (let level = 0; level < depth; level++) {
    outer = step;
    step = view.taskStep(task, level);
    if (level === 0) taskRoot[task] = step;
    ops |= OP_OF_STEP[step]!;
  }
  taskStep[task] = step;
  taskOuter[task] = outer;
  taskOps[task] = ops;
}

function readLocals({ view, taskStep, local }: Sweep, task: number): void {
  const step = taskStep[task]!;
  const end = WANTED_FROM[step + 1]!;
  for (let i = WANTED_FROM[step]!; i < end; i++) {
    const wanted = WANTED_LOCAL[i]!;
    local[task * LOCALS + wanted] = view.taskLocal(task, view.taskDepth(task) - 1, wanted);
  }
}
