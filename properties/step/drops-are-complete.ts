/** What drops a range drops all of it. */
import { LOCAL, STEP } from "../../spec/words.ts";
import { ADVICE } from "../ghost/values.ts";
import type { Move } from "../move.ts";
import type { Step } from "../property.ts";
import { AREA } from "../sweep.ts";
import type { Sweep } from "../sweep.ts";
import { pteText, stepText } from "../text.ts";

const ZAP = STEP["do_munmap.zap"];
const EXIT_ZAP = STEP["exit_mmap.zap"];
const PAGE = STEP["madvise.page"];

/** munmap, MADV_DONTNEED and the end of an address space leave no entry in their range. */
export const dropsAreComplete: Step = {
  id: "drops-are-complete",
  kind: "step",
  spec: ["VMA-3", "VMA-25", "RCL-12", "MIG-50", "EXC-20"],
  statement: "munmap, MADV_DONTNEED and the end of an address space leave no entry of any kind in their range.",
  check(was, move, now) {
    const { step, local } = move;
    if (step !== ZAP && step !== EXIT_ZAP && (step !== PAGE || was.ghost?.values.advice[move.task] !== ADVICE.dontneed)) return null;
    const mm = local[LOCAL.mm]!;
    const whole = step === EXIT_ZAP;
    const first = whole ? 0 : step === ZAP ? local[LOCAL.start]! : local[LOCAL.at]!;
    const end = whole ? now.pages : step === ZAP ? local[LOCAL.end]! : endOfPart(now, move);
    for (let v = first; v < end; v++) {
      const pte = now.pte[mm * now.pages + v]!;
      if (pte !== 0) return `mm ${mm} page ${v}: ${pteText(pte)} is left by ${stepText(step)} of task ${move.task}`;
    }
    return null;
  },
};

/** Where the part of the range ends that lies in the mapping of its first page. */
function endOfPart(now: Sweep, { local }: Move): number {
  const base = local[LOCAL.mm]! * now.pages;
  let v = local[LOCAL.at]!;
  const vma = now.area[base + v]! >>> AREA.vma_shift;
  while (v < local[LOCAL.end]! && now.area[base + v]! >>> AREA.vma_shift === vma) v++;
  return v;
}
