/** What nothing refers to any more is forgotten, so that a state stays as small as what it describes, however long the run. */
import { INTERVAL, MAP, MAPPING, STEP } from "../spec/words.ts";
import type { Arena } from "./arena.ts";
import { Full } from "./capacity.ts";
import { indexOf, putPage, setMapping } from "./frames.ts";
import { ANON, FILE, G, MM, R, TASK, VMA } from "./layout.ts";
import { detachedFirst, detachedRecord } from "./rmap.ts";
import { vmasEnd, vmasFirst } from "./vmas.ts";

const EXIT_FIRST = STEP["exit_mmap.release"];
const EXIT_LAST = STEP["exit_mmap.zap"];

/** Marks of the anon_vmas, and of the shared memory objects, that a mapping refers to. */
let anons = new Uint8Array(64);
let objects = new Uint8Array(64);

function noteVmas(words: Int32Array, first: number, end: number): void {
  for (let row = first; row < end; row += VMA.words) {
    for (let i = 0; i < words[row + VMA.links]!; i++) anons[words[row + VMA.chain + i]!] = 1;
    if (words[row + VMA.map] === MAP.shared) objects[words[row + VMA.object]! - 1] = 1;
  }
}

function noteAll(h: Arena): void {
  if (anons.length < h.capacity.anonVmas) anons = new Uint8Array(h.capacity.anonVmas);
  if (objects.length < h.capacity.shmems) objects = new Uint8Array(h.capacity.shmems);
  anons.fill(0, 0, h.global[G.anonVmas]);
  objects.fill(0, 0, h.global[G.shmems]);
  for (let mm = 0; mm < h.global[G.mms]!; mm++) {
    noteVmas(h.vma, vmasFirst(h, mm), vmasEnd(h, mm));
    const r = detachedRecord(h, mm);
    if (r < 0) continue;
    const first = detachedFirst(h, h.mm[mm * h.mmWords + MM.writer]! - 1);
    noteVmas(h.task, first, first + h.task[r + R.x0]! * VMA.words);
  }
}

/** Empties the page cache of a shared memory object. */
function dropObject(h: Arena, object: number): void {
  const row = object * h.shmemWords;
  const end = row + 1 + h.shmem[row]!;
  for (let at = row + 1; at < end; at++) {
    const pfn = h.shmem[at]! - 1;
    if (pfn < 0) continue;
    setMapping(h, pfn, MAPPING.none, 0, indexOf(h, pfn));
    putPage(h, pfn);
  }
  h.shmem.fill(0, row, end);
}

/** Forgets anon_vmas that no mapping is linked to, and shared memory that nobody maps: its page cache is emptied. */
export function reap(h: Arena): void {
  noteAll(h);
  for (let id = 0; id < h.global[G.anonVmas]!; id++) if (anons[id] === 0) h.anon.fill(0, id * ANON.words, (id + 1) * ANON.words);
  for (let object = 0; object < h.global[G.shmems]!; object++)
    if (objects[object] === 0 && h.shmem[object * h.shmemWords] !== 0) dropObject(h, object);
}

/** A shared memory object of a new mapping, in the place of one that is gone. */
export function newShmem(h: Arena, npages: number): number {
  let object = 0;
  while (object < h.global[G.shmems]! && h.shmem[object * h.shmemWords] !== 0) object++;
  if (object >= h.capacity.shmems) throw new Full("shmems");
  if (object === h.global[G.shmems]) h.global[G.shmems] = object + 1;
  h.shmem[object * h.shmemWords] = npages;
  return object;
}

/** Whether a file mirrors an address space, also one that is closed and whose mirror has not ended yet. */
function mirrored(h: Arena, mm: number): boolean {
  for (let f = 0; f < h.global[G.files]! * FILE.words; f += FILE.words)
    if (h.file[f + FILE.mm] === mm && h.file[f + FILE.interval] !== INTERVAL.none) return true;
  return false;
}

/** Whether somebody is still tearing an address space down. */
function tornDown(h: Arena, mm: number): boolean {
  for (let t = 0; t < h.capacity.tasks; t++) {
    const row = t * h.taskWords;
    for (let level = 0; level < h.task[row + TASK.depth]!; level++) {
      const r = row + TASK.records + level * R.words;
      const step = h.task[r + R.step]!;
      if (EXIT_FIRST <= step && step <= EXIT_LAST && h.task[r + R.mm] === mm) return true;
    }
  }
  return false;
}

/** The id of a new address space: that of one which is gone, torn down, and mirrored by no open file any more; else the next one. Nothing of it is left but its sequence. */
export function newMm(h: Arena): number {
  let mm = 0;
  for (; mm < h.global[G.mms]!; mm++) {
    const m = mm * h.mmWords;
    if (h.mm[m + MM.users] === 0 && h.mm[m + MM.vmas] === 0 && h.mm[m + MM.active] === 0 && !mirrored(h, mm) && !tornDown(h, mm)) break;
  }
  if (mm >= h.capacity.mms) throw new Full("mms");
  if (mm === h.global[G.mms]) h.global[G.mms] = mm + 1;
  return mm;
}
