/**
 * handle_mm_fault: one call repairs one level; who faulted tries again until the access succeeds. Answers NIL (try again), SIGBUS or OOM. The
 * caller holds the address space lock and has checked the permission. Record: `FAULT`.
 */
import { PTE, STEP } from "../../spec/words.ts";
import type { Arena } from "../arena.ts";
import { R } from "../layout.ts";
import { enter, leave } from "../tasks.ts";
import type { ImplSteps } from "../tasks.ts";
import { findVma } from "../vmas.ts";
import { emptyFault } from "./fault-anon.ts";
import { faultCopySteps } from "./fault-copy.ts";
import { FAULT } from "./fault-record.ts";
import { faultWaitSteps } from "./fault-wait.ts";

const C2 = STEP["handle_mm_fault.c2"];
const C4A = STEP["handle_mm_fault.c4a"];

// The engine folds constants of this module, but not fields of a table that is imported: what runs for each page names its words so.
const { step: STEP_AT, mm: MM, start: START, end: END, write: WRITE } = R;
const { pte: PTE_AT, vma: VMA_AT } = FAULT;
const { kind_mask: KIND, present: PRESENT, zero: ZERO, write: PTE_WRITE, dirty: PTE_DIRTY } = PTE;

/** Where a fault goes on, by the kind of the entry, if the entry does not allow the access. */
const NEXT = new Uint8Array(KIND + 1);
NEXT[PTE.none] = STEP["handle_mm_fault.c3"];
NEXT[PTE.migration] = STEP["handle_mm_fault.c5"];
NEXT[PTE.device_private] = STEP["handle_mm_fault.c6"];
NEXT[PTE.device_exclusive] = STEP["handle_mm_fault.c7"];
NEXT[PTE.swap] = STEP["handle_mm_fault.c8"];

/** Enters a fault at one page; the caller continues with `resume`. */
export function enterFault(h: Arena, t: number, r: number, resume: number, mm: number, vpn: number, write: boolean): void {
  const { task } = h;
  const a = enter(h, t, r, resume, C2);
  task[a + MM] = mm;
  task[a + START] = vpn;
  task[a + END] = vpn + 1;
  task[a + WRITE] = write ? 1 : 0;
  task[a + VMA_AT] = findVma(h, mm, vpn);
}

/** The steps of a CPU fault (c2 to c8). */
export const handleMmFaultSteps: ImplSteps = {
  c2: {
    apply(h, t, r) {
      const { pt, task } = h;
      const mm = task[r + MM]!;
      const vpn = task[r + START]!;
      const pte = pt.get(mm, vpn);
      task[r + PTE_AT] = pte;
      const kind = pte & KIND;
      if (kind !== PRESENT && kind !== ZERO) {
        task[r + STEP_AT] = NEXT[kind]!;
        return;
      }
      if (task[r + WRITE] === 0) return leave(h, t);
      if ((pte & PTE_WRITE) === 0) {
        task[r + STEP_AT] = C4A;
        return;
      }
      // The entry allows the access already: the write marks it dirty.
      pt.set(mm, vpn, pte | PTE_DIRTY);
      leave(h, t);
    },
  },
  c3: emptyFault,
  ...faultCopySteps,
  ...faultWaitSteps,
};
