/** The reading interface over the words of the state. */
import type { Profile } from "../spec/profile.ts";
import type { View } from "../spec/system.ts";
import { CHUNK, MAPPING, VM } from "../spec/words.ts";
import { MINORS } from "./arena.ts";
import type { Arena } from "./arena.ts";
import * as frames from "./frames.ts";
import { ACTOR, ANON, CHUNK_ROW, DEVICE, F, FB, FILE, G, MM, R, REPLICA, SLOT, TASK, VMA } from "./layout.ts";
import { placeOf } from "./locals.ts";

const firstByte = (contents: number): number => (contents & FB.byte_mask) - 1;
const otherBytes = (contents: number): number => ((contents >>> FB.fill_shift) & FB.byte_mask) - 1;

/** Reads whichever state an arena holds. */
export class ArenaView implements View {
  readonly profile: Profile;
  readonly pages: number;
  private readonly h: Arena;

  constructor(h: Arena) {
    this.h = h;
    this.profile = h.profile;
    this.pages = h.pages;
  }

  actorCount(): number {
    return this.h.global[G.actors]!;
  }
  actorMm(actor: number): number {
    const row = actor * this.h.actorWords;
    return (this.h.actor[row + ACTOR.live] ?? 0) === 0 ? -1 : this.h.actor[row + ACTOR.mm]!;
  }
  actorFile(actor: number, dev: number): number {
    if (this.actorMm(actor) < 0 || dev >= this.h.devices) return -1;
    return this.h.actor[actor * this.h.actorWords + ACTOR.files + dev]! - 1;
  }

  mmCount(): number {
    return this.h.global[G.mms]!;
  }
  private mmWord(mm: number, field: number): number {
    return mm < this.h.global[G.mms]! ? this.h.mm[mm * this.h.mmWords + field]! : -1;
  }
  mmUsers(mm: number): number {
    return this.mmWord(mm, MM.users);
  }
  mmActive(mm: number): number {
    return this.mmWord(mm, MM.active);
  }
  mmSeq(mm: number): number {
    return this.mmWord(mm, MM.seq);
  }
  mmWriter(mm: number): number {
    return mm < this.h.global[G.mms]! ? this.mmWord(mm, MM.writer) - 1 : -1;
  }
  mmReaders(mm: number): number {
    return this.mmWord(mm, MM.readers);
  }
  mmHmm(mm: number): number {
    return this.mmWord(mm, MM.hmm);
  }
  pte(mm: number, vpn: number): number {
    return mm < this.h.global[G.mms]! && vpn < this.pages ? this.h.pt.get(mm, vpn) : 0;
  }

  vmaCount(mm: number): number {
    return this.mmWord(mm, MM.vmas);
  }
  vmaAt(mm: number, vpn: number): number {
    const n = this.vmaCount(mm);
    for (let vma = 0; vma < n; vma++) if (this.vmaStart(mm, vma) <= vpn && vpn < this.vmaEnd(mm, vma)) return vma;
    return -1;
  }
  private vmaWord(mm: number, vma: number, field: number): number {
    return vma < this.vmaCount(mm) ? this.h.vma[mm * this.h.vmaWords + vma * VMA.words + field]! : -1;
  }
  vmaStart(mm: number, vma: number): number {
    return this.vmaWord(mm, vma, VMA.start);
  }
  vmaEnd(mm: number, vma: number): number {
    return this.vmaWord(mm, vma, VMA.end);
  }
  vmaFlags(mm: number, vma: number): number {
    return Math.max(0, this.vmaWord(mm, vma, VMA.flags)) & (VM.read | VM.write | VM.exec | VM.account | VM.hugepage);
  }
  vmaMap(mm: number, vma: number): number {
    return this.vmaWord(mm, vma, VMA.map);
  }
  vmaObject(mm: number, vma: number): number {
    return Math.max(0, this.vmaWord(mm, vma, VMA.object)) - 1;
  }
  vmaPgoff(mm: number, vma: number): number {
    return this.vmaWord(mm, vma, VMA.pgoff);
  }
  vmaAnon(mm: number, vma: number): number {
    return Math.max(0, this.vmaWord(mm, vma, VMA.anon)) - 1;
  }
  vmaStamp(mm: number, vma: number): number {
    return this.vmaWord(mm, vma, VMA.stamp);
  }
  vmaChainLength(mm: number, vma: number): number {
    return this.vmaWord(mm, vma, VMA.links);
  }
  vmaChain(mm: number, vma: number, i: number): number {
    return i < this.vmaChainLength(mm, vma) ? this.vmaWord(mm, vma, VMA.chain + i) : -1;
  }

  fileCount(): number {
    return this.h.global[G.files]!;
  }
  private fileWord(file: number, field: number): number {
    return file < this.h.global[G.files]! ? this.h.file[file * FILE.words + field]! : -1;
  }
  fileDev(file: number): number {
    return this.fileWord(file, FILE.dev);
  }
  fileMm(file: number): number {
    return this.fileWord(file, FILE.mm);
  }
  fileUsers(file: number): number {
    return this.fileWord(file, FILE.users);
  }
  fileSeq(file: number): number {
    return this.fileWord(file, FILE.seq);
  }
  fileInterval(file: number): number {
    return this.fileWord(file, FILE.interval);
  }
  fileMutex(file: number): number {
    return Math.max(0, this.fileWord(file, FILE.mutex)) - 1;
  }
  dpte(file: number, vpn: number): number {
    return file < this.h.global[G.files]! && vpn < this.pages ? this.h.dpt.get(file, vpn) : 0;
  }

  frameCount(): number {
    return this.h.global[G.frames]!;
  }
  private has(pfn: number): boolean {
    return pfn >= 0 && pfn < this.h.global[G.frames]!;
  }
  frame(pfn: number): number {
    return this.has(pfn) ? frames.flagsOf(this.h, pfn) & FB.public : 0;
  }
  frameDev(pfn: number): number {
    return this.has(pfn) ? frames.devOf(this.h, pfn) : -1;
  }
  frameRefs(pfn: number): number {
    return this.has(pfn) ? frames.refsOf(this.h, pfn) : -1;
  }
  frameMaps(pfn: number): number {
    return this.has(pfn) ? frames.mapsOf(this.h, pfn) : -1;
  }
  framePins(pfn: number): number {
    return this.has(pfn) ? frames.pinsOf(this.h, pfn) : -1;
  }
  frameLocked(pfn: number): number {
    return this.has(pfn) ? frames.lockerOf(this.h, pfn) : -1;
  }
  frameMapping(pfn: number): number {
    return this.has(pfn) && frames.mappingKind(this.h, pfn) !== MAPPING.none ? frames.mappingOf(this.h, pfn) : -1;
  }
  frameIndex(pfn: number): number {
    return this.has(pfn) ? frames.indexOf(this.h, pfn) : -1;
  }
  frameFirst(pfn: number): number {
    return this.has(pfn) ? firstByte(this.h.frame[pfn * F.words + F.contents]!) : -1;
  }
  frameFill(pfn: number): number {
    return this.has(pfn) ? otherBytes(this.h.frame[pfn * F.words + F.contents]!) : -1;
  }
  frameHead(pfn: number): number {
    return this.has(pfn) ? frames.headOf(this.h, pfn) : -1;
  }
  frameFile(pfn: number): number {
    return this.has(pfn) ? frames.fileOfFrame(this.h, pfn) : -1;
  }
  frameSlot(pfn: number): number {
    return this.has(pfn) ? frames.slotOf(this.h, pfn) : -1;
  }

  deviceCount(): number {
    return this.h.devices;
  }
  private deviceWord(dev: number, field: number): number {
    return this.h.device[dev * DEVICE.words + field] ?? -1;
  }
  deviceKind(dev: number): number {
    return this.deviceWord(dev, DEVICE.kind);
  }
  deviceFree(dev: number): number {
    return this.deviceWord(dev, DEVICE.free);
  }
  deviceFreeAt(dev: number, i: number): number {
    const n = this.deviceFree(dev);
    if (i < 0 || i >= n) return -1;
    let at = this.deviceWord(dev, DEVICE.free_head);
    for (let k = n - 1; k > i; k--) at = this.h.frame[(at - 1) * F.words + F.link]!;
    return at - 1;
  }
  chunkCount(dev: number): number {
    return this.deviceWord(dev, DEVICE.chunks);
  }
  private chunkWord(dev: number, chunk: number, field: number): number {
    return chunk < this.chunkCount(dev) ? this.h.chunk[(dev * this.h.capacity.chunks + chunk) * CHUNK_ROW.words + field]! : -1;
  }
  chunkFirst(dev: number, chunk: number): number {
    return this.chunkWord(dev, chunk, CHUNK_ROW.first);
  }
  chunkPages(dev: number, chunk: number): number {
    return this.chunkWord(dev, chunk, CHUNK_ROW.npages);
  }
  chunkState(dev: number, chunk: number): number {
    return this.chunkWord(dev, chunk, CHUNK_ROW.state);
  }
  chunkFlags(dev: number, chunk: number): number {
    return Math.max(CHUNK.gone, this.chunkWord(dev, chunk, CHUNK_ROW.flags));
  }
  chunkLinear(dev: number, chunk: number): number {
    return this.chunkWord(dev, chunk, CHUNK_ROW.linear);
  }
  chunkMinor(dev: number, chunk: number): number {
    return Math.max(0, this.chunkWord(dev, chunk, CHUNK_ROW.minor)) - 1;
  }
  dummy(minor: number): number {
    return minor < MINORS ? ((this.h.minors[minor >>> 4] ?? 0) >>> (2 * (minor & 15))) & 3 : 0;
  }

  anonCount(): number {
    return this.h.global[G.anonVmas]!;
  }
  private anonWord(anon: number, field: number): number {
    return (this.h.anon[anon * ANON.words + ANON.used] ?? 0) === 0 ? -1 : this.h.anon[anon * ANON.words + field]!;
  }
  anonParent(anon: number): number {
    return this.anonWord(anon, ANON.parent);
  }
  anonRoot(anon: number): number {
    return this.anonWord(anon, ANON.root);
  }
  shmemCount(): number {
    return this.h.global[G.shmems]!;
  }
  shmemPages(object: number): number {
    return this.h.shmem[object * this.h.shmemWords] ?? 0;
  }
  shmemPage(object: number, index: number): number {
    return index < this.shmemPages(object) ? this.h.shmem[object * this.h.shmemWords + 1 + index]! - 1 : -1;
  }
  slotCount(): number {
    return this.h.global[G.slots]!;
  }
  private slotWord(slot: number, field: number): number {
    return slot < this.h.global[G.slots]! ? this.h.slot[slot * SLOT.words + field]! : -1;
  }
  slotUsers(slot: number): number {
    return this.slotWord(slot, SLOT.users);
  }
  slotCache(slot: number): number {
    return Math.max(0, this.slotWord(slot, SLOT.cache)) - 1;
  }
  slotFirst(slot: number): number {
    return firstByte(Math.max(0, this.slotWord(slot, SLOT.contents)));
  }
  slotFill(slot: number): number {
    return otherBytes(Math.max(0, this.slotWord(slot, SLOT.contents)));
  }
  replicaCount(): number {
    return this.h.global[G.replicas]!;
  }
  private replicaWord(i: number, field: number): number {
    return i < this.h.global[G.replicas]! ? this.h.replica[i * REPLICA.words + field]! : -1;
  }
  replicaPage(i: number): number {
    return this.replicaWord(i, REPLICA.page);
  }
  replicaDev(i: number): number {
    return this.replicaWord(i, REPLICA.dev);
  }
  replicaPfn(i: number): number {
    return this.replicaWord(i, REPLICA.pfn);
  }
  replicaInstalled(i: number): number {
    return this.replicaWord(i, REPLICA.installed);
  }

  taskCount(): number {
    let n = this.h.capacity.tasks;
    while (n > 0 && this.h.task[(n - 1) * this.h.taskWords + TASK.live] === 0) n--;
    return n;
  }
  taskLive(task: number): number {
    return this.h.task[task * this.h.taskWords + TASK.live] ?? 0;
  }
  taskActor(task: number): number {
    return this.taskLive(task) === 0 ? -1 : this.h.task[task * this.h.taskWords + TASK.actor]!;
  }
  taskDepth(task: number): number {
    return this.taskLive(task) === 0 ? -1 : this.h.task[task * this.h.taskWords + TASK.depth]!;
  }
  private record(task: number, level: number): number {
    return level < this.taskDepth(task) ? task * this.h.taskWords + TASK.records + level * R.words : -1;
  }
  taskStep(task: number, level: number): number {
    const r = this.record(task, level);
    return r < 0 ? -1 : this.h.task[r + R.step]!;
  }
  taskLocal(task: number, level: number, local: number): number {
    const r = this.record(task, level);
    if (r < 0) return -1;
    const place = placeOf(this.h.task[r + R.step]!, local);
    return place < 0 ? -1 : this.h.task[r + place]!;
  }

  tainted(): number {
    return this.h.global[G.tainted]!;
  }
}
