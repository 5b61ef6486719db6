/** The page table of a device: clearing, range by range. */
import type { Arena } from "../arena.ts";
import { setDpte } from "../frames.ts";

/** Takes the entries of `[start, end)` off. */
export function clearDeviceRange(h: Arena, file: number, start: number, end: number): void {
  for (let v = h.dpt.next(file, start, end); v < end; v = h.dpt.next(file, v + 1, end)) setDpte(h, file, v, 0);
}
