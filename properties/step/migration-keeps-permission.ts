/** A migration gives each mapping back with the permission that it had. */
import { MODE, PTE, STEP } from "../../spec/words.ts";
import type { Move } from "../move.ts";
import type { Step } from "../property.ts";
import type { Sweep } from "../sweep.ts";
import { pteText, stepText } from "../text.ts";

const M2 = STEP["migrate.m2"];
const M4 = STEP["migrate.m4"];
const M6 = STEP["migrate.m6"];
const M9 = STEP["migrate.m9"];
const CLEAR = STEP["rmap_walk.clear"];

/** A migration entry remembers whether the entry was writable, and the mapping that takes its place is writable if it does. */
export const migrationKeepsPermission: Step = {
  id: "migration-keeps-permission",
  kind: "step",
  spec: ["MIG-16", "MIG-22", "MIG-39", "MEM-19", "MEM-36", "MEM-20"],
  statement:
    "An entry that becomes a migration entry gives it the write kind if it was writable (v14 forgets it for device-private entries in the reverse map walk), and the mapping that takes its place is writable if and only if it is of the write kind.",
  check(was, move, now) {
    const { step } = move;
    const takes = step === M2 || step === CLEAR;
    if (!takes && step !== M4 && step !== M6 && step !== M9) return null;
    const n = Math.min(was.mms, now.mms) * now.pages;
    for (let at = 0; at < n; at++) {
      const before = was.pte[at]!;
      const after = now.pte[at]!;
      if (before === after) continue;
      if (takes ? isTakenRight(now, move, before, after) : isGivenBackRight(before, after)) continue;
      return `mm ${Math.floor(at / now.pages)} page ${at % now.pages}: ${pteText(before)} became ${pteText(after)} in ${stepText(step)} of task ${move.task}`;
    }
    return null;
  },
};

const isMigration = (pte: number): boolean => (pte & PTE.kind_mask) === PTE.migration;
const mode = (pte: number): number => (pte & PTE.mode_mask) >>> PTE.mode_shift;

function isTakenRight(now: Sweep, move: Move, before: number, after: number): boolean {
  if (!isMigration(after) || isMigration(before)) return true;
  const forgets = move.step === CLEAR && (before & PTE.kind_mask) === PTE.device_private && !now.view.profile.rmapKeepsWrite;
  return forgets || ((before & PTE.write) !== 0) === (mode(after) === MODE.write);
}

function isGivenBackRight(before: number, after: number): boolean {
  if (!isMigration(before)) return true;
  const kind = after & PTE.kind_mask;
  if (kind !== PTE.present && kind !== PTE.device_private) return false;
  return ((after & PTE.write) !== 0) === (mode(before) === MODE.write);
}
