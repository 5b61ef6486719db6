/** Which dummy devices there are (v14): two bits for each. */
import { MINORS } from "./arena.ts";
import type { Arena } from "./arena.ts";

/** State of a dummy device. `dying`: given back, but its memory is still being removed. */
export const MINOR = { none: 0, there: 1, dying: 2 } as const;

/** State of the dummy device with this number: a number of `MINOR`. */
export function dummyState(h: Arena, minor: number): number {
  return minor < 0 || minor >= MINORS ? MINOR.none : ((h.minors[minor >>> 4] ?? 0) >>> (2 * (minor & 15))) & 3;
}

/** Enters the state of a dummy device. */
export function setDummy(h: Arena, minor: number, state: number): void {
  const shift = 2 * (minor & 15);
  h.minors[minor >>> 4] = (h.minors[minor >>> 4]! & ~(3 << shift)) | (state << shift);
}
