/**
 * The device reads or writes mirrored pages through its page table, page by page; a page without a fitting entry is faulted.
 *
 * Record: `x0` value, `x1` faults.
 */
import { DPTE, FRAME, STEP, TAG, dptePfn, dpteTag } from "../../spec/words.ts";
import type { ModelCall } from "../../spec/vocabulary.ts";
import type { Arena } from "../arena.ts";
import { translate } from "../device/tlb.ts";
import { contentsOf, flagsOf, mark, setContents } from "../frames.ts";
import { FB, G, NIL, R } from "../layout.ts";
import { driverFree, driverLock, driverUnlock } from "../locks.ts";
import { die, fail, goto, ok, pushData, takeData } from "../tasks.ts";
import type { ImplSteps } from "../tasks.ts";
import { pushDeviceCall } from "./begin-device-call.ts";
import { enterDeviceFault } from "./device-fault.ts";
import { driverOpen } from "./driver-call.ts";
import { failWith } from "./fail-with.ts";

/** Begins a read or a write of a device. */
export function beginDeviceAccess(h: Arena, t: number, call: Extract<ModelCall, { op: "device_read" | "device_write" }>): void {
  const r = pushDeviceCall(h, t, STEP["device_access.open"], call);
  h.task[r + R.write] = call.op === "device_write" ? 1 : 0;
  h.task[r + R.x0] = call.op === "device_write" ? call.value : 0;
}

/** Defect A: the entry names the un-addressable frame itself, and the copy touches memory that does not exist. */
export function crash(h: Arena, t: number): void {
  die(h, t, "BUG: unable to handle page fault: the device page table names device-private memory itself");
}

/** The first byte behind an entry of a device page table; -1 where the entry is stale, so that nobody can say. */
export function readThrough(h: Arena, dpte: number): number {
  return (dpte & DPTE.zero) !== 0 ? 0 : (contentsOf(h, dptePfn(dpte)) & FB.byte_mask) - 1;
}

/** Fills the page behind an entry. */
function writeThrough(h: Arena, dpte: number, value: number): void {
  const pfn = dptePfn(dpte);
  if (pfn < 0 || (flagsOf(h, pfn) & FRAME.free) !== 0) {
    h.global[G.tainted] = 1;
    return;
  }
  if (h.profile.driver.marksDirty) mark(h, pfn, FRAME.dirty);
  setContents(h, pfn, (value + 1) | ((value + 1) << FB.fill_shift));
}

/** Ends the access: every page was reached. */
function finish(h: Arena, t: number, r: number): void {
  const cpages = h.task[r + R.end]! - h.task[r + R.start]!;
  const faults = h.task[r + R.x1]!;
  driverUnlock(h, h.task[r + R.file]!);
  if (h.task[r + R.write] === 0) ok(h, t, { status: "ok", cpages, faults, data: takeData(h, t) });
  else ok(h, t, { status: "ok", cpages, faults });
}

/** The steps of a device read or write. */
export const deviceAccessSteps: ImplSteps = {
  open: driverOpen(STEP["device_access.check"]),
  check: {
    apply(h, t, r) {
      if (h.task[r + R.start] === h.task[r + R.end]) fail(h, t, "EINVAL");
      else goto(h, r, STEP["device_access.lock"]);
    },
  },
  lock: {
    enabled: (h, _t, r) => driverFree(h, h.task[r + R.file]!),
    apply(h, t, r) {
      driverLock(h, h.task[r + R.file]!, t);
      goto(h, r, STEP["device_access.a1"]);
    },
  },
  a1: {
    apply(h, t, r) {
      const file = h.task[r + R.file]!;
      const at = h.task[r + R.at]!;
      if (at >= h.task[r + R.end]!) return finish(h, t, r);
      const dpte = translate(h, file, at);
      const write = h.task[r + R.write] !== 0;
      if ((dpte & DPTE.valid) === 0 || (write && dpteTag(dpte) !== TAG.write)) {
        driverUnlock(h, file);
        return goto(h, r, STEP["device_access.fault"]);
      }
      if ((dpte & DPTE.unreachable) !== 0) return crash(h, t);
      if (write) writeThrough(h, dpte, h.task[r + R.x0]!);
      else pushData(h, t, readThrough(h, dpte));
      h.task[r + R.at] = at + 1;
    },
  },
  fault: {
    apply(h, t, r) {
      const file = h.task[r + R.file]!;
      const write = h.task[r + R.write] !== 0;
      enterDeviceFault(h, t, r, STEP["device_access.faulted"], file, h.task[r + R.at]!, h.task[r + R.end]!, write);
    },
  },
  faulted: {
    apply(h, t, r) {
      const got = h.task[r + R.got]!;
      if (got !== NIL) return failWith(h, t, got);
      h.task[r + R.x1]! += 1;
      goto(h, r, STEP["device_access.lock"]);
    },
  },
};
