/** R7: the handler of a CPU fault works on the page that was faulted. */
import { LOCAL, PTE, STEP } from "../../spec/words.ts";
import type { Move } from "../move.ts";
import type { Step } from "../property.ts";
import type { Sweep } from "../sweep.ts";
import { pteText } from "../text.ts";

const HANDLE_MM_FAULT_C6 = STEP["handle_mm_fault.c6"];
const MIGRATE_M1 = STEP["migrate.m1"];

/** The fault handler of a device is called for a frame that the faulting entry names. */
export const faultHoldsFrame: Step = {
  id: "fault-holds-frame",
  kind: "step",
  spec: ["MEM-17", "MEM-22", "MEM-25"],
  statement:
    "When a CPU fault calls the handler of a device, the entry still is device-private and names a frame that is held for the fault.",
  known: [
    {
      defect: "B1",
      spec: ["MEM-23"],
      when: "v14 calls the handler without a reference and without a second look at the entry",
      applies: ({ faultTakesReference }) => !faultTakesReference,
      check: calledForOther,
    },
  ],
  check: (was, move, now) => (now.view.profile.faultTakesReference ? (calledForOther(was, move, now) ?? unheld(was, move, now)) : null),
};

const isCalled = (move: Move, now: Sweep): boolean =>
  move.step === HANDLE_MM_FAULT_C6 && move.ret === null && now.taskStep[move.task] === MIGRATE_M1;

/** The entry that was faulted is another one by now. */
function calledForOther(was: Sweep, move: Move, now: Sweep): string | null {
  if (!isCalled(move, now)) return null;
  const mm = move.local[LOCAL.mm]!;
  const v = move.local[LOCAL.start]!;
  const pte = was.pte[mm * was.pages + v]!;
  const faulted = now.view.taskLocal(move.task, now.view.taskDepth(move.task) - 1, LOCAL.pfn);
  if ((pte & PTE.kind_mask) === PTE.device_private && pte >>> PTE.payload_shift === faulted) return null;
  return `mm ${mm} page ${v}: task ${move.task} calls the handler for frame ${faulted}, the entry is ${pteText(pte)}`;
}

function unheld(was: Sweep, move: Move, now: Sweep): string | null {
  if (!isCalled(move, now)) return null;
  const pfn = was.pte[move.local[LOCAL.mm]! * was.pages + move.local[LOCAL.start]!]! >>> PTE.payload_shift;
  return now.refs[pfn] === was.refs[pfn]! + 1 ? null : `frame ${pfn} has ${now.refs[pfn]} references while task ${move.task} faults it`;
}
