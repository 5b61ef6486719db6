/**
 * make_exclusive: pages that the CPU may not touch while the device does atomics on them; and check_exclusive, which asks for them. The pages of a batch are kept, one higher (0: not ours),
 * in the array of results of the task.
 *
 * Record: `x0` end of the batch, `x1` page of the batch, `x2` pages had so far, `x3` sequence number, `x4` whether it fails.
 */
import { DPTE, MAPPING, PTE, STEP, TAG, VM, dpteTag, pteKind, ptePayload } from "../../spec/words.ts";
import type { ModelCall } from "../../spec/vocabulary.ts";
import type { Arena } from "../arena.ts";
import { translate } from "../device/tlb.ts";
import { getPage, headOf, lockPage, makeDpte, mappingKind, putPage, setDpte, unlockPage } from "../frames.ts";
import { splitBlock } from "../huge.ts";
import { FILE, MM, NIL, R, VMA } from "../layout.ts";
import { canRead, driverFree, driverLock, driverUnlock, readLock, readUnlock } from "../locks.ts";
import { fail, goto, ok, push, pushData, takeData, taskRow } from "../tasks.ts";
import type { ImplSteps } from "../tasks.ts";
import { findVma } from "../vmas.ts";
import { pushDeviceCall } from "./begin-device-call.ts";
import { crash, readThrough } from "./device-access.ts";
import { driverOpen, useMirrored } from "./driver-call.ts";
import { putMm } from "./exit.ts";
import { enterFault } from "./fault.ts";
import { follows, touch } from "./populate.ts";
import { RMAP_MODE, WALK } from "./rmap-record.ts";
import { enterRmapWalk } from "./rmap-walk.ts";

/** Pages that one call of make_device_exclusive_range handles. */
const BATCH = 64;
const X = { stop: R.x0, i: R.x1, count: R.x2, seq: R.x3, error: R.x4 } as const;

/** Begins make_exclusive. */
export function beginMakeExclusive(h: Arena, t: number, call: Extract<ModelCall, { op: "make_exclusive" }>): void {
  pushDeviceCall(h, t, STEP["make_exclusive.open"], call);
}

/** Begins make_exclusive on one page as a task of its own, for a fault worker that has the file already. */
export function beginExclusiveAccess(h: Arena, t: number, file: number, page: number): void {
  const r = push(h, t, STEP["make_exclusive.check"]);
  h.task[r + R.mm] = h.file[file * FILE.words + FILE.mm]!;
  h.task[r + R.start] = page;
  h.task[r + R.end] = page + 1;
  h.task[r + R.at] = page;
  h.task[r + R.file] = file;
  h.task[r + R.dev] = h.file[file * FILE.words + FILE.dev]!;
}

const pageAt = (h: Arena, t: number, i: number): number => h.task[taskRow(h, t) + h.pfns + i]! - 1;

function setPage(h: Arena, t: number, i: number, pfn: number): void {
  h.task[taskRow(h, t) + h.pfns + i] = pfn + 1;
}

/** Gives a page of the batch up: somebody else has it, or it is not mapped as expected. */
function giveUp(h: Arena, t: number, i: number): void {
  putPage(h, pageAt(h, t, i));
  setPage(h, t, i, -1);
}

/** get_user_pages for writing, one page a step: the first page that cannot be had ends the batch. */
function pinNext(h: Arena, t: number, r: number): void {
  const mm = h.task[r + R.mm]!;
  const at = h.task[r + R.at]! + h.task[r + X.count]!;
  if (at >= h.task[r + X.stop]!) return goto(h, r, STEP["make_exclusive.x2_done"]);
  const vma = findVma(h, mm, at);
  if (vma < 0 || (h.vma[vma + VMA.flags]! & VM.write) === 0) {
    h.task[r + X.error] = 1;
    return goto(h, r, STEP["make_exclusive.x2_done"]);
  }
  splitBlock(h, mm, at);
  const pte = h.pt.get(mm, at);
  if (!follows(pte, true) || pteKind(pte) !== PTE.present) return enterFault(h, t, r, STEP["make_exclusive.x2_fault"], mm, at, true);
  touch(h, pte, true);
  getPage(h, ptePayload(pte));
  setPage(h, t, h.task[r + X.count]!, ptePayload(pte));
  h.task[r + X.count]! += 1;
}

/** x3: the next page of the batch is locked and replaced by device-exclusive entries, if it can be. */
function takeNext(h: Arena, t: number, r: number): void {
  const i = h.task[r + X.i]!;
  if (i >= h.task[r + X.count]!) return goto(h, r, STEP["make_exclusive.x8"]);
  const pfn = pageAt(h, t, i);
  const head = headOf(h, pfn);
  if ((head >= 0 && head !== pfn) || mappingKind(h, pfn) !== MAPPING.anon || !lockPage(h, pfn, t)) {
    giveUp(h, t, i);
    h.task[r + X.i] = i + 1;
    return;
  }
  const a = enterRmapWalk(h, t, r, STEP["make_exclusive.x7"], pfn, RMAP_MODE.exclusive);
  h.task[a + WALK.onlyMm] = h.task[r + R.mm]!;
  h.task[a + WALK.onlyVpn] = h.task[r + R.at]! + i;
  if (h.profile.driver.ownsExclusive) h.task[a + WALK.owner] = h.task[r + R.dev]!;
}

/** x8: the device gets its grants, unless the call fails or one of them may be out of date. */
function grant(h: Arena, t: number, r: number): void {
  const file = h.task[r + R.file]!;
  const stale = h.profile.driver.rechecksSequence && h.file[file * FILE.words + FILE.seq] !== h.task[r + X.seq];
  if (h.task[r + X.error] === 0 && !stale)
    for (let i = 0; i < h.task[r + X.count]!; i++) {
      const pfn = pageAt(h, t, i);
      if (pfn >= 0) setDpte(h, file, h.task[r + R.at]! + i, makeDpte(pfn, false, TAG.atomic, false));
    }
  h.task[r + X.i] = stale ? 1 : 0;
  goto(h, r, STEP["make_exclusive.x9"]);
}

/** x9: the pages of the batch are unlocked, and the next batch begins, or this one again. */
function release(h: Arena, t: number, r: number): void {
  let missing = false;
  for (let i = 0; i < h.task[r + X.count]!; i++) {
    const pfn = pageAt(h, t, i);
    if (pfn < 0) {
      missing = true;
      continue;
    }
    unlockPage(h, pfn);
    giveUp(h, t, i);
  }
  h.task[r + X.count] = 0;
  const again = h.task[r + X.i] === 1 && h.task[r + X.error] === 0;
  h.task[r + X.i] = 0;
  if (again) return goto(h, r, STEP["make_exclusive.batch"]);
  if (missing) h.task[r + X.error] = 1;
  if (h.task[r + X.error] !== 0) return goto(h, r, STEP["make_exclusive.unlock"]);
  h.task[r + R.at] = h.task[r + X.stop]!;
  goto(h, r, STEP["make_exclusive.batch"]);
}

/** a1: one page is read back through the device page table. */
function readBack(h: Arena, t: number, r: number): void {
  const file = h.task[r + R.file]!;
  const at = h.task[r + R.at]!;
  const end = h.task[r + R.end]!;
  const dpte = at < end ? translate(h, file, at) : 0;
  if ((dpte & DPTE.unreachable) !== 0) return crash(h, t);
  if ((dpte & DPTE.valid) !== 0) {
    pushData(h, t, readThrough(h, dpte));
    h.task[r + R.at] = at + 1;
    return;
  }
  driverUnlock(h, file);
  if (at < end) fail(h, t, "ENOENT");
  else ok(h, t, { status: "ok", cpages: end - h.task[r + R.start]!, data: takeData(h, t) });
}

/** The steps of make_exclusive (x1 to x9). */
export const makeExclusiveSteps: ImplSteps = {
  open: driverOpen(STEP["make_exclusive.check"]),
  check: {
    apply(h, t, r) {
      const users = h.mm[h.task[r + R.mm]! * h.mmWords + MM.users]!;
      if (!h.profile.exclusive && h.task[r + R.start]! < h.task[r + R.end]! && users > 0) return fail(h, t, "EOPNOTSUPP");
      if (useMirrored(h, t, r)) goto(h, r, STEP["make_exclusive.x1"]);
    },
  },
  x1: {
    enabled: (h, _t, r) => canRead(h, h.task[r + R.mm]!),
    apply(h, t, r) {
      readLock(h, h.task[r + R.mm]!, t);
      goto(h, r, STEP["make_exclusive.batch"]);
    },
  },
  batch: {
    apply(h, _t, r) {
      const at = h.task[r + R.at]!;
      const end = h.task[r + R.end]!;
      if (at >= end) return goto(h, r, STEP["make_exclusive.unlock"]);
      h.task[r + X.stop] = Math.min(end, at + BATCH);
      goto(h, r, STEP["make_exclusive.x2"]);
    },
  },
  x2: { apply: pinNext },
  x2_fault: {
    apply(h, _t, r) {
      if (h.task[r + R.got] === NIL) return goto(h, r, STEP["make_exclusive.x2"]);
      h.task[r + X.error] = 1;
      goto(h, r, STEP["make_exclusive.x2_done"]);
    },
  },
  // Faulting the pages in may itself have invalidated this mirror: the sequence counts from here.
  x2_done: {
    enabled(h, _t, r) {
      const seq = h.file[h.task[r + R.file]! * FILE.words + FILE.seq];
      return !h.profile.driver.rechecksSequence || seq !== h.mm[h.task[r + R.mm]! * h.mmWords + MM.seq];
    },
    apply(h, _t, r) {
      h.task[r + X.seq] = h.file[h.task[r + R.file]! * FILE.words + FILE.seq]!;
      h.task[r + X.i] = 0;
      goto(h, r, STEP["make_exclusive.x3"]);
    },
  },
  x3: { apply: takeNext },
  x7: {
    apply(h, t, r) {
      const i = h.task[r + X.i]!;
      if (h.task[r + R.got] !== 1) {
        unlockPage(h, pageAt(h, t, i));
        giveUp(h, t, i);
      }
      h.task[r + X.i] = i + 1;
      goto(h, r, STEP["make_exclusive.x3"]);
    },
  },
  x8: { enabled: (h, _t, r) => driverFree(h, h.task[r + R.file]!), apply: grant },
  x9: { apply: release },
  unlock: {
    apply(h, t, r) {
      const mm = h.task[r + R.mm]!;
      readUnlock(h, mm, t);
      h.task[r + R.at] = h.task[r + R.start]!;
      putMm(h, t, r, mm, STEP["make_exclusive.read"]);
    },
  },
  read: {
    enabled: (h, _t, r) => driverFree(h, h.task[r + R.file]!),
    apply(h, t, r) {
      if (h.task[r + X.error] !== 0) return fail(h, t, "EBUSY");
      driverLock(h, h.task[r + R.file]!, t);
      goto(h, r, STEP["make_exclusive.a1"]);
    },
  },
  a1: { apply: readBack },
};

/** Begins check_exclusive. */
export function beginCheckExclusive(h: Arena, t: number, call: Extract<ModelCall, { op: "check_exclusive" }>): void {
  pushDeviceCall(h, t, STEP["check_exclusive.open"], call);
}

/** The steps of check_exclusive. */
export const checkExclusiveSteps: ImplSteps = {
  open: driverOpen(STEP["check_exclusive.check"]),
  check: {
    apply(h, t, r) {
      if (h.task[r + R.start] === h.task[r + R.end]) fail(h, t, "EINVAL");
      else goto(h, r, STEP["check_exclusive.x_check"]);
    },
  },
  x_check: {
    enabled: (h, _t, r) => driverFree(h, h.task[r + R.file]!),
    apply(h, t, r) {
      const file = h.task[r + R.file]!;
      const end = h.task[r + R.end]!;
      for (let v = h.dpt.next(file, h.task[r + R.start]!, end); v < end; v = h.dpt.next(file, v + 1, end)) {
        const dpte = h.dpt.get(file, v);
        if ((dpte & DPTE.valid) !== 0 && dpteTag(dpte) === TAG.atomic) return fail(h, t, "EPERM");
      }
      ok(h, t);
    },
  },
};
