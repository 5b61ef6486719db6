/**
 * open and close of a device file.
 *
 * Record of `hmm_mirror_register`: `x0` whether the driver has left something out.
 */
import type { ModelCall } from "../../spec/vocabulary.ts";
import { STEP } from "../../spec/words.ts";
import type { Arena } from "../arena.ts";
import { CHOICE } from "../choices.ts";
import { closeDescriptor, fileFor } from "../files.ts";
import { MM, R, TASK } from "../layout.ts";
import { enter, fail, goto, ok, push, taskRow } from "../tasks.ts";
import type { ImplSteps } from "../tasks.ts";
import { callerMm } from "./begin-range-call.ts";
import { mayRelease, releaseFiles } from "./release.ts";

/** Begins open. */
export function beginOpen(h: Arena, t: number, call: Extract<ModelCall, { op: "open" }>): void {
  h.task[push(h, t, STEP["open.close"]) + R.dev] = call.dev;
}

/** Begins close. */
export function beginClose(h: Arena, t: number, call: Extract<ModelCall, { op: "close" }>): void {
  h.task[push(h, t, STEP["close.close"]) + R.dev] = call.dev;
}

/** Begins hmm_mirror_register. */
export function beginHmmMirrorRegister(h: Arena, t: number, call: Extract<ModelCall, { op: "hmm_mirror_register" }>): void {
  const r = push(h, t, STEP["hmm_mirror_register.register"]);
  h.task[r + R.dev] = call.dev;
  h.task[r + R.x0] = call.without === undefined ? 0 : 1;
}

const callerOf = (h: Arena, t: number): number => h.task[taskRow(h, t) + TASK.actor]!;

/** The steps of opening a device. */
export const openSteps: ImplSteps = {
  close: {
    apply(h, t, r) {
      closeDescriptor(h, callerOf(h, t), h.task[r + R.dev]!);
      goto(h, r, STEP["open.fput"]);
    },
  },
  fput: {
    enabled: mayRelease,
    apply(h, t, r) {
      if (!releaseFiles(h, t, r, STEP["open.fput"])) goto(h, r, STEP["open.open"]);
    },
  },
  open: {
    apply(h, t, r) {
      if (fileFor(h, t, h.task[r + R.dev]!) >= 0) ok(h, t);
    },
  },
};

/** v14's own name for making a mirror: it may fail where the arguments are incomplete, or where struct hmm cannot be made. */
export const hmmMirrorRegisterSteps: ImplSteps = {
  register: {
    choices: (h, t) => (h.mm[callerMm(h, t) * h.mmWords + MM.hmm] === 0 ? 1 | (1 << CHOICE.noMemory) : 1),
    apply(h, t, r, choice) {
      if (h.profile.rangeProtocol !== "valid") return fail(h, t, "EOPNOTSUPP");
      if (h.task[r + R.x0] !== 0) return fail(h, t, "EINVAL");
      if (choice === CHOICE.noMemory) return fail(h, t, "ENOMEM");
      const dev = h.task[r + R.dev]!;
      h.task[enter(h, t, r, STEP["hmm_mirror_register.register"], STEP["open.close"]) + R.dev] = dev;
    },
  },
};

/** The steps of closing a device. */
export const closeSteps: ImplSteps = {
  close: {
    apply(h, t, r) {
      closeDescriptor(h, callerOf(h, t), h.task[r + R.dev]!);
      goto(h, r, STEP["close.fput"]);
    },
  },
  fput: {
    enabled: mayRelease,
    apply(h, t, r) {
      if (!releaseFiles(h, t, r, STEP["close.fput"])) ok(h, t);
    },
  },
};
