/**
 * snapshot: a walk that faults nothing, and what it shows of each page. The bytes are collected as the data of the task.
 *
 * Record: `x0` error or `NIL`.
 */
import { STEP } from "../../spec/words.ts";
import type { ModelCall } from "../../spec/vocabulary.ts";
import type { Arena } from "../arena.ts";
import { NIL, R } from "../layout.ts";
import { goto, ok, takeData } from "../tasks.ts";
import type { ImplSteps } from "../tasks.ts";
import { pushDeviceCall } from "./begin-device-call.ts";
import { driverOpen, useMirrored } from "./driver-call.ts";
import { putMm } from "./exit.ts";
import { failWith } from "./fail-with.ts";
import { enterRangeFault } from "./range-fault.ts";

const BATCH = 64;

/** Begins a snapshot. */
export function beginSnapshot(h: Arena, t: number, call: Extract<ModelCall, { op: "snapshot" }>): void {
  const r = pushDeviceCall(h, t, STEP["snapshot.open"], call);
  h.task[r + R.x0] = NIL;
}

/** A byte as a snapshot writes it: two lower-case hex digits. */
const hex = (byte: number): string => byte.toString(16).padStart(2, "0");

/** The steps of a snapshot. */
export const snapshotSteps: ImplSteps = {
  open: driverOpen(STEP["snapshot.check"]),
  check: {
    apply(h, t, r) {
      if (useMirrored(h, t, r)) goto(h, r, STEP["snapshot.walk"]);
    },
  },
  walk: {
    apply(h, t, r) {
      const start = h.task[r + R.at]!;
      const end = h.task[r + R.end]!;
      if (start >= end || h.task[r + R.x0] !== NIL) return putMm(h, t, r, h.task[r + R.mm]!, STEP["snapshot.reply"]);
      // v14's snapshot is one call for one mapping.
      const stop = h.profile.singleVma ? end : Math.min(start + BATCH, end);
      h.task[r + R.at] = stop;
      enterRangeFault(h, t, r, STEP["snapshot.walked"], h.task[r + R.file]!, start, stop, false, false);
    },
  },
  walked: {
    apply(h, _t, r) {
      h.task[r + R.x0] = h.task[r + R.got]!;
      goto(h, r, STEP["snapshot.walk"]);
    },
  },
  reply: {
    apply(h, t, r) {
      if (h.task[r + R.x0] !== NIL) return failWith(h, t, h.task[r + R.x0]!);
      const cpages = h.task[r + R.end]! - h.task[r + R.start]!;
      ok(h, t, { status: "ok", cpages, entries: takeData(h, t).map(hex) });
    },
  },
};
