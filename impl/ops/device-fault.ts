/**
 * The driver's fault: batches of a range, each walked and installed.
 *
 * Record: `x0` error or `NIL`.
 */
import { DPTE, STEP, TAG, dpteTag } from "../../spec/words.ts";
import { errnoIndex } from "../arena.ts";
import type { Arena } from "../arena.ts";
import { FILE, MM, NIL, R, VMA, errnoAnswer } from "../layout.ts";
import { callerRecord, die, enter, goto, leave, push } from "../tasks.ts";
import type { ImplSteps } from "../tasks.ts";
import { findVma } from "../vmas.ts";
import { putMm } from "./exit.ts";
import { failWith } from "./fail-with.ts";
import { enterRangeFault } from "./range-fault.ts";

const EAGAIN = errnoAnswer(errnoIndex("EAGAIN"));
const EFAULT = errnoAnswer(errnoIndex("EFAULT"));

/** Enters the fault of `[start, end)` for a device; it answers `NIL` or an error number. */
export function enterDeviceFault(
  h: Arena,
  t: number,
  r: number,
  resume: number,
  file: number,
  start: number,
  end: number,
  write: boolean,
): void {
  fill(h, enter(h, t, r, resume, STEP["dmirror_fault.get"]), file, start, end, write);
}

/** Begins the same fault as a task of its own, for a fault worker. The task ends with the answer. */
export function beginDeviceFault(h: Arena, t: number, file: number, start: number, end: number, write: boolean): void {
  fill(h, push(h, t, STEP["dmirror_fault.get"]), file, start, end, write);
}

function fill(h: Arena, a: number, file: number, start: number, end: number, write: boolean): void {
  h.task[a + R.mm] = h.file[file * FILE.words + FILE.mm]!;
  h.task[a + R.start] = start;
  h.task[a + R.end] = end;
  h.task[a + R.at] = start;
  h.task[a + R.file] = file;
  h.task[a + R.write] = write ? 1 : 0;
  h.task[a + R.x0] = NIL;
}

/** Answers whoever has entered the fault; a fault worker's task ends with the error. */
function answer(h: Arena, t: number, got: number): void {
  if (got === NIL || callerRecord(h, t) >= 0) leave(h, t, got);
  else failWith(h, t, got);
}

/** Whether the device reaches a page already. */
function reaches(h: Arena, r: number, vpn: number): boolean {
  const dpte = h.dpt.get(h.task[r + R.file]!, vpn);
  return (dpte & DPTE.valid) !== 0 && (h.task[r + R.write] === 0 || dpteTag(dpte) === TAG.write);
}

/** Where the batch that begins at the current page ends: v14's walk stays in one mapping. */
function batchEnd(h: Arena, r: number): number {
  const at = h.task[r + R.at]!;
  const end = Math.min(at + h.profile.driver.faultBatch, h.task[r + R.end]!);
  if (!h.profile.singleVma) return end;
  const vma = findVma(h, h.task[r + R.mm]!, at);
  return vma < 0 ? end : Math.min(end, h.vma[vma + VMA.end]!);
}

/** The steps of the driver's fault. */
export const deviceFaultSteps: ImplSteps = {
  get: {
    apply(h, t, r) {
      const users = h.task[r + R.mm]! * h.mmWords + MM.users;
      if (h.mm[users]! > 0) {
        h.mm[users]! += 1;
        goto(h, r, STEP["dmirror_fault.range"]);
      } else if (h.profile.goneMirrorFault !== null || !h.profile.driver.hangsOnGoneMirror) answer(h, t, EFAULT);
      // Success without an entry: the caller looks, finds nothing, and asks again, for ever.
      else die(h, t, "hang: the fault on a mirrored address space that is gone answers success, and the access repeats for ever");
    },
  },
  range: {
    apply(h, t, r) {
      const end = h.task[r + R.end]!;
      let at = h.task[r + R.at]!;
      // Who faults page by page leaves out those that it can reach already.
      if (h.profile.driver.faultBatch === 1) while (at < end && reaches(h, r, at)) at++;
      h.task[r + R.at] = at;
      if (at >= end) goto(h, r, STEP["dmirror_fault.put"]);
      else enterRangeFault(h, t, r, STEP["dmirror_fault.walked"], h.task[r + R.file]!, at, batchEnd(h, r), true, h.task[r + R.write] !== 0);
    },
  },
  walked: {
    apply(h, _t, r) {
      const got = h.task[r + R.got]!;
      // v14: the address space lock was dropped, so the mapping may be another one now.
      if (got === EAGAIN) return goto(h, r, STEP["dmirror_fault.range"]);
      if (got !== NIL) {
        h.task[r + R.x0] = got;
        return goto(h, r, STEP["dmirror_fault.put"]);
      }
      h.task[r + R.at] = batchEnd(h, r);
      goto(h, r, STEP["dmirror_fault.range"]);
    },
  },
  put: { apply: (h, t, r) => putMm(h, t, r, h.task[r + R.mm]!, STEP["dmirror_fault.done"]) },
  done: { apply: (h, t, r) => answer(h, t, h.task[r + R.x0]!) },
};
