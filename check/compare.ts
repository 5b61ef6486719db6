/** Two readers of the same state: whatever a `View` can be asked is asked of both. Allocates nothing while they agree. */
import type { View } from "../spec/system.ts";
import { LOCAL } from "../spec/words.ts";
import { compareDevices, compareFrames, comparePages } from "./compare-memory.ts";
import { describeDpte, describePte, stepName } from "./words-text.ts";

const LOCALS = Object.keys(LOCAL).length;

/** The first difference between two views in words, as `actor 0 page 3 cpu: present rw pfn 5 != none`, or `null`. */
export function compareViews(a: View, b: View): string | null {
  if (a.pages !== b.pages) return `pages: ${a.pages} != ${b.pages}`;
  return (
    compareActors(a, b) ??
    compareMms(a, b) ??
    compareFiles(a, b) ??
    compareFrames(a, b) ??
    compareDevices(a, b) ??
    comparePages(a, b) ??
    compareTasks(a, b) ??
    (a.tainted() === b.tainted() ? null : `tainted: ${a.tainted()} != ${b.tainted()}`)
  );
}

function compareActors(a: View, b: View): string | null {
  const devices = a.deviceCount();
  const n = a.actorCount();
  if (n !== b.actorCount()) return `actors: ${n} != ${b.actorCount()}`;
  for (let i = 0; i < n; i++) {
    if (a.actorMm(i) !== b.actorMm(i)) return `actor ${i} mm: ${a.actorMm(i)} != ${b.actorMm(i)}`;
    for (let dev = 0; dev < devices; dev++)
      if (a.actorFile(i, dev) !== b.actorFile(i, dev))
        return `actor ${i} file of device ${dev}: ${a.actorFile(i, dev)} != ${b.actorFile(i, dev)}`;
  }
  return null;
}

/** The living actor of an address space, or the address space itself. */
function owner(view: View, mm: number): string {
  for (let i = 0; i < view.actorCount(); i++) if (view.actorMm(i) === mm) return `actor ${i}`;
  return `mm ${mm}`;
}

function compareMms(a: View, b: View): string | null {
  const n = a.mmCount();
  if (n !== b.mmCount()) return `address spaces: ${n} != ${b.mmCount()}`;
  for (let mm = 0; mm < n; mm++) {
    if (a.mmUsers(mm) !== b.mmUsers(mm)) return `mm ${mm} users: ${a.mmUsers(mm)} != ${b.mmUsers(mm)}`;
    if (a.mmActive(mm) !== b.mmActive(mm)) return `mm ${mm} active: ${a.mmActive(mm)} != ${b.mmActive(mm)}`;
    if (a.mmSeq(mm) !== b.mmSeq(mm)) return `mm ${mm} seq: ${a.mmSeq(mm)} != ${b.mmSeq(mm)}`;
    if (a.mmWriter(mm) !== b.mmWriter(mm)) return `mm ${mm} writer: ${a.mmWriter(mm)} != ${b.mmWriter(mm)}`;
    if (a.mmReaders(mm) !== b.mmReaders(mm)) return `mm ${mm} readers: ${a.mmReaders(mm)} != ${b.mmReaders(mm)}`;
    if (a.mmHmm(mm) !== b.mmHmm(mm)) return `mm ${mm} hmm: ${a.mmHmm(mm)} != ${b.mmHmm(mm)}`;
    for (let vpn = 0; vpn < a.pages; vpn++)
      if (a.pte(mm, vpn) !== b.pte(mm, vpn))
        return `${owner(a, mm)} page ${vpn} cpu: ${describePte(a.pte(mm, vpn))} != ${describePte(b.pte(mm, vpn))}`;
    const differs = compareVmas(a, b, mm);
    if (differs !== null) return differs;
  }
  return null;
}

function compareVmas(a: View, b: View, mm: number): string | null {
  const n = a.vmaCount(mm);
  if (n !== b.vmaCount(mm)) return `${owner(a, mm)} mappings: ${n} != ${b.vmaCount(mm)}`;
  for (let i = 0; i < n; i++) {
    const what = compareVma(a, b, mm, i);
    if (what !== null) return `${owner(a, mm)} mapping ${i} ${what}`;
  }
  for (let vpn = 0; n > 0 && vpn < a.pages; vpn++)
    if (a.vmaAt(mm, vpn) !== b.vmaAt(mm, vpn)) return `${owner(a, mm)} page ${vpn} mapping: ${a.vmaAt(mm, vpn)} != ${b.vmaAt(mm, vpn)}`;
  return null;
}

function compareVma(a: View, b: View, mm: number, i: number): string | null {
  if (a.vmaStart(mm, i) !== b.vmaStart(mm, i)) return `start: ${a.vmaStart(mm, i)} != ${b.vmaStart(mm, i)}`;
  if (a.vmaEnd(mm, i) !== b.vmaEnd(mm, i)) return `end: ${a.vmaEnd(mm, i)} != ${b.vmaEnd(mm, i)}`;
  if (a.vmaFlags(mm, i) !== b.vmaFlags(mm, i)) return `flags: ${a.vmaFlags(mm, i)} != ${b.vmaFlags(mm, i)}`;
  if (a.vmaMap(mm, i) !== b.vmaMap(mm, i)) return `map: ${a.vmaMap(mm, i)} != ${b.vmaMap(mm, i)}`;
  if (a.vmaObject(mm, i) !== b.vmaObject(mm, i)) return `object: ${a.vmaObject(mm, i)} != ${b.vmaObject(mm, i)}`;
  if (a.vmaPgoff(mm, i) !== b.vmaPgoff(mm, i)) return `pgoff: ${a.vmaPgoff(mm, i)} != ${b.vmaPgoff(mm, i)}`;
  if (a.vmaAnon(mm, i) !== b.vmaAnon(mm, i)) return `anon_vma: ${a.vmaAnon(mm, i)} != ${b.vmaAnon(mm, i)}`;
  if (a.vmaStamp(mm, i) !== b.vmaStamp(mm, i)) return `stamp: ${a.vmaStamp(mm, i)} != ${b.vmaStamp(mm, i)}`;
  const links = a.vmaChainLength(mm, i);
  if (links !== b.vmaChainLength(mm, i)) return `chain: ${links} != ${b.vmaChainLength(mm, i)} links`;
  for (let k = 0; k < links; k++)
    if (a.vmaChain(mm, i, k) !== b.vmaChain(mm, i, k)) return `chain link ${k}: ${a.vmaChain(mm, i, k)} != ${b.vmaChain(mm, i, k)}`;
  return null;
}

function compareFiles(a: View, b: View): string | null {
  const n = a.fileCount();
  if (n !== b.fileCount()) return `files: ${n} != ${b.fileCount()}`;
  for (let file = 0; file < n; file++) {
    if (a.fileDev(file) !== b.fileDev(file)) return `file ${file} device: ${a.fileDev(file)} != ${b.fileDev(file)}`;
    if (a.fileMm(file) !== b.fileMm(file)) return `file ${file} mm: ${a.fileMm(file)} != ${b.fileMm(file)}`;
    if (a.fileUsers(file) !== b.fileUsers(file)) return `file ${file} users: ${a.fileUsers(file)} != ${b.fileUsers(file)}`;
    if (a.fileSeq(file) !== b.fileSeq(file)) return `file ${file} seq: ${a.fileSeq(file)} != ${b.fileSeq(file)}`;
    if (a.fileInterval(file) !== b.fileInterval(file)) return `file ${file} interval: ${a.fileInterval(file)} != ${b.fileInterval(file)}`;
    if (a.fileMutex(file) !== b.fileMutex(file)) return `file ${file} lock: ${a.fileMutex(file)} != ${b.fileMutex(file)}`;
    for (let vpn = 0; vpn < a.pages; vpn++)
      if (a.dpte(file, vpn) !== b.dpte(file, vpn))
        return `${owner(a, a.fileMm(file))} page ${vpn} dev ${a.fileDev(file)} (file ${file}): ${describeDpte(a.dpte(file, vpn))} != ${describeDpte(b.dpte(file, vpn))}`;
  }
  return null;
}

function compareTasks(a: View, b: View): string | null {
  const n = a.taskCount();
  if (n !== b.taskCount()) return `tasks: ${n} != ${b.taskCount()}`;
  for (let task = 0; task < n; task++) {
    if (a.taskLive(task) !== b.taskLive(task)) return `task ${task} lives: ${a.taskLive(task)} != ${b.taskLive(task)}`;
    if (a.taskLive(task) !== 1) continue;
    if (a.taskActor(task) !== b.taskActor(task)) return `task ${task} actor: ${a.taskActor(task)} != ${b.taskActor(task)}`;
    const depth = a.taskDepth(task);
    if (depth !== b.taskDepth(task)) return `task ${task} depth: ${depth} != ${b.taskDepth(task)}`;
    for (let level = 0; level < depth; level++) {
      const what = compareLevel(a, b, task, level);
      if (what !== null) return `task ${task} ${what}`;
    }
  }
  return null;
}

function compareLevel(a: View, b: View, task: number, level: number): string | null {
  const step = a.taskStep(task, level);
  if (step !== b.taskStep(task, level)) return `step: ${stepName(step)} != ${stepName(b.taskStep(task, level))}`;
  for (let local = 0; local < LOCALS; local++) {
    if (a.taskLocal(task, level, local) !== b.taskLocal(task, level, local))
      return `${stepName(step)} ${Object.keys(LOCAL)[local]}: ${a.taskLocal(task, level, local)} != ${b.taskLocal(task, level, local)}`;
  }
  return null;
}
