/**
 * Read duplication (extension): a read-only copy of each page in the memory of a device, while the page stays where it is.
 *
 * Only anonymous pages that the CPU reaches are duplicated. Another mapping of a shared page, or of one with a swap slot in use, may get write
 * permission without a notification, a pinned page may be written at any time, and huge pages are left whole: these stay single.
 *
 * Record: `pfn` the page, `x0` its copy or -1, `x1` copies made.
 */
import { MAPPING, PTE, STEP, VM, pteKind, ptePayload } from "../../spec/words.ts";
import type { ModelCall } from "../../spec/vocabulary.ts";
import type { Arena } from "../arena.ts";
import { CHOICE, PAGE_OR_NO_MEMORY } from "../choices.ts";
import {
  allocDevice,
  contentsOf,
  devOf,
  getPage,
  headOf,
  lockPage,
  lockerOf,
  mappingKind,
  pinsOf,
  putPage,
  setContents,
  slotOf,
  unlockPage,
} from "../frames.ts";
import { NIL, R, VMA } from "../layout.ts";
import { canRead, driverFree, readLock, readUnlock } from "../locks.ts";
import { addReplica, dropReplica, installReplica, replicaInstalled, replicaOn } from "../replicas.ts";
import { slotUsers } from "../swap.ts";
import { fail, goto, ok } from "../tasks.ts";
import type { ImplSteps } from "../tasks.ts";
import { findVma } from "../vmas.ts";
import { pushDeviceCall } from "./begin-device-call.ts";
import { driverOpen, useMirrored } from "./driver-call.ts";
import { quiet, writable } from "./duplicate-page.ts";
import { putMm } from "./exit.ts";
import { enterFault } from "./fault.ts";
import { RMAP_MODE } from "./rmap-record.ts";
import { enterRmapWalk } from "./rmap-walk.ts";

const COPY = R.x0;
const MADE = R.x1;
const SKIP = -1;
const NEEDS_FAULT = -2;

/** Begins the duplication of a range. */
export function beginDuplicate(h: Arena, t: number, call: Extract<ModelCall, { op: "duplicate" }>): void {
  pushDeviceCall(h, t, STEP["duplicate.open"], call);
}

/** Whether a page must stay single. */
function single(h: Arena, dev: number, pfn: number): boolean {
  if (devOf(h, pfn) === dev || mappingKind(h, pfn) !== MAPPING.anon || headOf(h, pfn) >= 0 || pinsOf(h, pfn) > 0) return true;
  const slot = slotOf(h, pfn);
  return slot >= 0 && slotUsers(h, slot) > 0;
}

/** The frame to duplicate at the current page; or that the page must be faulted first; or that it stays single. */
function look(h: Arena, r: number): number {
  const mm = h.task[r + R.mm]!;
  const at = h.task[r + R.at]!;
  const dev = h.task[r + R.dev]!;
  const vma = findVma(h, mm, at);
  if (vma < 0 || (h.vma[vma + VMA.flags]! & VM.read) === 0) return SKIP;
  const pte = h.pt.get(mm, at);
  switch (pteKind(pte)) {
    case PTE.none:
    case PTE.zero:
      return SKIP;
    case PTE.device_private:
      return devOf(h, ptePayload(pte)) === dev ? SKIP : NEEDS_FAULT;
    case PTE.present:
      return single(h, dev, ptePayload(pte)) ? SKIP : ptePayload(pte);
    default:
      return NEEDS_FAULT;
  }
}

/** u2: the page is locked, and a frame is taken for its copy, unless the device has one. */
function takeFrame(h: Arena, t: number, r: number, choice: number): void {
  const page = h.task[r + R.pfn]!;
  const dev = h.task[r + R.dev]!;
  if (look(h, r) !== page) return goto(h, r, STEP["duplicate.u1"]);
  lockPage(h, page, t);
  getPage(h, page);
  h.task[r + COPY] = -1;
  if (replicaOn(h, page, dev) < 0) {
    const copy = choice === CHOICE.page ? allocDevice(h, dev, h.task[r + R.file]!) : -1;
    if (copy < 0) return goto(h, r, STEP["duplicate.u6"]);
    h.task[r + COPY] = copy;
    lockPage(h, copy, t);
  }
  goto(h, r, STEP["duplicate.u3"]);
}

/** u3: once nobody can write the page, its copy is recorded. From then on a write takes it away, so what is copied later is what the page holds. */
function record(h: Arena, t: number, r: number): void {
  const page = h.task[r + R.pfn]!;
  const copy = h.task[r + COPY]!;
  if (writable(h, page)) {
    enterRmapWalk(h, t, r, STEP["duplicate.u3"], page, RMAP_MODE.protect);
    return;
  }
  if (!quiet(h, page) || look(h, r) !== page) return goto(h, r, STEP["duplicate.u6"]);
  if (copy < 0) return goto(h, r, STEP["duplicate.u5"]);
  addReplica(h, page, h.task[r + R.dev]!, copy);
  goto(h, r, STEP["duplicate.u4"]);
}

/** u6: a copy that was not installed goes, and the page is unlocked. */
function finishPage(h: Arena, r: number): void {
  const page = h.task[r + R.pfn]!;
  const copy = h.task[r + COPY]!;
  const replica = replicaOn(h, page, h.task[r + R.dev]!);
  if (replica >= 0 && !replicaInstalled(h, replica)) dropReplica(h, replica);
  if (copy >= 0) {
    unlockPage(h, copy);
    putPage(h, copy);
  }
  unlockPage(h, page);
  putPage(h, page);
  h.task[r + R.at]! += 1;
  goto(h, r, STEP["duplicate.u1"]);
}

/** The steps of duplicating a range. */
export const duplicateSteps: ImplSteps = {
  open: driverOpen(STEP["duplicate.check"]),
  check: {
    apply(h, t, r) {
      if (!h.profile.readDuplication) return fail(h, t, "EOPNOTSUPP");
      if (useMirrored(h, t, r)) goto(h, r, STEP["duplicate.lock"]);
    },
  },
  lock: {
    enabled: (h, _t, r) => canRead(h, h.task[r + R.mm]!),
    apply(h, t, r) {
      readLock(h, h.task[r + R.mm]!, t);
      goto(h, r, STEP["duplicate.u1"]);
    },
  },
  u1: {
    apply(h, t, r) {
      const at = h.task[r + R.at]!;
      if (at >= h.task[r + R.end]!) return goto(h, r, STEP["duplicate.unlock"]);
      const next = look(h, r);
      if (next === NEEDS_FAULT) return enterFault(h, t, r, STEP["duplicate.u1_fault"], h.task[r + R.mm]!, at, false);
      if (next === SKIP) {
        h.task[r + R.at] = at + 1;
        return;
      }
      h.task[r + R.pfn] = next;
      goto(h, r, STEP["duplicate.u2"]);
    },
  },
  u1_fault: {
    apply(h, _t, r) {
      if (h.task[r + R.got] !== NIL) h.task[r + R.at]! += 1;
      goto(h, r, STEP["duplicate.u1"]);
    },
  },
  u2: {
    enabled(h, _t, r) {
      const page = h.task[r + R.pfn]!;
      return look(h, r) !== page || (lockerOf(h, page) < 0 && quiet(h, page));
    },
    choices: () => PAGE_OR_NO_MEMORY,
    apply: takeFrame,
  },
  u3: { apply: record },
  u4: {
    apply(h, _t, r) {
      const copy = h.task[r + COPY]!;
      if (copy >= 0) setContents(h, copy, contentsOf(h, h.task[r + R.pfn]!));
      goto(h, r, STEP["duplicate.u5"]);
    },
  },
  u5: {
    enabled: (h, _t, r) => driverFree(h, h.task[r + R.file]!),
    apply(h, _t, r) {
      const page = h.task[r + R.pfn]!;
      const replica = replicaOn(h, page, h.task[r + R.dev]!);
      if (replica >= 0 && look(h, r) === page) {
        installReplica(h, replica, h.task[r + R.file]!, h.task[r + R.at]!);
        h.task[r + MADE]! += 1;
      }
      goto(h, r, STEP["duplicate.u6"]);
    },
  },
  u6: { apply: (h, _t, r) => finishPage(h, r) },
  unlock: {
    apply(h, t, r) {
      const mm = h.task[r + R.mm]!;
      readUnlock(h, mm, t);
      putMm(h, t, r, mm, STEP["duplicate.done"]);
    },
  },
  done: { apply: (h, t, r) => ok(h, t, { status: "ok", cpages: h.task[r + MADE]! }) },
};
