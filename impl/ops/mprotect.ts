/**
 * mprotect: mapping by mapping, stopping at the first hole.
 *
 * Record: `at` the next page, `x0` the new access flags.
 */
import type { ModelCall } from "../../spec/vocabulary.ts";
import { FRAME, MAP, MODE, PTE, STEP, VM, pteKind, ptePayload } from "../../spec/words.ts";
import type { Arena } from "../arena.ts";
import { flagsOf, setPte } from "../frames.ts";
import { splitHuge } from "../huge.ts";
import { R, VMA } from "../layout.ts";
import { canWrite, writeLock, writeUnlock } from "../locks.ts";
import { EVENT, invalidate, invalidateEnd } from "../notifier.ts";
import { fail, goto, ok } from "../tasks.ts";
import type { ImplSteps } from "../tasks.ts";
import { changeFlags } from "../vma-merge.ts";
import { findVma } from "../vmas.ts";
import { accessFlags, pushRangeCall } from "./begin-range-call.ts";

const ACCESS = VM.read | VM.write | VM.exec;

/** Begins mprotect. */
export function beginMprotect(h: Arena, t: number, call: Extract<ModelCall, { op: "mprotect" }>): void {
  h.task[pushRangeCall(h, t, STEP["mprotect.lock"], call) + R.x0] = accessFlags(call.prot);
}

/** The commit charge of a mapping that gets this access: a private one is charged when it becomes writable, and keeps the charge. */
function charge(h: Arena, row: number, access: number): number {
  const { vma } = h;
  if (vma[row + VMA.map] !== MAP.private) return 0;
  if ((access & VM.write) !== 0) return VM.account;
  return h.profile.mprotectUnaccounts && vma[row + VMA.anon] === 0 ? 0 : vma[row + VMA.flags]! & VM.account;
}

/** Whether a private page may be written without a fault: nobody else has it, and under 6.1 it must be dirty already and not huge. */
function upgradable(h: Arena, pte: number): boolean {
  const { mprotectUpgrades } = h.profile;
  if (mprotectUpgrades === "none" || (flagsOf(h, ptePayload(pte)) & FRAME.anon_exclusive) === 0) return false;
  return mprotectUpgrades === "all" || (pte & (PTE.dirty | PTE.huge)) === PTE.dirty;
}

/** The entry after its mapping's protection has changed. Entries of pages that are elsewhere lose write permission whatever the new protection is. */
function protectedPte(h: Arena, map: number, write: boolean, pte: number): number {
  switch (pteKind(pte)) {
    case PTE.present:
      return write && (map !== MAP.private || upgradable(h, pte)) ? pte | PTE.write : pte & ~PTE.write;
    case PTE.device_private:
    case PTE.device_exclusive:
      return pte & ~PTE.write;
    case PTE.migration: {
      const written = (pte & PTE.mode_mask) === MODE.write << PTE.mode_shift;
      return written ? (pte & ~PTE.mode_mask) | (MODE.read_exclusive << PTE.mode_shift) : pte;
    }
    default:
      return pte;
  }
}

/** Where the part of the range ends that lies in one mapping. */
const stopOf = (h: Arena, r: number, row: number): number => Math.min(h.vma[row + VMA.end]!, h.task[r + R.end]!);

/** The steps of mprotect. */
export const mprotectSteps: ImplSteps = {
  lock: {
    enabled: (h, _t, r) => canWrite(h, h.task[r + R.mm]!),
    apply(h, t, r) {
      if (h.task[r + R.start] === h.task[r + R.end]) return ok(h, t);
      writeLock(h, h.task[r + R.mm]!, t);
      goto(h, r, STEP["mprotect.next"]);
    },
  },
  next: {
    apply(h, t, r) {
      const mm = h.task[r + R.mm]!;
      const at = h.task[r + R.at]!;
      const row = at < h.task[r + R.end]! ? findVma(h, mm, at) : -1;
      if (row < 0) {
        writeUnlock(h, mm);
        if (at >= h.task[r + R.end]!) ok(h, t);
        else fail(h, t, "ENOMEM");
        return;
      }
      const stop = stopOf(h, r, row);
      if ((h.vma[row + VMA.flags]! & ACCESS) === h.task[r + R.x0]) h.task[r + R.at] = stop;
      else invalidate(h, t, r, STEP["mprotect.change"], mm, at, stop, EVENT.PROTECTION_VMA);
    },
  },
  change: {
    apply(h, _t, r) {
      const mm = h.task[r + R.mm]!;
      const at = h.task[r + R.at]!;
      const access = h.task[r + R.x0]!;
      const row = findVma(h, mm, at);
      const stop = stopOf(h, r, row);
      const map = h.vma[row + VMA.map]!;
      changeFlags(h, mm, at, stop, (h.vma[row + VMA.flags]! & VM.hugepage) | access | charge(h, row, access));
      splitHuge(h, mm, at);
      splitHuge(h, mm, stop);
      const write = (access & VM.write) !== 0;
      for (let v = h.pt.next(mm, at, stop); v < stop; v = h.pt.next(mm, v + 1, stop)) {
        const pte = h.pt.get(mm, v);
        setPte(h, mm, v, protectedPte(h, map, write, pte));
      }
      goto(h, r, STEP["mprotect.end"]);
    },
  },
  end: {
    apply(h, _t, r) {
      const mm = h.task[r + R.mm]!;
      const row = findVma(h, mm, h.task[r + R.at]!);
      invalidateEnd(h, mm);
      h.task[r + R.at] = stopOf(h, r, row);
      goto(h, r, STEP["mprotect.next"]);
    },
  },
};
