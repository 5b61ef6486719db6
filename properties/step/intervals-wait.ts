/** Adding and removing a mirror wait for the notifications that are active. */
import { CHOICE_FILE, INTERVAL, STEP } from "../../spec/words.ts";
import type { Move } from "../move.ts";
import type { Step } from "../property.ts";
import type { Sweep } from "../sweep.ts";

const INVALIDATE_I2 = STEP["invalidate.i2"];

/** A mirror that waits goes on only when no notification is active, and no callback of a mirror that has ended runs. */
export const intervalsWait: Step = {
  id: "intervals-wait",
  kind: "step",
  spec: ["MIR-7", "INV-8"],
  statement:
    "An interval that waits is added or removed when no notification of its address space is active any more, one that is hit is removed only then, and no callback of a removed one runs.",
  check(was, move, now) {
    const files = Math.min(was.files, now.files);
    for (let file = 0; file < files; file++) {
      const before = was.fileInterval[file];
      const after = now.fileInterval[file];
      if (before === after || before === INTERVAL.none) continue;
      const early = before === INTERVAL.inserted ? after === INTERVAL.none && isBusy(was, file) : now.mmActive[now.fileMm[file]!]! > 0;
      if (early && !isDropped(before, after))
        return `the interval of file ${file} goes from ${before} to ${after} while notifications are active`;
    }
    return endedCallback(was, move);
  },
};

/** Whether a notification may still have to call the mirror. */
function isBusy(was: Sweep, file: number): boolean {
  const mm = was.fileMm[file]!;
  return was.mmActive[mm]! > 0 && (was.view.profile.rangeProtocol === "valid" || (was.mmSeq[mm]! & 1) === 1);
}

/** One that was never added is dropped at once. */
const isDropped = (before: number | undefined, after: number | undefined): boolean => before === INTERVAL.adding && after === INTERVAL.none;

function endedCallback(was: Sweep, move: Move): string | null {
  if (move.step !== INVALIDATE_I2) return null;
  const file = move.choice - CHOICE_FILE;
  return was.fileInterval[file] === INTERVAL.none ? `task ${move.task} calls the mirror of file ${file}, which has ended` : null;
}
