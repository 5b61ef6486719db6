/**
 * Physical memory as the CPU reaches it: system memory and CPU-addressable device memory answer, everything else is a bus error. The words of a
 * frame outside of the linear map are never read or written on the CPU's behalf.
 */
import { FRAME } from "../../spec/words.ts";
import type { Arena } from "../arena.ts";
import { chunkRowOf, flagsOf } from "../frames.ts";
import { CHUNK_ROW, F, FB } from "../layout.ts";

/** What `cpuLoad` answers where no memory answers. */
export const BUS_ERROR = -2;

/** Whether the kernel's linear map covers a frame. */
export function onBus(h: Arena, pfn: number): boolean {
  const flags = flagsOf(h, pfn);
  if ((flags & FB.dev_mask) === 0) return (flags & FRAME.kind_mask) !== FRAME.absent;
  const c = chunkRowOf(h, pfn);
  return c >= 0 && h.chunk[c + CHUNK_ROW.linear] !== 0;
}

/** The first byte of a frame, -1 where nobody can know it, or `BUS_ERROR`. */
export function cpuLoad(h: Arena, pfn: number): number {
  if (!onBus(h, pfn)) return BUS_ERROR;
  return (h.frame[pfn * F.words + F.contents]! & FB.byte_mask) - 1;
}

/** Writes the first byte of a frame, unless that is a bus error. */
export function cpuStore(h: Arena, pfn: number, value: number): boolean {
  if (!onBus(h, pfn)) return false;
  const at = pfn * F.words + F.contents;
  h.frame[at] = (h.frame[at]! & ~FB.byte_mask) | (value + 1);
  return true;
}
