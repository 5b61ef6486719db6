/** I8: no lock outlives its operation. */
import { LOCAL, STEP } from "../../spec/words.ts";
import { OP } from "../ops.ts";
import type { Always } from "../property.ts";
import { isLive, LOCALS } from "../sweep.ts";
import type { Sweep } from "../sweep.ts";
import { stepText } from "../text.ts";

const DEVICE_ACCESS_A1 = STEP["device_access.a1"];
const MAKE_EXCLUSIVE_A1 = STEP["make_exclusive.a1"];
const MIGRATE_CALL_A1 = STEP["migrate_call.a1"];

const LOCKS_PAGES = OP.migrate | OP.make_exclusive | OP.handle_mm_fault | OP.reclaim | OP.duplicate;
const WRITES_MM = OP.fork | OP.mmap | OP.munmap | OP.mprotect | OP.mremap | OP.madvise;

/** Every lock is held by a task that is in an operation which takes it. */
export const lockDiscipline: Always = {
  id: "lock-discipline",
  kind: "always",
  spec: ["FRM-6", "MIG-4", "DEV-7", "EXC-10", "MIG-42"],
  statement:
    "Page locks, address space locks and driver locks are held only by tasks in flight that are in an operation which takes them; a writer excludes readers.",
  check(now) {
    for (let pfn = 0; pfn < now.frames; pfn++) {
      const task = now.locked[pfn]!;
      if (task !== -1 && (!isLive(now, task) || (now.taskOps[task]! & LOCKS_PAGES) === 0)) return held(now, `frame ${pfn}`, task);
    }
    for (let mm = 0; mm < now.mms; mm++) {
      const writer = now.view.mmWriter(mm);
      const readers = now.view.mmReaders(mm);
      if (writer !== -1 && (!isLive(now, writer) || (now.taskOps[writer]! & WRITES_MM) === 0))
        return held(now, `address space ${mm}`, writer);
      if (readers < 0 || readers > now.live || (writer !== -1 && readers > 0))
        return `the lock of address space ${mm} has ${readers} readers and writer ${writer}, ${now.live} tasks in flight`;
    }
    for (let file = 0; file < now.files; file++) {
      const task = now.fileMutex[file]!;
      if (task !== -1 && (!isLive(now, task) || !isInside(now, task, file))) return held(now, `the driver lock of file ${file}`, task);
    }
    return null;
  },
};

/** Whether a task is between taking the driver lock of a file and giving it back. */
function isInside(now: Sweep, task: number, file: number): boolean {
  const step = now.taskStep[task];
  const accesses = step === DEVICE_ACCESS_A1 || step === MIGRATE_CALL_A1 || step === MAKE_EXCLUSIVE_A1;
  return accesses && now.local[task * LOCALS + LOCAL.file] === file;
}

function held(now: Sweep, what: string, task: number): string {
  return `${what} is locked by task ${task}, which ${isLive(now, task) ? `is at ${stepText(now.taskStep[task]!)}` : "has ended"}`;
}
