/** The address space lock, and the driver lock of an open file. */
import type { Arena } from "./arena.ts";
import { FILE, MM } from "./layout.ts";

/** Whether the address space lock can be taken for reading. */
export const canRead = (h: Arena, mm: number): boolean => h.mm[mm * h.mmWords + MM.writer] === 0;

/** Whether it can be taken for writing. */
export const canWrite = (h: Arena, mm: number): boolean =>
  h.mm[mm * h.mmWords + MM.writer] === 0 && h.mm[mm * h.mmWords + MM.readers] === 0;

/** Takes it for reading. */
export function readLock(h: Arena, mm: number, t: number): void {
  h.mm[mm * h.mmWords + MM.readers]! += 1;
  h.mm[mm * h.mmWords + MM.held + t]! += 1;
}

/** Gives one reading hold back. */
export function readUnlock(h: Arena, mm: number, t: number): void {
  h.mm[mm * h.mmWords + MM.readers]! -= 1;
  h.mm[mm * h.mmWords + MM.held + t]! -= 1;
}

/** Takes it for writing. */
export function writeLock(h: Arena, mm: number, t: number): void {
  h.mm[mm * h.mmWords + MM.writer] = t + 1;
}

/** Gives it back. */
export function writeUnlock(h: Arena, mm: number): void {
  h.mm[mm * h.mmWords + MM.writer] = 0;
}

/** Whether the driver lock of a file is free. */
export const driverFree = (h: Arena, file: number): boolean => h.file[file * FILE.words + FILE.mutex] === 0;

/** Takes the driver lock. */
export function driverLock(h: Arena, file: number, t: number): void {
  h.file[file * FILE.words + FILE.mutex] = t + 1;
}

/** Gives the driver lock back. */
export function driverUnlock(h: Arena, file: number): void {
  h.file[file * FILE.words + FILE.mutex] = 0;
}
