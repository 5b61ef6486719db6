/** Faults on what is no ordinary page: a migration entry (c5), device-private memory (c6), an exclusive entry (c7), a swap entry (c8). */
import { PTE, STEP, VM, pteKind, ptePayload } from "../../spec/words.ts";
import type { Arena } from "../arena.ts";
import { devOf, getPage, lockPage, lockerOf, putPage, setPte, unlockPage } from "../frames.ts";
import { R, VMA } from "../layout.ts";
import { EVENT, invalidate, invalidateEnd } from "../notifier.ts";
import { goto, leave } from "../tasks.ts";
import type { ImplSteps } from "../tasks.ts";
import { FAULT, same } from "./fault-record.ts";
import { enterCpuFault } from "./migrate.ts";
import { swapCacheLocked, swapIn } from "./swap-in.ts";

const C5_WAIT = STEP["handle_mm_fault.c5_wait"];
const C6_PUT = STEP["handle_mm_fault.c6_put"];
const C7_LOCK = STEP["handle_mm_fault.c7_lock"];
const C7_RESTORE = STEP["handle_mm_fault.c7_restore"];
const C7_END = STEP["handle_mm_fault.c7_end"];

const frameOf = (h: Arena, r: number): number => ptePayload(h.task[r + FAULT.pte]!);
const unlocked = (h: Arena, r: number): boolean => lockerOf(h, frameOf(h, r)) < 0;

/** The present entry that a device-exclusive entry stood for, in the mapping of a row; any other entry is answered as it is. */
export function restoredPte(h: Arena, pte: number, vma: number): number {
  if (pteKind(pte) !== PTE.device_exclusive) return pte;
  const present = PTE.present | (ptePayload(pte) << PTE.payload_shift);
  if ((pte & PTE.write) === 0) return present;
  return (h.vma[vma + VMA.flags]! & VM.write) === 0 ? present | PTE.dirty : present | PTE.dirty | PTE.write;
}

/** The steps of faults on entries that stand for a page elsewhere. */
export const faultWaitSteps: ImplSteps = {
  c5: {
    enabled: (h, _t, r) => h.profile.migrationWaitTakesReference || unlocked(h, r) || !same(h, r),
    apply(h, t, r) {
      if (!h.profile.migrationWaitTakesReference || !same(h, r)) return leave(h, t);
      getPage(h, frameOf(h, r));
      goto(h, r, C5_WAIT);
    },
  },
  c5_wait: {
    enabled: (h, _t, r) => unlocked(h, r),
    apply(h, t, r) {
      putPage(h, frameOf(h, r));
      leave(h, t);
    },
  },
  c6: {
    apply(h, t, r) {
      const pfn = frameOf(h, r);
      // v14 does not look again: the frame may be another page by now, or its memory gone.
      if (h.profile.faultTakesReference ? !same(h, r) : devOf(h, pfn) < 0) return leave(h, t);
      if (h.profile.faultTakesReference) getPage(h, pfn);
      enterCpuFault(h, t, r, C6_PUT, h.task[r + R.mm]!, h.task[r + R.start]!, pfn);
    },
  },
  c6_put: {
    apply(h, t, r) {
      if (h.profile.faultTakesReference) putPage(h, frameOf(h, r));
      leave(h, t, h.task[r + R.got]);
    },
  },
  c7: {
    apply(h, t, r) {
      // The frame may be gone already: then the entry is, too, and the access is tried again.
      if (!same(h, r)) return leave(h, t);
      getPage(h, frameOf(h, r));
      goto(h, r, C7_LOCK);
    },
  },
  c7_lock: {
    enabled: (h, _t, r) => unlocked(h, r),
    apply(h, t, r) {
      const vpn = h.task[r + R.start]!;
      lockPage(h, frameOf(h, r), t);
      invalidate(h, t, r, C7_RESTORE, h.task[r + R.mm]!, vpn, vpn + 1, EVENT.EXCLUSIVE);
    },
  },
  c7_restore: {
    apply(h, _t, r) {
      if (same(h, r)) {
        const mm = h.task[r + R.mm]!;
        const vpn = h.task[r + R.start]!;
        setPte(h, mm, vpn, restoredPte(h, h.task[r + FAULT.pte]!, h.task[r + FAULT.vma]!));
      }
      goto(h, r, C7_END);
    },
  },
  c7_end: {
    apply(h, t, r) {
      const pfn = frameOf(h, r);
      invalidateEnd(h, h.task[r + R.mm]!);
      unlockPage(h, pfn);
      putPage(h, pfn);
      leave(h, t);
    },
  },
  c8: {
    enabled: (h, _t, r) => !swapCacheLocked(h, h.task[r + FAULT.pte]!) || !same(h, r),
    apply(h, t, r) {
      if (same(h, r)) {
        const mm = h.task[r + R.mm]!;
        const vpn = h.task[r + R.start]!;
        swapIn(h, mm, h.task[r + FAULT.vma]!, vpn, h.task[r + FAULT.pte]!, h.task[r + R.write] !== 0);
      }
      leave(h, t);
    },
  },
};
