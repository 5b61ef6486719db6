/**
 * hmm_range_fault: reads the CPU page table of a range for a mirror, faulting where the caller asks for it. The record and the results are
 * described at `RANGE`.
 */
import { FRAME, MAP, STEP, TAG, VM } from "../../spec/words.ts";
import { errnoIndex } from "../arena.ts";
import type { Arena } from "../arena.ts";
import { CHOICE } from "../choices.ts";
import { kindOf, makeDpte, setDpte } from "../frames.ts";
import { PTRS_PER_PTE } from "../huge.ts";
import { FILE, MM, NIL, R, VMA, errnoAnswer } from "../layout.ts";
import { canRead, driverFree, readLock, readUnlock } from "../locks.ts";
import { RANGE } from "../range.ts";
import { readsReplica } from "../replicas.ts";
import { callerRecord, enter, goto, leave, pushData, taskRow } from "../tasks.ts";
import type { ImplSteps } from "../tasks.ts";
import { findVma } from "../vmas.ts";
import { enterFault } from "./fault.ts";
import { NEEDS_FAULT, lookAtPte } from "./range-look.ts";
import { snapshotCode } from "./snapshot-code.ts";

const EAGAIN = errnoAnswer(errnoIndex("EAGAIN"));
const EFAULT = errnoAnswer(errnoIndex("EFAULT"));
const EINVAL = errnoAnswer(errnoIndex("EINVAL"));
const EPERM = errnoAnswer(errnoIndex("EPERM"));
/** The environment leaves the address space lock alone, or the fault drops it (v14). */
const KEPT = 1;
const KEPT_OR_DROPPED = KEPT | (1 << CHOICE.dropped);

/**
 * Enters a walk over `[start, end)`: with `request` each page must be there (and writable with `write`), without it nothing is faulted. It answers
 * `NIL` or an error number.
 */
export function enterRangeFault(
  h: Arena,
  t: number,
  r: number,
  resume: number,
  file: number,
  start: number,
  end: number,
  request: boolean,
  write: boolean,
): void {
  const a = enter(h, t, r, resume, STEP["hmm_range_fault.d1"]);
  h.task[a + R.mm] = h.file[file * FILE.words + FILE.mm]!;
  h.task[a + R.start] = start;
  h.task[a + R.end] = end;
  h.task[a + R.at] = start;
  h.task[a + R.file] = file;
  h.task[a + R.write] = write ? 1 : 0;
  h.task[a + RANGE.request] = request ? 1 : 0;
  h.task[a + RANGE.stop] = start;
  h.task[a + RANGE.fault] = -1;
  h.task[a + RANGE.error] = NIL;
}

/** Where the result for a page lies. */
const resultAt = (h: Arena, t: number, r: number, vpn: number): number => taskRow(h, t) + h.pfns + vpn - h.task[r + R.start]!;

/** Leaves the walk; its results are wiped out. */
function leaveWalk(h: Arena, t: number, r: number, got: number): void {
  h.task.fill(0, resultAt(h, t, r, h.task[r + R.start]!), resultAt(h, t, r, h.task[r + R.end]!));
  leave(h, t, got);
}

/** Whether nothing that the walk has read may have changed since it began. */
function current(h: Arena, r: number): boolean {
  if (h.profile.rangeProtocol === "valid") return h.task[r + RANGE.valid] !== 0;
  return h.file[h.task[r + R.file]! * FILE.words + FILE.seq] === h.task[r + RANGE.seq];
}

/** The walk ends at this page: v14 marks it with an error word. What lies behind it is not looked at. */
function stopAt(h: Arena, t: number, r: number, error: number): void {
  if (h.task[r + RANGE.fault]! >= 0) h.task[r + R.at] = h.task[r + RANGE.fault]!;
  h.task[resultAt(h, t, r, h.task[r + R.at]!)] = RANGE.bad;
  h.task[r + RANGE.error] = error;
  goto(h, r, STEP["hmm_range_fault.d7"]);
}

/** v14: what ends a walk that stays in one mapping before a page is looked at. Answers whether it has ended. */
function endsByMapping(h: Arena, t: number, r: number): boolean {
  const start = h.task[r + R.start]!;
  const end = h.task[r + R.end]!;
  const request = h.task[r + RANGE.request] !== 0;
  const vma = findVma(h, h.task[r + R.mm]!, start);
  if (h.task[r + R.at] === start && vma >= 0 && h.vma[vma + VMA.map] === MAP.device) {
    // No page of a special mapping is looked at. A snapshot of it fails, a fault of it succeeds.
    h.task.fill(RANGE.special, resultAt(h, t, r, start), resultAt(h, t, r, end));
    h.task[r + R.at] = end;
    if (!request) h.task[r + RANGE.error] = EINVAL;
    goto(h, r, STEP["hmm_range_fault.d7"]);
    return true;
  }
  if (request || (vma >= 0 && end <= h.vma[vma + VMA.end]!)) return false;
  stopAt(h, t, r, EINVAL);
  return true;
}

/** d5 at one page: it is recorded, or faulted together with those behind it, or it ends the walk. */
function walkPage(h: Arena, t: number, r: number): void {
  const { singleVma } = h.profile;
  const mm = h.task[r + R.mm]!;
  const at = h.task[r + R.at]!;
  const vma = findVma(h, mm, at);
  const flags = vma < 0 ? 0 : h.vma[vma + VMA.flags]!;
  let result: number = RANGE.bad;
  if (vma >= 0 && (singleVma || (flags & VM.read) !== 0)) result = lookAtPte(h, r, vma, h.pt.get(mm, at));
  else if (h.task[r + RANGE.request] !== 0) return stopAt(h, t, r, EFAULT);
  if (result !== NEEDS_FAULT) {
    h.task[resultAt(h, t, r, at)] = result;
    h.task[r + R.at] = at + 1;
    return;
  }
  const write = h.task[r + R.write] !== 0;
  if (write && (flags & VM.write) === 0) return stopAt(h, t, r, singleVma ? EFAULT : EPERM);
  // Every page from here to the end of the chunk is faulted: of the mapping, of the page table, of the range.
  h.task[r + RANGE.stop] = Math.min(h.task[r + R.end]!, h.vma[vma + VMA.end]!, at - (at % PTRS_PER_PTE) + PTRS_PER_PTE);
  enterFault(h, t, r, STEP["hmm_range_fault.d6"], mm, at, write);
}

/** d8: the device page table gets what the walk found. A page that is not writable although asked for ends it (defect B). */
function install(h: Arena, t: number, r: number): boolean {
  const file = h.task[r + R.file]!;
  const end = h.task[r + R.end]!;
  const needed = RANGE.kind_mask | RANGE.read | (h.task[r + R.write] !== 0 ? RANGE.write : 0);
  const wanted = RANGE.found | (needed & ~RANGE.kind_mask);
  for (let v = h.task[r + R.start]!; v < end; v++) {
    const result = h.task[resultAt(h, t, r, v)]!;
    if ((result & needed) !== wanted) return false;
    const pfn = result >>> RANGE.pfn_shift;
    if (readsReplica(h, h.dpt.get(file, v), pfn)) continue;
    const zero = (result & RANGE.zero) !== 0;
    const unreachable = !zero && h.profile.driver.storesDevicePage && kindOf(h, pfn) === FRAME.private;
    setDpte(h, file, v, makeDpte(pfn, zero, (result & RANGE.write) !== 0 ? TAG.write : TAG.read, unreachable));
  }
  return true;
}

/** The steps of a range walk (d1 to d8). */
export const rangeFaultSteps: ImplSteps = {
  d1: {
    apply(h, t, r) {
      const start = h.task[r + R.start]!;
      const seq = h.file[h.task[r + R.file]! * FILE.words + FILE.seq]!;
      h.task[r + RANGE.seq] = seq;
      h.task[r + RANGE.valid] = 1;
      h.task[r + R.at] = start;
      h.task.fill(RANGE.input, resultAt(h, t, r, start), resultAt(h, t, r, h.task[r + R.end]!));
      const busy = h.profile.rangeProtocol === "sequence" && seq === h.mm[h.task[r + R.mm]! * h.mmWords + MM.seq];
      goto(h, r, busy ? STEP["hmm_range_fault.d2"] : STEP["hmm_range_fault.d3"]);
    },
  },
  d2: {
    enabled: (h, _t, r) => h.mm[h.task[r + R.mm]! * h.mmWords + MM.seq] !== h.task[r + RANGE.seq],
    apply: (h, _t, r) => goto(h, r, STEP["hmm_range_fault.d3"]),
  },
  d3: {
    enabled: (h, _t, r) => canRead(h, h.task[r + R.mm]!),
    apply(h, t, r) {
      readLock(h, h.task[r + R.mm]!, t);
      goto(h, r, STEP["hmm_range_fault.d4"]);
    },
  },
  d4: {
    apply(h, t, r) {
      if (current(h, r)) return goto(h, r, STEP["hmm_range_fault.d5"]);
      readUnlock(h, h.task[r + R.mm]!, t);
      goto(h, r, STEP["hmm_range_fault.d1"]);
    },
  },
  d5: {
    apply(h, t, r) {
      if (h.task[r + R.at]! >= h.task[r + R.end]!) goto(h, r, STEP["hmm_range_fault.d7"]);
      else if (!h.profile.singleVma || !endsByMapping(h, t, r)) walkPage(h, t, r);
    },
  },
  d6: {
    choices: (h) => (h.profile.singleVma ? KEPT_OR_DROPPED : KEPT),
    apply(h, t, r, choice) {
      const mm = h.task[r + R.mm]!;
      if (choice === CHOICE.dropped) {
        readUnlock(h, mm, t);
        return leaveWalk(h, t, r, EAGAIN);
      }
      if (h.task[r + R.got] !== NIL) return stopAt(h, t, r, EFAULT);
      const last = h.task[r + RANGE.fault]!;
      const next = (last < 0 ? h.task[r + R.at]! : last) + 1;
      if (next < h.task[r + RANGE.stop]!) {
        h.task[r + RANGE.fault] = next;
        return enterFault(h, t, r, STEP["hmm_range_fault.d6"], mm, next, h.task[r + R.write] !== 0);
      }
      h.task[r + RANGE.fault] = -1;
      goto(h, r, STEP["hmm_range_fault.d4"]);
    },
  },
  d7: {
    apply(h, t, r) {
      readUnlock(h, h.task[r + R.mm]!, t);
      if (h.task[r + RANGE.error] === NIL) goto(h, r, STEP["hmm_range_fault.d8"]);
      else leaveWalk(h, t, r, h.task[r + RANGE.error]!);
    },
  },
  d8: {
    enabled: (h, _t, r) => driverFree(h, h.task[r + R.file]!),
    apply(h, t, r) {
      if (!current(h, r)) return goto(h, r, STEP["hmm_range_fault.d1"]);
      const caller = callerRecord(h, t);
      if (h.task[caller + R.step] === STEP["snapshot.walked"]) {
        const dev = h.task[caller + R.dev]!;
        const end = resultAt(h, t, r, h.task[r + R.end]!);
        for (let i = resultAt(h, t, r, h.task[r + R.start]!); i < end; i++) pushData(h, t, snapshotCode(h, dev, h.task[i]!));
      } else if (!install(h, t, r)) return leaveWalk(h, t, r, EFAULT);
      leaveWalk(h, t, r, NIL);
    },
  },
};
