/** Open device files: who keeps them open. */
import { FRAME, INTERVAL } from "../spec/words.ts";
import type { Arena } from "./arena.ts";
import { Full } from "./capacity.ts";
import { fileOfFrame, flagsOf } from "./frames.ts";
import { ACTOR, DEVICE, FILE, G, MM, R, TASK } from "./layout.ts";
import { fail, taskRow } from "./tasks.ts";

/** Where the descriptor (+1) of an actor for a device is kept. */
const descriptor = (h: Arena, actor: number, dev: number): number => actor * h.actorWords + ACTOR.files + dev;

/** Gives the caller's descriptor of a device back, if it has one. */
export function closeDescriptor(h: Arena, actor: number, dev: number): void {
  if (dev >= h.devices) return;
  const at = descriptor(h, actor, dev);
  const file = h.actor[at]! - 1;
  if (file < 0) return;
  h.actor[at] = 0;
  h.file[file * FILE.words + FILE.users]! -= 1;
}

/** Something in flight, or a page on the device, still names the file. */
function referenced(h: Arena, file: number): boolean {
  for (let t = 0; t < h.capacity.tasks; t++) {
    const row = taskRow(h, t);
    const end = row + TASK.records + h.task[row + TASK.depth]! * R.words;
    for (let r = row + TASK.records; r < end; r += R.words) if (h.task[r + R.file] === file) return true;
  }
  for (let pfn = 0; pfn < h.firstSystem; pfn++) if (fileOfFrame(h, pfn) === file && (flagsOf(h, pfn) & FRAME.free) === 0) return true;
  return false;
}

/** The number of a new open file: that of one which is closed and which nothing names any more, else the next one. */
function newFile(h: Arena): number {
  for (let file = 0; file < h.global[G.files]!; file++) {
    const f = file * FILE.words;
    if (h.file[f + FILE.users] === 0 && h.file[f + FILE.interval] === INTERVAL.none && !referenced(h, file)) return file;
  }
  const file = h.global[G.files]!;
  if (file >= h.capacity.files) throw new Full("files");
  h.global[G.files] = file + 1;
  return file;
}

/** Inserts the interval notifier of a file: at once, born invalid, or deferred, by what is in progress. */
function insertInterval(h: Arena, f: number, mm: number): void {
  const m = mm * h.mmWords;
  const seq = h.mm[m + MM.seq]!;
  if (h.profile.rangeProtocol === "valid" || h.mm[m + MM.active] === 0) {
    h.file[f + FILE.seq] = seq - 1;
    h.file[f + FILE.interval] = INTERVAL.inserted;
    return;
  }
  h.file[f + FILE.interval] = (seq & 1) === 0 ? INTERVAL.inserted : INTERVAL.adding;
  h.mm[m + MM.seq] = seq | 1;
  h.file[f + FILE.seq] = seq | 1;
}

/** Opens a device: a mirror of the caller's address space. Its device page table is empty, as the last release has left it. The first mirror of v14 makes its struct hmm. */
function openFile(h: Arena, actor: number, dev: number): number {
  const mm = h.actor[actor * h.actorWords + ACTOR.mm]!;
  const file = newFile(h);
  const f = file * FILE.words;
  h.file[f + FILE.dev] = dev;
  h.file[f + FILE.mm] = mm;
  h.file[f + FILE.users] = 1;
  h.file[f + FILE.mutex] = 0;
  insertInterval(h, f, mm);
  h.actor[descriptor(h, actor, dev)] = file + 1;
  if (h.profile.rangeProtocol === "valid") h.mm[mm * h.mmWords + MM.hmm] = 1;
  return file;
}

/** The caller's open file of a device, opened now if it has none. Where the system has no such device the call ends with ENOENT, and -1 is answered. */
export function fileFor(h: Arena, t: number, dev: number): number {
  const there = dev < h.devices && (h.profile.coherent || h.device[dev * DEVICE.words + DEVICE.kind] !== FRAME.coherent);
  if (!there) {
    fail(h, t, "ENOENT");
    return -1;
  }
  const actor = h.task[taskRow(h, t) + TASK.actor]!;
  const file = h.actor[descriptor(h, actor, dev)]! - 1;
  return file >= 0 ? file : openFile(h, actor, dev);
}
