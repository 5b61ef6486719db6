/**
 * migrate_to_device and migrate_to_system: the driver's calls, mapping by mapping and batch by batch.
 *
 * Record: `CALL`.
 */
import { DPTE, MAP, STEP, VM, pteMaps, ptePayload } from "../../spec/words.ts";
import type { ModelCall } from "../../spec/vocabulary.ts";
import type { Arena } from "../arena.ts";
import { translate } from "../device/tlb.ts";
import { devOf } from "../frames.ts";
import { NIL, R, VMA } from "../layout.ts";
import { canRead, driverFree, driverLock, driverUnlock, readLock, readUnlock } from "../locks.ts";
import { fail, goto, ok, pushData, takeData } from "../tasks.ts";
import type { ImplSteps } from "../tasks.ts";
import { findVma } from "../vmas.ts";
import { pushDeviceCall } from "./begin-device-call.ts";
import { crash, readThrough } from "./device-access.ts";
import { enterDeviceFault } from "./device-fault.ts";
import { driverOpen, useMirrored } from "./driver-call.ts";
import { putMm } from "./exit.ts";
import { failWith } from "./fail-with.ts";
import { enterMigrate } from "./migrate.ts";
import { PURPOSE } from "./migrate-record.ts";

const M0 = STEP["migrate_call.m0"];
const NEXT = STEP["migrate_call.next"];
const MOVED = STEP["migrate_call.moved"];
const UNLOCK = STEP["migrate_call.unlock"];
const READ = STEP["migrate_call.read"];
const A1 = STEP["migrate_call.a1"];
const FAULTED = STEP["migrate_call.faulted"];

/** Record of `migrate_call`: a number of `PURPOSES`, the end of the piece in progress, pages that moved, whether a piece was refused. */
const CALL = { purpose: R.x0, stop: R.x1, cpages: R.x2, refused: R.x3 } as const;

/** Begins a migration call. */
export function beginMigrateCall(h: Arena, t: number, call: Extract<ModelCall, { op: "migrate_to_device" | "migrate_to_system" }>): void {
  const r = pushDeviceCall(h, t, STEP["migrate_call.open"], call);
  h.task[r + CALL.purpose] = call.op === "migrate_to_device" ? PURPOSE.to_device : PURPOSE.to_system;
}

/** Pages of the range that are on the device now. */
function resident(h: Arena, r: number): number {
  const mm = h.task[r + R.mm]!;
  const dev = h.task[r + R.dev]!;
  const end = h.task[r + R.end]!;
  let n = 0;
  for (let v = h.pt.next(mm, h.task[r + R.start]!, end); v < end; v = h.pt.next(mm, v + 1, end)) {
    const pte = h.pt.get(mm, v);
    if (pteMaps(pte) && devOf(h, ptePayload(pte)) === dev) n++;
  }
  return n;
}

/** Ends the call: all contents have been read. */
function finish(h: Arena, t: number, r: number): void {
  driverUnlock(h, h.task[r + R.file]!);
  const cpages = h.profile.driver.readBackNeedsEntry ? h.task[r + R.end]! - h.task[r + R.start]! : resident(h, r);
  ok(h, t, { status: "ok", cpages, data: takeData(h, t) });
}

/** The steps of the driver's migration calls. */
export const migrateCallSteps: ImplSteps = {
  open: driverOpen(STEP["migrate_call.check"]),
  check: {
    apply(h, t, r) {
      if (useMirrored(h, t, r)) goto(h, r, M0);
    },
  },
  m0: {
    enabled: (h, _t, r) => canRead(h, h.task[r + R.mm]!),
    apply(h, t, r) {
      readLock(h, h.task[r + R.mm]!, t);
      goto(h, r, NEXT);
    },
  },
  next: {
    apply(h, t, r) {
      const mm = h.task[r + R.mm]!;
      const at = h.task[r + R.at]!;
      const end = h.task[r + R.end]!;
      if (at >= end) return goto(h, r, UNLOCK);
      const vma = findVma(h, mm, at);
      if (vma < 0 || (h.vma[vma + VMA.flags]! & VM.read) === 0 || h.vma[vma + VMA.map] === MAP.device) {
        h.task[r + CALL.refused] = 1;
        return goto(h, r, UNLOCK);
      }
      const stop = Math.min(end, h.vma[vma + VMA.end]!, at + h.profile.driver.migrateBatch);
      h.task[r + CALL.stop] = stop;
      enterMigrate(h, t, r, MOVED, mm, at, stop, h.task[r + R.dev]!, h.task[r + R.file]!, h.task[r + CALL.purpose]!);
    },
  },
  moved: {
    apply(h, _t, r) {
      h.task[r + CALL.cpages]! += h.task[r + R.got]!;
      h.task[r + R.at] = h.task[r + CALL.stop]!;
      goto(h, r, NEXT);
    },
  },
  unlock: {
    apply(h, t, r) {
      const mm = h.task[r + R.mm]!;
      readUnlock(h, mm, t);
      h.task[r + R.at] = h.task[r + R.start]!;
      putMm(h, t, r, mm, READ);
    },
  },
  read: {
    enabled: (h, _t, r) => driverFree(h, h.task[r + R.file]!),
    apply(h, t, r) {
      if (h.task[r + CALL.refused] !== 0) return fail(h, t, "EINVAL");
      if (h.task[r + CALL.purpose] === PURPOSE.to_system) return ok(h, t, { status: "ok", cpages: h.task[r + CALL.cpages]! });
      driverLock(h, h.task[r + R.file]!, t);
      goto(h, r, A1);
    },
  },
  // The driver shows the contents of what it moved by reading them through its page table.
  a1: {
    apply(h, t, r) {
      const at = h.task[r + R.at]!;
      if (at >= h.task[r + R.end]!) return finish(h, t, r);
      const file = h.task[r + R.file]!;
      const dpte = translate(h, file, at);
      if (dpte !== 0) {
        if ((dpte & DPTE.unreachable) !== 0) return crash(h, t);
        pushData(h, t, readThrough(h, dpte));
        h.task[r + R.at] = at + 1;
        return;
      }
      driverUnlock(h, file);
      if (h.profile.driver.readBackNeedsEntry) fail(h, t, "ENOENT");
      else enterDeviceFault(h, t, r, FAULTED, file, at, at + 1, false);
    },
  },
  faulted: {
    apply(h, t, r) {
      const got = h.task[r + R.got]!;
      if (got === NIL) goto(h, r, READ);
      else failWith(h, t, got);
    },
  },
};
