/**
 * handle_mm_fault: one call repairs one level; who faulted tries again until the access succeeds. Answers NIL (try again), SIGBUS or OOM. The
 * caller holds the address space lock and has checked the permission.
 *
 * Record: `start` the page, `write`, `x0` the entry that the fault looked at, `x1` the copy or -1.
 */
import { PTE, STEP } from "../../spec/words.ts";
import type { Arena } from "../arena.ts";
import { R } from "../layout.ts";
import { enter, goto, leave } from "../tasks.ts";
import type { ImplSteps } from "../tasks.ts";
import { emptyFault } from "./fault-anon.ts";
import { faultCopySteps } from "./fault-copy.ts";
import { FAULT } from "./fault-record.ts";
import { faultWaitSteps } from "./fault-wait.ts";

const C2 = STEP["handle_mm_fault.c2"];
const C4A = STEP["handle_mm_fault.c4a"];

/** Where a fault goes on, by the kind of the entry, if the entry does not allow the access. */
const NEXT = new Uint8Array(PTE.kind_mask + 1);
NEXT[PTE.none] = STEP["handle_mm_fault.c3"];
NEXT[PTE.migration] = STEP["handle_mm_fault.c5"];
NEXT[PTE.device_private] = STEP["handle_mm_fault.c6"];
NEXT[PTE.device_exclusive] = STEP["handle_mm_fault.c7"];
NEXT[PTE.swap] = STEP["handle_mm_fault.c8"];

/** Enters a fault at one page; the caller continues with `resume`. */
export function enterFault(h: Arena, t: number, r: number, resume: number, mm: number, vpn: number, write: boolean): void {
  const a = enter(h, t, r, resume, C2);
  h.task[a + R.mm] = mm;
  h.task[a + R.start] = vpn;
  h.task[a + R.end] = vpn + 1;
  h.task[a + R.write] = write ? 1 : 0;
  h.task[a + FAULT.copy] = -1;
}

/** The steps of a CPU fault (c2 to c8). */
export const handleMmFaultSteps: ImplSteps = {
  c2: {
    apply(h, t, r) {
      const mm = h.task[r + R.mm]!;
      const vpn = h.task[r + R.start]!;
      const pte = h.pt.get(mm, vpn);
      h.task[r + FAULT.pte] = pte;
      const kind = pte & PTE.kind_mask;
      if (kind !== PTE.present && kind !== PTE.zero) return goto(h, r, NEXT[kind]!);
      if (h.task[r + R.write] === 0) return leave(h, t);
      if ((pte & PTE.write) === 0) return goto(h, r, C4A);
      // The entry allows the access already: the write marks it dirty.
      h.pt.set(mm, vpn, pte | PTE.dirty);
      leave(h, t);
    },
  },
  c3: emptyFault,
  ...faultCopySteps,
  ...faultWaitSteps,
};
