/** Frames: allocation, holders, the page lock, and what happens when the last holder goes. */
import { mmId, pfn as toPfn, vpn as toVpn } from "../spec/vocabulary.ts";
import type { DevId, FileId, MmId, Pfn, TaskId, Vpn } from "../spec/vocabulary.ts";
import { chunkOf, usualFlags } from "./chunks.ts";
import { note } from "./notes.ts";
import { known } from "./rule.ts";
import { UNKNOWN, ZEROES } from "./state.ts";
import type { Frame, Holder, Mapping, Pte, Vma, Work } from "./state.ts";

const FREE: Frame = {
  kind: "system",
  dev: null,
  free: true,
  holders: [],
  locked: null,
  dirty: false,
  anonExclusive: false,
  swapBacked: true,
  lru: false,
  mapping: null,
  index: 0,
  contents: UNKNOWN,
  head: null,
  driverWord: null,
  slot: null,
};

/** A physical address where no memory is. */
export const ABSENT: Frame = { ...FREE, kind: "absent" };

/** A free frame of a device. */
export function freeDeviceFrame(kind: Frame["kind"], dev: DevId): Frame {
  return { ...FREE, kind, dev };
}

/** The record of a frame. @throws ModelBug where the frame table ends before `pfn`. */
export function frameOf(s: Work, pfn: Pfn): Frame {
  return known(s.frames[pfn], `frame ${pfn}`);
}

/** Replaces the record of a frame by one with these changes. */
export function setFrame(s: Work, pfn: Pfn, change: Partial<Frame>): void {
  s.frames[pfn] = { ...frameOf(s, pfn), ...change };
}

/** Whether some device still has an entry for the frame. Such a frame is the last choice of the allocator, so that a stale entry stays visible. */
function reachedByDevice(s: Work, pfn: number): boolean {
  return s.files.some((f) => f.dpt.some((e) => e !== null && !e.zero && e.pfn === pfn));
}

/** Takes a free system frame with zeroed contents. `@spec FRM-1` */
export function allocSystem(s: Work, holders: readonly Holder[]): Pfn {
  let n = s.frames.findIndex((f, i) => f.free && f.kind === "system" && !reachedByDevice(s, i));
  if (n < 0) n = s.frames.length;
  s.frames[n] = { ...FREE, free: false, lru: true, contents: ZEROES, holders };
  return toPfn(n);
}

/** Takes a frame of a device from its free list, or `null` where there is none. */
export function allocDevice(s: Work, dev: DevId, file: FileId, holders: readonly Holder[]): Pfn | null {
  const device = known(s.devices[dev], `device ${dev}`);
  const at = device.freeList.findLastIndex((n) => !reachedByDevice(s, n));
  let n = device.freeList.splice(at < 0 ? device.freeList.length - 1 : at, 1)[0];
  n ??= s.limits.window === null ? growDevice(s, dev) : undefined;
  if (n === undefined) return null;
  const { dirty } = frameOf(s, n);
  s.frames[n] = { ...freeDeviceFrame(device.kind, dev), free: false, holders, driverWord: file, contents: UNKNOWN, dirty };
  return n;
}

/**
 * Device memory is hot-added on demand: the judge sets no limit to it. It stands for memory that earlier traces have used, whose dirty mark
 * nobody has taken off.
 */
function growDevice(s: Work, dev: DevId): Pfn {
  const device = known(s.devices[dev], `device ${dev}`);
  const n = toPfn(s.frames.length);
  s.frames[n] = { ...freeDeviceFrame(device.kind, dev), dirty: true };
  const last = device.chunks.at(-1);
  if (last?.onDemand && last.state === "online" && last.first + last.npages === n) last.npages++;
  else {
    const flags = usualFlags(device.kind);
    device.chunks.push({ first: n, npages: 1, state: "online", flags, linear: device.kind === "coherent", minor: null, onDemand: true });
  }
  return n;
}

function same(a: Holder, b: Holder): boolean {
  if (a.kind === "map") return b.kind === "map" && a.mm === b.mm && a.vpn === b.vpn;
  if (a.kind === "task") return b.kind === "task" && a.task === b.task && a.why === b.why;
  return a.kind === b.kind;
}

/** Adds a holder: one reference more. */
export function hold(s: Work, pfn: Pfn, holder: Holder): void {
  setFrame(s, pfn, { holders: [...frameOf(s, pfn).holders, holder] });
}

/** Drops one holder; the last one frees the frame. */
export function drop(s: Work, pfn: Pfn, holder: Holder): void {
  const frame = frameOf(s, pfn);
  const i = frame.holders.findIndex((h) => same(h, holder));
  const holders = frame.holders.filter((_, k) => k !== (i < 0 ? 0 : i));
  known(i < 0 ? null : i, `holder ${JSON.stringify(holder)} of frame ${pfn}`);
  if (holders.length > 0) setFrame(s, pfn, { holders });
  else free(s, pfn);
}

/** Gives a frame back: to the system, or to its device through the free callback. */
function free(s: Work, pfn: Pfn): void {
  const { kind, dev, driverWord, dirty } = frameOf(s, pfn);
  if (dev === null) return toPageAllocator(s, pfn);
  // The free callback takes off the mapping and the exclusive mark; that a page was dirty stays with the frame.
  s.frames[pfn] = { ...freeDeviceFrame(kind, dev), dirty };
  pageFree(s, pfn, dev, driverWord);
}

/** The free callback of the driver: the frame goes on its free list, unless its range is being removed. */
function pageFree(s: Work, pfn: Pfn, dev: DevId, word: FileId | null): void {
  note(s, { kind: "free", pfn, dev, word });
  const chunk = chunkOf(s, pfn);
  if (chunk?.state === "online" && chunk.flags.includes("allow_migrate")) known(s.devices[dev], `device ${dev}`).freeList.push(pfn);
}

/**
 * A frame whose count has become 0 goes to the free list of the system. v14's safety net: a device frame that comes here was put once too
 * often. It is reported, and its count is put back. `@spec MEM-9 MEM-15`
 */
export function toPageAllocator(s: Work, pfn: Pfn): void {
  if (frameOf(s, pfn).dev === null) s.frames[pfn] = FREE;
  else note(s, { kind: "bad-refcount", pfn });
}

/** The holder that stands for the entry of one page. */
export const mapHolder = (mm: MmId, vpn: Vpn): Holder => ({ kind: "map", mm, vpn });

/** How many entries map the frame. */
export function mapCount(frame: Frame): number {
  return frame.holders.reduce((n, h) => n + (h.kind === "map" ? 1 : 0), 0);
}

/** Entries that map the frame as the core counts them: an exclusive entry holds a reference, but is not counted. */
export function mappedCount(s: Work, pfn: Pfn): number {
  const counted = (h: Holder): boolean => h.kind === "map" && s.mms[h.mm]?.ptes[h.vpn]?.kind !== "device_exclusive";
  return frameOf(s, pfn).holders.filter(counted).length;
}

/** Tries to take the page lock; never waits. Answers whether the task has it now. */
export function lockPage(s: Work, pfn: Pfn, task: TaskId): boolean {
  if (frameOf(s, pfn).locked !== null) return false;
  setFrame(s, pfn, { locked: task });
  return true;
}

/** Gives the page lock back. */
export function unlockPage(s: Work, pfn: Pfn): void {
  setFrame(s, pfn, { locked: null });
}

/** The frame that an entry maps, holding a reference: present, device-private and device-exclusive entries. */
export function mappedPfn(pte: Pte): Pfn | null {
  return pte.kind === "present" || pte.kind === "device_private" || pte.kind === "device_exclusive" ? pte.pfn : null;
}

/** Drops what an entry holds: the mapping of a frame, or a swap slot. A migration entry holds nothing. */
export function dropPte(s: Work, mm: MmId, at: number, pte: Pte): void {
  const pfn = mappedPfn(pte);
  if (pfn !== null) {
    // A private page is not looked for once its last entry is gone, so its dirty bit is dropped with the entry.
    const { dirty, mapping } = frameOf(s, pfn);
    if (pte.kind === "present" && pte.dirty && !dirty && mapping?.kind === "shmem") setFrame(s, pfn, { dirty: true });
    drop(s, pfn, mapHolder(mm, toVpn(at)));
    dropUnused(s, pfn);
  } else if (pte.kind === "swap") dropSlot(s, pte.slot);
}

/** Drops one user of a slot. */
export function dropSlot(s: Work, slot: number): void {
  const was = known(s.slots[slot], `swap slot ${slot}`);
  const count = was.count - 1;
  s.slots[slot] = { ...was, count, contents: count === 0 && was.cache === null ? UNKNOWN : was.contents };
  if (was.cache !== null) dropUnused(s, was.cache);
}

/** A page that is in the swap cache and nowhere else leaves it, unless somebody works on it. */
function dropUnused(s: Work, pfn: Pfn): void {
  const frame = frameOf(s, pfn);
  if (frame.slot === null || frame.locked !== null || mapCount(frame) > 0) return;
  if (s.slots[frame.slot]?.count === 0) freeSwapCache(s, pfn);
}

/** Takes a page whose slot has no users out of the swap cache; what is in memory is all that there is of it then. */
export function freeSwapCache(s: Work, pfn: Pfn): void {
  const slot = known(frameOf(s, pfn).slot, "slot");
  s.slots[slot] = { contents: UNKNOWN, count: 0, cache: null };
  setFrame(s, pfn, { slot: null, dirty: true });
  drop(s, pfn, { kind: "swap-cache" });
}

/** Whether somebody may read or write the frame at any time. */
export function isPinned(frame: Frame): boolean {
  return frame.holders.some((h) => h.kind === "pin");
}

/** The mappings of an address space through which its pages are found: also those that munmap has taken out and not yet emptied. */
export function linkedVmas(s: Work, mm: number): readonly Vma[] {
  const detached = s.tasks.flatMap((t) => t.stack.flatMap((a) => (a.op === "do_munmap" && a.mm === mm ? a.detached : [])));
  return [...known(s.mms[mm], `mm ${mm}`).vmas, ...detached];
}

/** Where a page of this identity may be mapped, in the order of the walk: every mapping whose anon_vma chain (or object) and offsets cover it. */
export function rmap(s: Work, mapping: Mapping | null, index: number): { readonly mm: MmId; readonly vpn: Vpn }[] {
  const places: { readonly mm: MmId; readonly vpn: Vpn; readonly vma: Vma }[] = [];
  if (mapping === null) return places;
  s.mms.forEach((_, m) => {
    for (const vma of linkedVmas(s, m)) {
      const linked = mapping.kind === "anon" ? vma.chain.includes(mapping.anonVma) : vma.map === "shared" && vma.object === mapping.object;
      const at = vma.start + index - vma.pgoff;
      if (linked && vma.start <= at && at < vma.end) places.push({ mm: mmId(m), vpn: toVpn(at), vma });
    }
  });
  return places.toSorted((a, b) => a.vma.pgoff - b.vma.pgoff || a.vma.stamp - b.vma.stamp).map(({ mm, vpn }) => ({ mm, vpn }));
}
