/** I2, second half: a device goes through entries that are right. */
import { DPTE, LOCAL, STEP } from "../../spec/words.ts";
import { isExcused, isExcusedBy } from "../ghost/excuses.ts";
import type { EntryDefect } from "../ghost/excuses.ts";
import { hasPassed } from "../ghost/values.ts";
import { mirrorText } from "../known-entries.ts";
import { FAULT, mirrorFault } from "../mirror-entry.ts";
import type { Move } from "../move.ts";
import type { Step, StepCheck } from "../property.ts";
import type { Sweep } from "../sweep.ts";

const DEVICE_ACCESS_A1 = STEP["device_access.a1"];
const MAKE_EXCLUSIVE_A1 = STEP["make_exclusive.a1"];
const MIGRATE_CALL_A1 = STEP["migrate_call.a1"];

const FILTERED = { spec: ["DMR-5", "MIG-28"], applies: ignores } as const;

/** A device reads and writes only through an entry that agrees with the CPU page table, with its driver lock held. */
export const noStaleAccess: Step = {
  id: "no-stale-access",
  kind: "step",
  spec: ["DEV-1", "DEV-7", "INV-1", "MIG-28", "IDL-3", "EXC-15", "RF-12"],
  statement:
    "A device reads or writes a page only under its driver lock, through an entry that allows it and that agrees with the CPU page table.",
  known: [
    { defect: "U1", ...FILTERED, when: "the mirror has ignored the MIGRATE event of its own device", check: stale("U1") },
    { defect: "U2", ...FILTERED, when: "a device fault has installed what a migration took away", check: stale("U2") },
    {
      defect: "U6",
      spec: ["DMR-7"],
      when: "make_exclusive has tagged a page that was dropped",
      applies: ({ driver, exclusive }) => !driver.rechecksSequence && exclusive,
      check: stale("U6"),
    },
    {
      defect: "U7",
      spec: ["DMR-7"],
      when: "a migration has mapped a page that was dropped",
      applies: ({ driver }) => driver.mapsAfterMigration,
      check: stale("U7"),
    },
    {
      defect: "T5",
      spec: ["RF-16"],
      when: "a range was registered while a notification was active and has stayed valid",
      applies: ({ rangeProtocol }) => rangeProtocol === "valid",
      check: stale("T5"),
    },
  ],
  check(was, move, now) {
    if (!isAccess(move, now)) return null;
    const file = move.local[LOCAL.file]!;
    const v = move.local[LOCAL.at]!;
    if (was.fileMutex[file] !== move.task) return `task ${move.task} passes page ${v} of file ${file} without its driver lock`;
    const dpte = was.dpte[file * was.pages + v]!;
    const writes = move.step === DEVICE_ACCESS_A1 && move.local[LOCAL.write] === 1;
    if ((dpte & DPTE.valid) === 0 || (writes && (dpte & DPTE.tag_mask) >>> DPTE.tag_shift !== 1))
      return `task ${move.task} ${writes ? "writes" : "reads"} without an entry for it: ${mirrorText(was, file, v)}`;
    if (isExcused(was, file, v) || !isWrong(mirrorFault(was, file, v))) return null;
    return `task ${move.task} ${writes ? "writes" : "reads"} through an entry that is wrong: ${mirrorText(was, file, v)}`;
  },
};

function ignores({ driver, ownerFilter }: Sweep["view"]["profile"]): boolean {
  return driver.filtersOwnMigrate && ownerFilter;
}

/** A tag that outlived its exclusive entry still names the right frame. */
const isWrong = (fault: number): boolean => fault === FAULT.frame || fault === FAULT.write;

/** Whether the step has read or written a page through a mirror. */
function isAccess(move: Move, now: Sweep): boolean {
  const { step } = move;
  return (step === DEVICE_ACCESS_A1 || step === MIGRATE_CALL_A1 || step === MAKE_EXCLUSIVE_A1) && hasPassed(move, now);
}

function stale(defect: EntryDefect): StepCheck {
  return (was, move, now) => {
    if (!isAccess(move, now)) return null;
    const file = move.local[LOCAL.file]!;
    const v = move.local[LOCAL.at]!;
    return isExcusedBy(was, file, v, defect) && isWrong(mirrorFault(was, file, v)) ? mirrorText(was, file, v) : null;
  };
}
