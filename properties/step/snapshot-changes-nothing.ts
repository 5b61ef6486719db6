/** A look changes nothing. */
import { STEP } from "../../spec/words.ts";
import { OP, OP_OF_STEP } from "../ops.ts";
import type { Step } from "../property.ts";
import { pteText, stepText } from "../text.ts";

const CHECK_EXCLUSIVE_OPEN = STEP["check_exclusive.open"];
const SNAPSHOT_OPEN = STEP["snapshot.open"];

/** No step of a snapshot, nor of a look for tags, changes an entry of a page table. */
export const snapshotChangesNothing: Step = {
  id: "snapshot-changes-nothing",
  kind: "step",
  spec: ["SNAP-1", "EXC-16", "DEV-9"],
  statement:
    "No step of snapshot or check_exclusive changes a CPU or device page table entry, as long as its caller does not end an address space with it.",
  check(was, move, now) {
    const root = OP_OF_STEP[move.root] ?? 0;
    if (
      (root !== OP.snapshot && root !== OP.check_exclusive) ||
      OP_OF_STEP[move.step] === OP.exit_mmap ||
      OP_OF_STEP[move.outer] === OP.exit_mmap
    )
      return null;
    for (let at = 0; at < was.mms * was.pages; at++)
      if (was.pte[at] !== now.pte[at])
        return `mm ${Math.floor(at / was.pages)} page ${at % was.pages}: ${stepText(move.step)} of task ${move.task} made ${pteText(now.pte[at]!)} of ${pteText(was.pte[at]!)}`;
    // The file that a call opens by its first use is a new one, and empty.
    if (move.step === SNAPSHOT_OPEN || move.step === CHECK_EXCLUSIVE_OPEN) return null;
    for (let at = 0; at < was.files * was.pages; at++)
      if (was.dpte[at] !== now.dpte[at])
        return `page ${at % was.pages} of file ${Math.floor(at / was.pages)}: ${stepText(move.step)} of task ${move.task} changed its entry`;
    return null;
  },
};
