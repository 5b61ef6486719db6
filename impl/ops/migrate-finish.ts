/** How one page leaves a migration, and how the migration itself ends. */
import { FRAME } from "../../spec/words.ts";
import type { Arena } from "../arena.ts";
import { putPage } from "../frames.ts";
import { CANDIDATE, F, FB, NIL, OOM, SIGBUS } from "../layout.ts";
import { leave } from "../tasks.ts";
import { CAND, MARK, MIGRATION, PURPOSE, candidateAt } from "./migrate-record.ts";
import { restore } from "./migrate-restore.ts";

const { src: SRC, dst: DST, words: WORDS } = CANDIDATE;
const { migrate: MIGRATES, src_shift: SRC_SHIFT } = CAND;
const { words: FRAME_WORDS } = F;
const { locked_mask: LOCKED } = FB;
const { kind_mask: KIND, system: SYSTEM, lru: LRU } = FRAME;

/** Unlocks a destination and drops the reference that its allocation gave us: one that nobody maps is free again. */
export function giveBack(h: Arena, dst: number): void {
  const f = dst * FRAME_WORDS;
  const flags = h.frame[f]! & ~LOCKED;
  h.frame[f] = (flags & KIND) === SYSTEM ? flags | LRU : flags;
  putPage(h, dst);
}

/** Maps the source of a refused candidate again, and gives back its lock, its place on the LRU and our reference. */
export function putBack(h: Arena, t: number, r: number, c: number): void {
  const src = (h.task[c + SRC]! >>> SRC_SHIFT) - 1;
  restore(h, t, r, c, src, src);
  const f = src * FRAME_WORDS;
  const flags = h.frame[f]! & ~LOCKED;
  h.frame[f] = (flags & KIND) === SYSTEM ? flags | LRU : flags;
  putPage(h, src);
}

/** Maps the destination, or the source again, wherever the page was; then both are unlocked and our references go. */
export function finalize(h: Arena, t: number, r: number, c: number): void {
  const { task, frame } = h;
  const word = task[c + SRC]!;
  const src = (word >>> SRC_SHIFT) - 1;
  const dst = task[c + DST]! - 1;
  if (src >= 0) {
    const moved = dst >= 0 && (word & MIGRATES) !== 0;
    restore(h, t, r, c, src, moved ? dst : src);
    const f = src * FRAME_WORDS;
    const flags = frame[f]! & ~LOCKED;
    frame[f] = !moved && (flags & KIND) === SYSTEM ? flags | LRU : flags;
    putPage(h, src);
  }
  if (dst >= 0) giveBack(h, dst);
}

/** How many pages moved; the CPU fault learns of a failure and of a lack of memory. */
function answer({ task }: Arena, r: number, first: number, end: number): number {
  if (task[r + MIGRATION.purpose] === PURPOSE.cpu_fault) {
    const marks = task[r + MIGRATION.marks]!;
    if ((marks & MARK.failed) !== 0) return SIGBUS;
    return (marks & MARK.oom) === 0 ? NIL : OOM;
  }
  let moved = 0;
  for (let c = first; c < end; c += WORDS) if ((task[c + SRC]! & MIGRATES) !== 0 && task[c + SRC]! >>> SRC_SHIFT !== 0) moved++;
  return moved;
}

/** Leaves a migration: nothing of its candidates stays behind. */
export function leaveMigration(h: Arena, t: number, r: number): void {
  const first = candidateAt(h, t, 0);
  const end = candidateAt(h, t, h.task[r + MIGRATION.count]!);
  const got = answer(h, r, first, end);
  h.task.fill(0, first, end);
  leave(h, t, got);
}
