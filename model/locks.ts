/** The address space lock. */
import type { MmId, TaskId } from "../spec/vocabulary.ts";
import { known } from "./rule.ts";
import type { MmWork, Work } from "./state.ts";

export function mmOf(s: Work, mm: MmId): MmWork {
  return known(s.mms[mm], `mm ${mm}`);
}

export function canRead(s: Work, mm: MmId): boolean {
  return mmOf(s, mm).lock.writer === null;
}

export function canWrite(s: Work, mm: MmId): boolean {
  const lock = mmOf(s, mm).lock;
  return lock.writer === null && lock.readers.length === 0;
}

export function readLock(s: Work, mm: MmId, task: TaskId): void {
  mmOf(s, mm).lock.readers.push(task);
}

export function readUnlock(s: Work, mm: MmId, task: TaskId): void {
  const lock = mmOf(s, mm).lock;
  lock.readers.splice(lock.readers.indexOf(task), 1);
}

export function writeLock(s: Work, mm: MmId, task: TaskId): void {
  mmOf(s, mm).lock.writer = task;
}

export function writeUnlock(s: Work, mm: MmId): void {
  mmOf(s, mm).lock.writer = null;
}
