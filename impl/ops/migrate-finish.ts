/** How one page leaves a migration, and how the migration itself ends. */
import { FRAME } from "../../spec/words.ts";
import type { Arena } from "../arena.ts";
import { flagsOf, mark, putPage, unlockPage } from "../frames.ts";
import { CANDIDATE, FB, NIL, OOM, SIGBUS } from "../layout.ts";
import { leave } from "../tasks.ts";
import { CAND, MARK, MIGRATION, PURPOSE, candidateAt, candidateDst, candidateHas, candidateSrc } from "./migrate-record.ts";
import { restore } from "./migrate-restore.ts";

/** Unlocks a destination and drops the reference that its allocation gave us: one that nobody maps is free again. */
export function giveBack(h: Arena, dst: number): void {
  unlockPage(h, dst);
  if ((flagsOf(h, dst) & FRAME.kind_mask) === FRAME.system) mark(h, dst, FRAME.lru);
  putPage(h, dst);
}

/** Maps the source of a refused candidate again, and gives back its lock, its place on the LRU and our reference. */
export function putBack(h: Arena, t: number, r: number, c: number): void {
  const src = candidateSrc(h, c);
  restore(h, t, r, c, src, src);
  unlockPage(h, src);
  if ((flagsOf(h, src) & (FRAME.kind_mask | FB.head)) === FRAME.system) mark(h, src, FRAME.lru);
  putPage(h, src);
}

/** Maps the destination, or the source again, wherever the page was; then both are unlocked and our references go. */
export function finalize(h: Arena, t: number, r: number, c: number): void {
  const src = candidateSrc(h, c);
  const dst = candidateDst(h, c);
  if (src >= 0) {
    const moved = dst >= 0 && candidateHas(h, c, CAND.migrate);
    restore(h, t, r, c, src, moved ? dst : src);
    unlockPage(h, src);
    if (!moved && (flagsOf(h, src) & FRAME.kind_mask) === FRAME.system) mark(h, src, FRAME.lru);
    putPage(h, src);
  }
  if (dst >= 0) giveBack(h, dst);
}

/** How many pages moved; the CPU fault learns of a failure and of a lack of memory. */
function answer(h: Arena, t: number, r: number): number {
  if (h.task[r + MIGRATION.purpose] === PURPOSE.cpu_fault) {
    const marks = h.task[r + MIGRATION.marks]!;
    if ((marks & MARK.failed) !== 0) return SIGBUS;
    return (marks & MARK.oom) === 0 ? NIL : OOM;
  }
  let moved = 0;
  const end = candidateAt(h, t, h.task[r + MIGRATION.count]!);
  for (let c = candidateAt(h, t, 0); c < end; c += CANDIDATE.words)
    if (candidateSrc(h, c) >= 0 && candidateHas(h, c, CAND.migrate)) moved++;
  return moved;
}

/** Leaves a migration: nothing of its candidates stays behind. */
export function leaveMigration(h: Arena, t: number, r: number): void {
  const got = answer(h, t, r);
  h.task.fill(0, candidateAt(h, t, 0), candidateAt(h, t, h.task[r + MIGRATION.count]!));
  leave(h, t, got);
}
