/** The reading interface over the state of the model. It answers from the objects of the model and copies nothing. */
import type { Frame } from "../model/index.ts";
import type { FileWork, TaskWork, Vma, Work } from "../model/state.ts";
import type { Profile } from "../spec/profile.ts";
import type { View } from "../spec/system.ts";
import { DEVMEM_FLAGS } from "../spec/vocabulary.ts";
import { CHUNK, FRAME, INTERVAL, MAP } from "../spec/words.ts";
import { localOf, stepCode } from "./model-locals.ts";
import { dpteWord, frameWord, pteWord, vmWord } from "./model-words.ts";

type Device = Work["devices"][number];
type Chunk = Device["chunks"][number];

/** Reads the state that it is given, as that state changes. Whoever replaces the state says so with `look`. */
export class ModelView implements View {
  readonly profile: Profile;
  readonly pages: number;
  private s: Work;

  constructor(s: Work) {
    this.profile = s.profile;
    this.pages = s.pages;
    this.s = s;
  }

  /** Reads another state from now on. */
  look(s: Work): void {
    this.s = s;
  }

  actorCount(): number {
    return this.s.actors.length;
  }
  actorMm(actor: number): number {
    return this.s.actors[actor]?.mm ?? -1;
  }
  actorFile(actor: number, dev: number): number {
    return this.s.actors[actor]?.files[dev] ?? -1;
  }

  mmCount(): number {
    return this.s.mms.length;
  }
  mmUsers(mm: number): number {
    return this.s.mms[mm]?.users ?? -1;
  }
  mmActive(mm: number): number {
    return this.s.mms[mm]?.active ?? -1;
  }
  mmSeq(mm: number): number {
    return this.s.mms[mm]?.seq ?? -1;
  }
  mmWriter(mm: number): number {
    return this.s.mms[mm]?.lock.writer ?? -1;
  }
  mmReaders(mm: number): number {
    return this.s.mms[mm]?.lock.readers.length ?? -1;
  }
  mmHmm(mm: number): number {
    return Number(this.s.mms[mm]?.hmm ?? -1);
  }
  pte(mm: number, vpn: number): number {
    const pte = this.s.mms[mm]?.ptes[vpn];
    return pte === undefined ? 0 : pteWord(pte);
  }

  vmaCount(mm: number): number {
    return this.s.mms[mm]?.vmas.length ?? -1;
  }
  vmaAt(mm: number, vpn: number): number {
    const vmas = this.s.mms[mm]?.vmas;
    if (vmas === undefined) return -1;
    for (let i = 0; i < vmas.length; i++) {
      const vma = vmas[i];
      if (vma !== undefined && vma.start <= vpn && vpn < vma.end) return i;
    }
    return -1;
  }
  private vma(mm: number, vma: number): Vma | undefined {
    return this.s.mms[mm]?.vmas[vma];
  }
  vmaStart(mm: number, vma: number): number {
    return this.vma(mm, vma)?.start ?? -1;
  }
  vmaEnd(mm: number, vma: number): number {
    return this.vma(mm, vma)?.end ?? -1;
  }
  vmaFlags(mm: number, vma: number): number {
    const found = this.vma(mm, vma);
    return found === undefined ? 0 : vmWord(found.flags);
  }
  vmaMap(mm: number, vma: number): number {
    const found = this.vma(mm, vma);
    return found === undefined ? -1 : MAP[found.map];
  }
  vmaObject(mm: number, vma: number): number {
    return this.vma(mm, vma)?.object ?? -1;
  }
  vmaPgoff(mm: number, vma: number): number {
    return this.vma(mm, vma)?.pgoff ?? -1;
  }
  vmaAnon(mm: number, vma: number): number {
    return this.vma(mm, vma)?.anonVma ?? -1;
  }
  vmaStamp(mm: number, vma: number): number {
    return this.vma(mm, vma)?.stamp ?? -1;
  }
  vmaChainLength(mm: number, vma: number): number {
    return this.vma(mm, vma)?.chain.length ?? -1;
  }
  vmaChain(mm: number, vma: number, i: number): number {
    return this.vma(mm, vma)?.chain[i] ?? -1;
  }

  fileCount(): number {
    return this.s.files.length;
  }
  private file(file: number): FileWork | undefined {
    return this.s.files[file];
  }
  fileDev(file: number): number {
    return this.file(file)?.dev ?? -1;
  }
  fileMm(file: number): number {
    return this.file(file)?.mm ?? -1;
  }
  fileUsers(file: number): number {
    return this.file(file)?.users ?? -1;
  }
  fileSeq(file: number): number {
    return this.file(file)?.seq ?? -1;
  }
  fileInterval(file: number): number {
    const found = this.file(file);
    return found === undefined ? -1 : INTERVAL[found.interval];
  }
  fileMutex(file: number): number {
    return this.file(file)?.mutex ?? -1;
  }
  dpte(file: number, vpn: number): number {
    return dpteWord(this.file(file)?.dpt[vpn] ?? null);
  }

  frameCount(): number {
    return this.s.frames.length;
  }
  private record(pfn: number): Frame | undefined {
    return this.s.frames[pfn];
  }
  frame(pfn: number): number {
    const frame = this.record(pfn);
    return frame === undefined ? 0 : frameWord(frame);
  }
  frameDev(pfn: number): number {
    return this.record(pfn)?.dev ?? -1;
  }
  frameRefs(pfn: number): number {
    return this.record(pfn)?.holders.length ?? -1;
  }
  frameMaps(pfn: number): number {
    return held(this.record(pfn), "map");
  }
  framePins(pfn: number): number {
    return held(this.record(pfn), "pin");
  }
  frameLocked(pfn: number): number {
    return this.record(pfn)?.locked ?? -1;
  }
  frameMapping(pfn: number): number {
    const mapping = this.record(pfn)?.mapping ?? null;
    if (mapping === null) return -1;
    return mapping.kind === "anon" ? mapping.anonVma : mapping.object;
  }
  frameIndex(pfn: number): number {
    return this.record(pfn)?.index ?? -1;
  }
  frameFirst(pfn: number): number {
    return this.record(pfn)?.contents.first ?? -1;
  }
  frameFill(pfn: number): number {
    return this.record(pfn)?.contents.fill ?? -1;
  }
  frameHead(pfn: number): number {
    return this.record(pfn)?.head ?? -1;
  }
  frameFile(pfn: number): number {
    return this.record(pfn)?.driverWord ?? -1;
  }
  frameSlot(pfn: number): number {
    return this.record(pfn)?.slot ?? -1;
  }

  deviceCount(): number {
    return this.s.devices.length;
  }
  private device(dev: number): Device | undefined {
    return this.s.devices[dev];
  }
  private chunk(dev: number, chunk: number): Chunk | undefined {
    return this.s.devices[dev]?.chunks[chunk];
  }
  deviceKind(dev: number): number {
    const device = this.device(dev);
    return device === undefined ? -1 : FRAME[device.kind];
  }
  deviceFree(dev: number): number {
    return this.device(dev)?.freeList.length ?? -1;
  }
  deviceFreeAt(dev: number, i: number): number {
    return this.device(dev)?.freeList[i] ?? -1;
  }
  chunkCount(dev: number): number {
    return this.device(dev)?.chunks.length ?? -1;
  }
  chunkFirst(dev: number, chunk: number): number {
    return this.chunk(dev, chunk)?.first ?? -1;
  }
  chunkPages(dev: number, chunk: number): number {
    return this.chunk(dev, chunk)?.npages ?? -1;
  }
  chunkState(dev: number, chunk: number): number {
    const found = this.chunk(dev, chunk);
    return found === undefined ? -1 : CHUNK[found.state];
  }
  chunkFlags(dev: number, chunk: number): number {
    const flags = this.chunk(dev, chunk)?.flags;
    let word = 0;
    if (flags !== undefined) for (const flag of flags) word |= 1 << DEVMEM_FLAGS.indexOf(flag);
    return word;
  }
  chunkLinear(dev: number, chunk: number): number {
    return Number(this.chunk(dev, chunk)?.linear ?? -1);
  }
  chunkMinor(dev: number, chunk: number): number {
    return this.chunk(dev, chunk)?.minor ?? -1;
  }
  dummy(minor: number): number {
    for (const dummy of this.s.dummies) if (dummy.minor === minor) return dummy.dying ? 2 : 1;
    return 0;
  }

  anonCount(): number {
    return this.s.anonVmas.length;
  }
  anonParent(anon: number): number {
    return this.s.anonVmas[anon]?.parent ?? -1;
  }
  anonRoot(anon: number): number {
    return this.s.anonVmas[anon]?.root ?? -1;
  }
  shmemCount(): number {
    return this.s.shmems.length;
  }
  shmemPages(object: number): number {
    return this.s.shmems[object]?.pages.length ?? 0;
  }
  shmemPage(object: number, index: number): number {
    return this.s.shmems[object]?.pages[index] ?? -1;
  }
  slotCount(): number {
    return this.s.slots.length;
  }
  slotUsers(slot: number): number {
    return this.s.slots[slot]?.count ?? -1;
  }
  slotCache(slot: number): number {
    return this.s.slots[slot]?.cache ?? -1;
  }
  slotFirst(slot: number): number {
    return this.s.slots[slot]?.contents.first ?? -1;
  }
  slotFill(slot: number): number {
    return this.s.slots[slot]?.contents.fill ?? -1;
  }
  replicaCount(): number {
    return this.s.replicas.length;
  }
  replicaPage(i: number): number {
    return this.s.replicas[i]?.page ?? -1;
  }
  replicaDev(i: number): number {
    return this.s.replicas[i]?.dev ?? -1;
  }
  replicaPfn(i: number): number {
    return this.s.replicas[i]?.pfn ?? -1;
  }
  replicaInstalled(i: number): number {
    return Number(this.s.replicas[i]?.installed ?? -1);
  }

  private task(id: number): TaskWork | undefined {
    for (const task of this.s.tasks) if (task.id === id) return task;
    return undefined;
  }
  taskCount(): number {
    let n = 0;
    for (const task of this.s.tasks) if (task.id >= n) n = task.id + 1;
    return n;
  }
  taskLive(task: number): number {
    return this.task(task) === undefined ? 0 : 1;
  }
  taskActor(task: number): number {
    return this.task(task)?.actor ?? -1;
  }
  taskDepth(task: number): number {
    return this.task(task)?.stack.length ?? -1;
  }
  taskStep(task: number, level: number): number {
    const a = this.task(task)?.stack[level];
    return a === undefined ? -1 : stepCode(a);
  }
  taskLocal(task: number, level: number, local: number): number {
    const found = this.task(task);
    const a = found?.stack[level];
    return found === undefined || a === undefined ? -1 : localOf(a, local, this.actorMm(found.actor));
  }

  tainted(): number {
    return Number(this.s.tainted);
  }
}

function held(frame: Frame | undefined, kind: "map" | "pin"): number {
  if (frame === undefined) return -1;
  let n = 0;
  for (const holder of frame.holders) if (holder.kind === kind) n++;
  return n;
}
