/** A4.5: fork does not share what somebody has pinned. */
import { FRAME, LOCAL, PTE, STEP } from "../../spec/words.ts";
import type { Step } from "../property.ts";
import { pteText } from "../text.ts";

const FORK_COPY = STEP["fork.copy"];

/** A pinned page that one process has alone stays with the parent, as it was. */
export const forkLeavesPinnedPages: Step = {
  id: "fork-leaves-pinned-pages",
  kind: "step",
  spec: ["FRK-6"],
  statement: "fork leaves the entry of a pinned anon-exclusive page as it is, and maps its frame nowhere else.",
  check(was, move, now) {
    if (move.step !== FORK_COPY) return null;
    const base = move.local[LOCAL.mm]! * was.pages;
    for (let v = 0; v < was.pages; v++) {
      const pte = was.pte[base + v]!;
      const pfn = pte >>> PTE.payload_shift;
      if ((pte & PTE.kind_mask) !== PTE.present || was.pins[pfn] === 0 || (was.frame[pfn]! & FRAME.anon_exclusive) === 0) continue;
      if (now.pte[base + v] !== pte || now.entries[pfn] !== was.entries[pfn])
        return `mm ${move.local[LOCAL.mm]} page ${v}: fork made ${pteText(now.pte[base + v]!)} of ${pteText(pte)}, mapped ${now.entries[pfn]} times, which is pinned`;
    }
    return null;
  },
};
