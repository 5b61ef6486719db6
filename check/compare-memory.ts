/** The part of `compareViews` that is about memory: frames, devices, and what pages belong to. */
import type { View } from "../spec/system.ts";
import { describeFrame } from "./words-text.ts";

/** Dummy devices that are looked at: a run makes few. */
const MINORS = 4;

/** The first difference between two frame tables, or `null`. */
export function compareFrames(a: View, b: View): string | null {
  const n = a.frameCount();
  if (n !== b.frameCount()) return `frames: ${n} != ${b.frameCount()}`;
  for (let pfn = 0; pfn < n; pfn++) {
    const what = compareFrame(a, b, pfn);
    if (what !== null) return `frame ${pfn} ${what}`;
  }
  return null;
}

function compareFrame(a: View, b: View, pfn: number): string | null {
  if (a.frame(pfn) !== b.frame(pfn)) return `marks: ${describeFrame(a.frame(pfn))} != ${describeFrame(b.frame(pfn))}`;
  if (a.frameDev(pfn) !== b.frameDev(pfn)) return `device: ${a.frameDev(pfn)} != ${b.frameDev(pfn)}`;
  if (a.frameRefs(pfn) !== b.frameRefs(pfn)) return `references: ${a.frameRefs(pfn)} != ${b.frameRefs(pfn)}`;
  if (a.frameMaps(pfn) !== b.frameMaps(pfn)) return `entries: ${a.frameMaps(pfn)} != ${b.frameMaps(pfn)}`;
  if (a.framePins(pfn) !== b.framePins(pfn)) return `pins: ${a.framePins(pfn)} != ${b.framePins(pfn)}`;
  if (a.frameLocked(pfn) !== b.frameLocked(pfn)) return `locked: ${a.frameLocked(pfn)} != ${b.frameLocked(pfn)}`;
  if (a.frameMapping(pfn) !== b.frameMapping(pfn)) return `mapping: ${a.frameMapping(pfn)} != ${b.frameMapping(pfn)}`;
  if (a.frameIndex(pfn) !== b.frameIndex(pfn)) return `index: ${a.frameIndex(pfn)} != ${b.frameIndex(pfn)}`;
  if (a.frameFirst(pfn) !== b.frameFirst(pfn)) return `first byte: ${a.frameFirst(pfn)} != ${b.frameFirst(pfn)}`;
  if (a.frameFill(pfn) !== b.frameFill(pfn)) return `other bytes: ${a.frameFill(pfn)} != ${b.frameFill(pfn)}`;
  if (a.frameHead(pfn) !== b.frameHead(pfn)) return `head: ${a.frameHead(pfn)} != ${b.frameHead(pfn)}`;
  if (a.frameFile(pfn) !== b.frameFile(pfn)) return `driver word: ${a.frameFile(pfn)} != ${b.frameFile(pfn)}`;
  if (a.frameSlot(pfn) !== b.frameSlot(pfn)) return `slot: ${a.frameSlot(pfn)} != ${b.frameSlot(pfn)}`;
  return null;
}

/** The first difference between the devices of two views, or `null`. */
export function compareDevices(a: View, b: View): string | null {
  const n = a.deviceCount();
  if (n !== b.deviceCount()) return `devices: ${n} != ${b.deviceCount()}`;
  for (let dev = 0; dev < n; dev++) {
    if (a.deviceKind(dev) !== b.deviceKind(dev)) return `device ${dev} kind: ${a.deviceKind(dev)} != ${b.deviceKind(dev)}`;
    const free = a.deviceFree(dev);
    if (free !== b.deviceFree(dev)) return `device ${dev} free frames: ${free} != ${b.deviceFree(dev)}`;
    for (let i = 0; i < free; i++)
      if (a.deviceFreeAt(dev, i) !== b.deviceFreeAt(dev, i))
        return `device ${dev} free frame ${i}: ${a.deviceFreeAt(dev, i)} != ${b.deviceFreeAt(dev, i)}`;
    const what = compareChunks(a, b, dev);
    if (what !== null) return `device ${dev} ${what}`;
  }
  for (let minor = 0; minor < MINORS; minor++)
    if (a.dummy(minor) !== b.dummy(minor)) return `dummy device ${minor}: ${a.dummy(minor)} != ${b.dummy(minor)}`;
  return null;
}

function compareChunks(a: View, b: View, dev: number): string | null {
  const n = a.chunkCount(dev);
  if (n !== b.chunkCount(dev)) return `chunks: ${n} != ${b.chunkCount(dev)}`;
  for (let i = 0; i < n; i++) {
    if (a.chunkState(dev, i) !== b.chunkState(dev, i)) return `chunk ${i} state: ${a.chunkState(dev, i)} != ${b.chunkState(dev, i)}`;
    if (a.chunkFirst(dev, i) !== b.chunkFirst(dev, i)) return `chunk ${i} first: ${a.chunkFirst(dev, i)} != ${b.chunkFirst(dev, i)}`;
    if (a.chunkPages(dev, i) !== b.chunkPages(dev, i)) return `chunk ${i} pages: ${a.chunkPages(dev, i)} != ${b.chunkPages(dev, i)}`;
    if (a.chunkFlags(dev, i) !== b.chunkFlags(dev, i)) return `chunk ${i} flags: ${a.chunkFlags(dev, i)} != ${b.chunkFlags(dev, i)}`;
    if (a.chunkLinear(dev, i) !== b.chunkLinear(dev, i)) return `chunk ${i} linear: ${a.chunkLinear(dev, i)} != ${b.chunkLinear(dev, i)}`;
    if (a.chunkMinor(dev, i) !== b.chunkMinor(dev, i)) return `chunk ${i} minor: ${a.chunkMinor(dev, i)} != ${b.chunkMinor(dev, i)}`;
  }
  return null;
}

/** The first difference between what two views say of anon_vmas, shared memory, swap slots and replicas, or `null`. */
export function comparePages(a: View, b: View): string | null {
  const anons = a.anonCount();
  if (anons !== b.anonCount()) return `anon_vmas: ${anons} != ${b.anonCount()}`;
  for (let i = 0; i < anons; i++) {
    if (a.anonParent(i) !== b.anonParent(i)) return `anon_vma ${i} parent: ${a.anonParent(i)} != ${b.anonParent(i)}`;
    if (a.anonRoot(i) !== b.anonRoot(i)) return `anon_vma ${i} root: ${a.anonRoot(i)} != ${b.anonRoot(i)}`;
  }
  const shmems = a.shmemCount();
  if (shmems !== b.shmemCount()) return `shared memory: ${shmems} != ${b.shmemCount()}`;
  for (let i = 0; i < shmems; i++) {
    const npages = a.shmemPages(i);
    if (npages !== b.shmemPages(i)) return `shared memory ${i} pages: ${npages} != ${b.shmemPages(i)}`;
    for (let page = 0; page < npages; page++)
      if (a.shmemPage(i, page) !== b.shmemPage(i, page))
        return `shared memory ${i} page ${page}: pfn ${a.shmemPage(i, page)} != pfn ${b.shmemPage(i, page)}`;
  }
  return compareSlots(a, b) ?? compareReplicas(a, b);
}

function compareSlots(a: View, b: View): string | null {
  const n = a.slotCount();
  if (n !== b.slotCount()) return `swap slots: ${n} != ${b.slotCount()}`;
  for (let i = 0; i < n; i++) {
    if (a.slotUsers(i) !== b.slotUsers(i)) return `slot ${i} users: ${a.slotUsers(i)} != ${b.slotUsers(i)}`;
    if (a.slotCache(i) !== b.slotCache(i)) return `slot ${i} cache: pfn ${a.slotCache(i)} != pfn ${b.slotCache(i)}`;
    if (a.slotFirst(i) !== b.slotFirst(i)) return `slot ${i} first byte: ${a.slotFirst(i)} != ${b.slotFirst(i)}`;
    if (a.slotFill(i) !== b.slotFill(i)) return `slot ${i} other bytes: ${a.slotFill(i)} != ${b.slotFill(i)}`;
  }
  return null;
}

function compareReplicas(a: View, b: View): string | null {
  const n = a.replicaCount();
  if (n !== b.replicaCount()) return `replicas: ${n} != ${b.replicaCount()}`;
  for (let i = 0; i < n; i++) {
    if (a.replicaPage(i) !== b.replicaPage(i)) return `replica ${i} page: pfn ${a.replicaPage(i)} != pfn ${b.replicaPage(i)}`;
    if (a.replicaDev(i) !== b.replicaDev(i)) return `replica ${i} device: ${a.replicaDev(i)} != ${b.replicaDev(i)}`;
    if (a.replicaPfn(i) !== b.replicaPfn(i)) return `replica ${i}: pfn ${a.replicaPfn(i)} != pfn ${b.replicaPfn(i)}`;
    if (a.replicaInstalled(i) !== b.replicaInstalled(i))
      return `replica ${i} installed: ${a.replicaInstalled(i)} != ${b.replicaInstalled(i)}`;
  }
  return null;
}
