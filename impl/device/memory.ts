/**
 * Physical memory as the CPU reaches it: system memory and CPU-addressable device memory answer, everything else is a bus error. The words of a
 * frame outside of the linear map are never read or written on the CPU's behalf.
 */
import { FRAME } from "../../spec/words.ts";
import type { Arena } from "../arena.ts";
import { chunkRowOf } from "../frames.ts";
import { CHUNK_ROW, F, FB } from "../layout.ts";

/** What `cpuLoad` answers where no memory answers. */
export const BUS_ERROR = -2;

const { words: FRAME_WORDS, contents: CONTENTS } = F;
const { dev_mask: DEV_MASK, byte_mask: FIRST_BYTE } = FB;
const { kind_mask: KIND, absent: ABSENT } = FRAME;

/** Whether the kernel's linear map covers a frame. */
export function onBus(h: Arena, pfn: number): boolean {
  const flags = h.frame[pfn * FRAME_WORDS]!;
  if ((flags & DEV_MASK) === 0) return (flags & KIND) !== ABSENT;
  const c = chunkRowOf(h, pfn);
  return c >= 0 && h.chunk[c + CHUNK_ROW.linear] !== 0;
}

/** The first byte of a frame, -1 where nobody can know it, or `BUS_ERROR`. */
export function cpuLoad(h: Arena, pfn: number): number {
  return onBus(h, pfn) ? (h.frame[pfn * FRAME_WORDS + CONTENTS]! & FIRST_BYTE) - 1 : BUS_ERROR;
}

/** Writes the first byte of a frame, unless that is a bus error. */
export function cpuStore(h: Arena, pfn: number, value: number): boolean {
  if (!onBus(h, pfn)) return false;
  const at = pfn * FRAME_WORDS + CONTENTS;
  h.frame[at] = (h.frame[at]! & ~FIRST_BYTE) | (value + 1);
  return true;
}
