/** Frames: allocation, reference and mapping counts, the page lock, the marks of the rows. */
import { CHUNK, DPTE, FRAME, PTE, dptePfn, pteKind, ptePayload } from "../spec/words.ts";
import { ImplBug } from "./arena.ts";
import type { Arena } from "./arena.ts";
import { Full } from "./capacity.ts";
import { flushPage } from "./device/tlb.ts";
import { CHUNK_ROW, DEVICE, F, FB, G, ZEROES } from "./layout.ts";

/** Bit of `allow_migrate` in the flags of a range, by the order of `DEVMEM_FLAGS`. */
export const ALLOW_MIGRATE = 2;

const row = (pfn: number): number => pfn * F.words;

/** Marks of a frame (`FRAME`), with the private bits of `FB`. */
export const flagsOf = (h: Arena, pfn: number): number => h.frame[row(pfn) + F.flags]!;
/** Kind of a frame: `FRAME.system`, `private`, `coherent` or `absent`. */
export const kindOf = (h: Arena, pfn: number): number => h.frame[row(pfn) + F.flags]! & FRAME.kind_mask;
/** Device of a frame, or -1. */
export const devOf = (h: Arena, pfn: number): number => ((h.frame[row(pfn) + F.flags]! & FB.dev_mask) >>> FB.dev_shift) - 1;
/** Task that holds the page lock, or -1. */
export const lockerOf = (h: Arena, pfn: number): number => ((h.frame[row(pfn) + F.flags]! & FB.locked_mask) >>> FB.locked_shift) - 1;
/** File whose migration allocated a device frame, or -1. */
export const fileOfFrame = (h: Arena, pfn: number): number => ((h.frame[row(pfn) + F.flags]! & FB.file_mask) >>> FB.file_shift) - 1;
/** Holders of a frame. */
export const refsOf = (h: Arena, pfn: number): number => h.frame[row(pfn) + F.counts]! & FB.ref_mask;
/** Entries that map a frame. */
export const mapsOf = (h: Arena, pfn: number): number => (h.frame[row(pfn) + F.counts]! & FB.map_mask) >>> FB.map_shift;
/** Device page table entries that lead to a frame. */
export const reachOf = (h: Arena, pfn: number): number => h.frame[row(pfn) + F.counts]! >>> FB.reach_shift;
/** Pins of a frame. */
export const pinsOf = (h: Arena, pfn: number): number => (h.frame[row(pfn) + F.contents]! & FB.pin_mask) >>> FB.pin_shift;
/** Brief references of a frame. */
export const briefsOf = (h: Arena, pfn: number): number => (h.frame[row(pfn) + F.contents]! & FB.brief_mask) >>> FB.brief_shift;
/** Entries that map a frame, without the device-exclusive ones. */
export const countedMaps = (h: Arena, pfn: number): number =>
  mapsOf(h, pfn) - ((h.frame[row(pfn) + F.contents]! & FB.exclusive_mask) >>> FB.exclusive_shift);
/** Kind of the mapping that the contents belong to: a number of `MAPPING`. */
export const mappingKind = (h: Arena, pfn: number): number => (h.frame[row(pfn) + F.flags]! & FRAME.mapping_mask) >>> FRAME.mapping_shift;
/** The anon_vma or the shared memory object of that mapping. */
export const mappingOf = (h: Arena, pfn: number): number => h.frame[row(pfn) + F.mapping]!;
/** Index in that mapping. */
export const indexOf = (h: Arena, pfn: number): number => h.frame[row(pfn) + F.index]!;
/** Packed contents. */
export const contentsOf = (h: Arena, pfn: number): number => h.frame[row(pfn) + F.contents]! & FB.contents_mask;
/** Swap slot, or -1. */
export const slotOf = (h: Arena, pfn: number): number => ((flagsOf(h, pfn) & FB.slot) === 0 ? -1 : h.frame[row(pfn) + F.link]!);
/** First frame of the compound page, or -1. */
export const headOf = (h: Arena, pfn: number): number => ((flagsOf(h, pfn) & FB.head) === 0 ? -1 : h.frame[row(pfn) + F.link]!);

/** Sets marks. */
export function mark(h: Arena, pfn: number, bits: number): void {
  h.frame[row(pfn) + F.flags]! |= bits;
}

/** Takes marks off. */
export function unmark(h: Arena, pfn: number, bits: number): void {
  h.frame[row(pfn) + F.flags]! &= ~bits;
}

/** Replaces the contents. */
export function setContents(h: Arena, pfn: number, contents: number): void {
  const at = row(pfn) + F.contents;
  h.frame[at] = (h.frame[at]! & ~FB.contents_mask) | contents;
}

/** Says to what the contents belong. */
export function setMapping(h: Arena, pfn: number, kind: number, id: number, index: number): void {
  const at = row(pfn);
  h.frame[at + F.flags] = (h.frame[at + F.flags]! & ~FRAME.mapping_mask) | (kind << FRAME.mapping_shift);
  h.frame[at + F.mapping] = id;
  h.frame[at + F.index] = index;
}

/** Enters the swap slot of a frame (-1: none). */
export function setSlot(h: Arena, pfn: number, slot: number): void {
  setLink(h, pfn, FB.slot, slot);
}

/** Enters the first frame of the compound page of a frame (-1: none). */
export function setHead(h: Arena, pfn: number, head: number): void {
  setLink(h, pfn, FB.head, head);
}

function setLink(h: Arena, pfn: number, bit: number, value: number): void {
  const at = row(pfn);
  if (value >= 0) h.frame[at + F.flags]! |= bit;
  else h.frame[at + F.flags]! &= ~bit;
  h.frame[at + F.link] = value >= 0 ? value : 0;
}

/** Takes the page lock for a task, if nobody has it. Never waits. */
export function lockPage(h: Arena, pfn: number, task: number): boolean {
  const at = row(pfn) + F.flags;
  if ((h.frame[at]! & FB.locked_mask) !== 0) return false;
  h.frame[at]! |= (task + 1) << FB.locked_shift;
  return true;
}

/** Gives the page lock back. */
export function unlockPage(h: Arena, pfn: number): void {
  h.frame[row(pfn) + F.flags]! &= ~FB.locked_mask;
}

/** Takes one reference. */
export function getPage(h: Arena, pfn: number): void {
  const at = row(pfn) + F.counts;
  if ((h.frame[at]! & FB.ref_mask) === FB.ref_mask) throw new Full("count");
  h.frame[at]! += FB.ref;
}

/** Drops one reference; the last one frees the frame. */
export function putPage(h: Arena, pfn: number): void {
  const at = row(pfn) + F.counts;
  if ((h.frame[at]! & FB.ref_mask) === 0) throw new ImplBug(`frame ${pfn} has no reference to drop`);
  h.frame[at]! -= FB.ref;
  if ((h.frame[at]! & FB.ref_mask) === 0) free(h, pfn);
}

/** Counts one more entry that maps the frame, with its reference. */
export function mapPage(h: Arena, pfn: number): void {
  const at = row(pfn) + F.counts;
  const counts = h.frame[at]!;
  if ((counts & FB.ref_mask) === FB.ref_mask || (counts & FB.map_mask) === FB.map_mask) throw new Full("count");
  h.frame[at] = counts + FB.map + FB.ref;
}

/** Counts one entry less; the last reference frees the frame. */
export function unmapPage(h: Arena, pfn: number): void {
  const at = row(pfn) + F.counts;
  if ((h.frame[at]! & FB.map_mask) === 0) throw new ImplBug(`frame ${pfn} has no mapping to drop`);
  h.frame[at]! -= FB.map;
  putPage(h, pfn);
}

/** Pins a frame for DMA, with its reference. */
export function pinPage(h: Arena, pfn: number): void {
  count(h, pfn, FB.pin, FB.pin_mask);
  getPage(h, pfn);
}

/** Takes a pin off. */
export function unpinPage(h: Arena, pfn: number): void {
  h.frame[row(pfn) + F.contents]! -= FB.pin;
  putPage(h, pfn);
}

/** Somebody takes a brief reference that has nothing to do with what the kernel does to the page. */
export function holdBriefly(h: Arena, pfn: number): void {
  count(h, pfn, FB.brief, FB.brief_mask);
  getPage(h, pfn);
}

/** Gives it back. */
export function dropBriefly(h: Arena, pfn: number): void {
  h.frame[row(pfn) + F.contents]! -= FB.brief;
  putPage(h, pfn);
}

function count(h: Arena, pfn: number, one: number, mask: number): void {
  const at = row(pfn) + F.contents;
  if ((h.frame[at]! & mask) === mask) throw new Full("count");
  h.frame[at]! += one;
}

/** Replaces a CPU page table entry. What the old one held is the caller's. */
export function setPte(h: Arena, mm: number, vpn: number, pte: number): void {
  const old = h.pt.get(mm, vpn);
  if (pteKind(old) === PTE.device_exclusive) h.frame[row(ptePayload(old)) + F.contents]! -= FB.exclusive;
  if (pteKind(pte) === PTE.device_exclusive) h.frame[row(ptePayload(pte)) + F.contents]! += FB.exclusive;
  h.pt.set(mm, vpn, pte);
}

/** Replaces a device page table entry. A free frame that no entry leads to any more may be allocated at once again. */
export function setDpte(h: Arena, file: number, vpn: number, dpte: number): void {
  const old = h.dpt.get(file, vpn);
  if (old === dpte) return;
  h.dpt.set(file, vpn, dpte);
  if (old !== 0) flushPage(h, file, vpn);
  const to = dptePfn(dpte);
  if (to >= 0) {
    h.frame[row(to) + F.counts]! += FB.reach;
    // A driver that ignores the events of its own migrations may map a frame that is free by then.
    if (to >= h.firstSystem && (flagsOf(h, to) & FRAME.free) !== 0) h.freeFrames.remove(to - h.firstSystem);
  }
  const from = dptePfn(old);
  if (from < 0) return;
  h.frame[row(from) + F.counts]! -= FB.reach;
  if (from >= h.firstSystem && reachOf(h, from) === 0 && (flagsOf(h, from) & FRAME.free) !== 0) h.freeFrames.add(from - h.firstSystem);
}

/** The word of a device page table entry. */
export function makeDpte(pfn: number, zero: boolean, tag: number, unreachable: boolean): number {
  return DPTE.valid | (zero ? DPTE.zero : pfn << DPTE.payload_shift) | (tag << DPTE.tag_shift) | (unreachable ? DPTE.unreachable : 0);
}

/**
 * Takes the lowest free frame of system memory, with zeroed contents and one reference. A frame that some device still has an entry for is
 * left alone, so that a stale entry stays visible.
 */
export function allocSystem(h: Arena): number {
  const n = h.freeFrames.lowest();
  if (n < 0) throw new Full("systemFrames");
  h.freeFrames.remove(n);
  const pfn = h.firstSystem + n;
  if (pfn >= h.global[G.frames]!) h.global[G.frames] = pfn + 1;
  const at = row(pfn);
  h.frame[at + F.flags] = FRAME.system | FRAME.swap_backed | FRAME.lru;
  h.frame[at + F.counts] = FB.ref;
  h.frame[at + F.mapping] = 0;
  h.frame[at + F.index] = 0;
  h.frame[at + F.contents] = ZEROES;
  h.frame[at + F.link] = 0;
  return pfn;
}

/**
 * Takes a frame from the free list of a device, with one reference, or answers -1: the one given back last, but one that no device has an entry
 * for, if there is any.
 */
export function allocDevice(h: Arena, dev: number, file: number): number {
  const d = dev * DEVICE.words;
  const top = h.device[d + DEVICE.free_head]!;
  if (top === 0) return -1;
  let before = 0;
  let at = top;
  while (at !== 0 && reachOf(h, at - 1) > 0) {
    before = at;
    at = h.frame[row(at - 1) + F.link]!;
  }
  if (at === 0) {
    before = 0;
    at = top;
  }
  const pfn = at - 1;
  const f = row(pfn);
  if (before === 0) h.device[d + DEVICE.free_head] = h.frame[f + F.link]!;
  else h.frame[row(before - 1) + F.link] = h.frame[f + F.link]!;
  h.device[d + DEVICE.free]! -= 1;
  const kept = h.frame[f + F.flags]! & (FRAME.kind_mask | FRAME.dirty | FB.dev_mask);
  h.frame[f + F.flags] = kept | FRAME.swap_backed | ((file + 1) << FB.file_shift);
  h.frame[f + F.counts]! += FB.ref;
  h.frame[f + F.link] = 0;
  return pfn;
}

/** Puts a frame of a device on top of its free list. */
export function pushFree(h: Arena, dev: number, pfn: number): void {
  const d = dev * DEVICE.words;
  h.frame[row(pfn) + F.link] = h.device[d + DEVICE.free_head]!;
  h.device[d + DEVICE.free_head] = pfn + 1;
  h.device[d + DEVICE.free]! += 1;
}

/** The row of the range that a device frame belongs to, or -1. */
export function chunkRowOf(h: Arena, pfn: number): number {
  const dev = devOf(h, pfn);
  if (dev < 0) return -1;
  const first = dev * h.capacity.chunks * CHUNK_ROW.words;
  const end = first + h.device[dev * DEVICE.words + DEVICE.chunks]! * CHUNK_ROW.words;
  for (let c = first; c < end; c += CHUNK_ROW.words) {
    const from = h.chunk[c + CHUNK_ROW.first]!;
    if (from <= pfn && pfn < from + h.chunk[c + CHUNK_ROW.npages]!) return c;
  }
  return -1;
}

/** Whether a frame may be collected, unmapped for migration, or used as a destination. */
export function allowsMigration(h: Arena, pfn: number): boolean {
  const c = chunkRowOf(h, pfn);
  return c < 0 || (h.chunk[c + CHUNK_ROW.flags]! & ALLOW_MIGRATE) !== 0;
}

/** The last reference is gone: the frame goes back to the system, or to its device by the free callback. What leads to it from devices stays counted. */
function free(h: Arena, pfn: number): void {
  const f = row(pfn);
  const flags = h.frame[f + F.flags]!;
  const dev = ((flags & FB.dev_mask) >>> FB.dev_shift) - 1;
  h.frame[f + F.mapping] = 0;
  h.frame[f + F.index] = 0;
  h.frame[f + F.contents] = 0;
  h.frame[f + F.link] = 0;
  if (dev < 0) {
    h.frame[f + F.flags] = FRAME.system | FRAME.free | FRAME.swap_backed;
    if (reachOf(h, pfn) === 0) h.freeFrames.add(pfn - h.firstSystem);
    return;
  }
  // That a page was dirty stays with the frame of a device.
  h.frame[f + F.flags] = (flags & (FRAME.kind_mask | FRAME.dirty | FB.dev_mask)) | FRAME.free | FRAME.swap_backed;
  const c = chunkRowOf(h, pfn);
  if (c >= 0 && h.chunk[c + CHUNK_ROW.state] === CHUNK.online && (h.chunk[c + CHUNK_ROW.flags]! & ALLOW_MIGRATE) !== 0)
    pushFree(h, dev, pfn);
}
