/** The address space lock. */
import type { MmId, TaskId } from "../spec/vocabulary.ts";
import { known } from "./rule.ts";
import type { MmWork, Work } from "./state.ts";

/** The address space with this number. @throws ModelBug where there is none. */
export function mmOf(s: Work, mm: MmId): MmWork {
  return known(s.mms[mm], `mm ${mm}`);
}

/** Whether the address space lock can be taken for reading now. */
export function canRead(s: Work, mm: MmId): boolean {
  return mmOf(s, mm).lock.writer === null;
}

/** Whether the address space lock can be taken for writing now. */
export function canWrite(s: Work, mm: MmId): boolean {
  const lock = mmOf(s, mm).lock;
  return lock.writer === null && lock.readers.length === 0;
}

/** Takes the address space lock for reading. Only where `canRead` holds. */
export function readLock(s: Work, mm: MmId, task: TaskId): void {
  mmOf(s, mm).lock.readers.push(task);
}

/** Gives one reading hold of the task back. */
export function readUnlock(s: Work, mm: MmId, task: TaskId): void {
  const lock = mmOf(s, mm).lock;
  lock.readers.splice(lock.readers.indexOf(task), 1);
}

/** Takes the address space lock for writing. Only where `canWrite` holds. */
export function writeLock(s: Work, mm: MmId, task: TaskId): void {
  mmOf(s, mm).lock.writer = task;
}

/** Gives the address space lock back. */
export function writeUnlock(s: Work, mm: MmId): void {
  mmOf(s, mm).lock.writer = null;
}
