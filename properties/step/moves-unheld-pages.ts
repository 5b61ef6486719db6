/** I5: nobody else holds a page that moves. */
import { FRAME, LOCAL, PURPOSES, STEP } from "../../spec/words.ts";
import type { Move } from "../move.ts";
import type { Step } from "../property.ts";
import type { Sweep } from "../sweep.ts";

const MIGRATE_M8 = STEP["migrate.m8"];

const CPU_FAULT = PURPOSES.indexOf("cpu_fault");

/** At m8 a page moves only if the migration, and the CPU fault that made it, are the only ones that hold it. */
export const movesUnheldPages: Step = {
  id: "moves-unheld-pages",
  kind: "step",
  spec: ["MIG-21", "MIG-29", "MIG-31", "MEM-34", "RCL-11", "MEM-22"],
  statement: "A page moves at m8 only if nothing but the migration, and the CPU fault that has called for it, has a reference to it.",
  check(was, move, now) {
    if (move.step !== MIGRATE_M8) return null;
    for (let dst = 0; dst < now.frames; dst++) {
      if (now.locked[dst] !== move.task || mappingOf(was, dst) !== 0 || mappingOf(now, dst) === 0) continue;
      const wrong = heldSource(was, move, now, dst);
      if (wrong !== null) return wrong;
    }
    return null;
  },
};

const mappingOf = (s: Sweep, pfn: number): number => s.frame[pfn]! & FRAME.mapping_mask;

/**
 * What is wrong with the frame whose identity another one has taken over. Copies of a page have the same identity, so that there may be several:
 * one that may have moved is enough.
 */
function heldSource(was: Sweep, move: Move, now: Sweep, dst: number): string | null {
  let wrong: string | null = `frame ${dst} has become a page at m8 of task ${move.task}, and no source has`;
  for (let src = 0; src < was.frames; src++) {
    if (src === dst || was.locked[src] !== move.task || mappingOf(was, src) !== mappingOf(now, dst)) continue;
    if (was.mapping[src] !== now.mapping[dst] || was.index[src] !== now.index[dst]) continue;
    const faulted = move.local[LOCAL.purpose] === CPU_FAULT && move.local[LOCAL.pfn] === src && now.view.profile.faultTakesReference;
    const expected = faulted ? 2 : 1;
    if (now.refs[src] === expected && now.entries[src] === 0) return null;
    wrong = `frame ${src} has moved to frame ${dst} with ${now.refs[src]} references and ${now.entries[src]} mappings, ${expected} are the migration's`;
  }
  return wrong;
}
