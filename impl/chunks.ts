/** Ranges of device memory: where they lie, and what comes and goes of them. A range is named by its row, its number is its place in its device. */
import { CHUNK } from "../spec/words.ts";
import type { Arena } from "./arena.ts";
import { Full } from "./capacity.ts";
import { reachOf } from "./frames.ts";
import { CHUNK_ROW, DEVICE, F, FB } from "./layout.ts";

/** The row of a range of a device. */
export const chunkRow = (h: Arena, dev: number, chunk: number): number => (dev * h.capacity.chunks + chunk) * CHUNK_ROW.words;

/** Ranges of a device, also those that are gone and whose number is not the last. */
export const chunkCount = (h: Arena, dev: number): number => h.device[dev * DEVICE.words + DEVICE.chunks]!;

/** The number of the first range of a device that is in a state (`CHUNK`), or -1. */
export function chunkIn(h: Arena, dev: number, state: number): number {
  const n = chunkCount(h, dev);
  for (let c = 0; c < n; c++) if (h.chunk[chunkRow(h, dev, c) + CHUNK_ROW.state] === state) return c;
  return -1;
}

/** The row of the range with this number, or -1 where there is none. */
export function liveChunk(h: Arena, dev: number, chunk: number): number {
  if (chunk < 0 || chunk >= chunkCount(h, dev)) return -1;
  const row = chunkRow(h, dev, chunk);
  return h.chunk[row + CHUNK_ROW.state] === CHUNK.gone ? -1 : row;
}

/** Whether some range has a physical address of `[first, end)`. */
function taken(h: Arena, first: number, end: number): boolean {
  for (let dev = 0; dev < h.devices; dev++) {
    const n = chunkCount(h, dev);
    for (let c = 0; c < n; c++) {
      const row = chunkRow(h, dev, c);
      if (h.chunk[row + CHUNK_ROW.state] === CHUNK.gone) continue;
      const from = h.chunk[row + CHUNK_ROW.first]!;
      if (from < end && first < from + h.chunk[row + CHUNK_ROW.npages]!) return true;
    }
  }
  return false;
}

/** The first of `size` physical addresses that no range has, or -1: tried downwards from the top in steps of the size. */
export function findRoom(h: Arena, size: number): number {
  for (let at = h.windowEnd - size; at >= h.windowFirst; at -= size) if (!taken(h, at, at + size)) return at;
  return -1;
}

/** Enters a range whose addresses are reserved, and answers its number; those of ranges that are gone are used again. */
export function enterChunk(h: Arena, dev: number, first: number, npages: number, flags: number, minor: number): number {
  let chunk = chunkIn(h, dev, CHUNK.gone);
  if (chunk < 0) {
    chunk = chunkCount(h, dev);
    if (chunk >= h.capacity.chunks) throw new Full("chunks");
    h.device[dev * DEVICE.words + DEVICE.chunks] = chunk + 1;
  }
  const row = chunkRow(h, dev, chunk);
  h.chunk[row + CHUNK_ROW.first] = first;
  h.chunk[row + CHUNK_ROW.npages] = npages;
  h.chunk[row + CHUNK_ROW.state] = CHUNK.reserved;
  h.chunk[row + CHUNK_ROW.flags] = flags;
  h.chunk[row + CHUNK_ROW.minor] = minor + 1;
  return chunk;
}

/** Forgets a range: nothing of it is left, but the numbers of the others stay. */
export function forgetChunk(h: Arena, dev: number, chunk: number): void {
  const row = chunkRow(h, dev, chunk);
  h.chunk.fill(0, row, row + CHUNK_ROW.words);
  let n = chunkCount(h, dev);
  while (n > 0 && h.chunk[chunkRow(h, dev, n - 1) + CHUNK_ROW.state] === CHUNK.gone) n--;
  h.device[dev * DEVICE.words + DEVICE.chunks] = n;
}

/** Makes the record of a frame anew, with these marks. Stale entries of device page tables lead to it as before. */
export function resetFrame(h: Arena, pfn: number, flags: number): void {
  const f = pfn * F.words;
  const reach = reachOf(h, pfn) * FB.reach;
  h.frame.fill(0, f, f + F.words);
  h.frame[f + F.flags] = flags;
  h.frame[f + F.counts] = reach;
}

/** Takes the frames `[first, end)` off the free list of a device. The others keep their order. */
export function withholdFrames(h: Arena, dev: number, first: number, end: number): void {
  const d = dev * DEVICE.words;
  let before = -1;
  for (let at = h.device[d + DEVICE.free_head]! - 1; at >= 0;) {
    const next = h.frame[at * F.words + F.link]! - 1;
    if (first <= at && at < end) {
      if (before < 0) h.device[d + DEVICE.free_head] = next + 1;
      else h.frame[before * F.words + F.link] = next + 1;
      h.frame[at * F.words + F.link] = 0;
      h.device[d + DEVICE.free]! -= 1;
    } else before = at;
    at = next;
  }
}
