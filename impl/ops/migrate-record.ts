/** What a migration keeps in its record and in the array of candidates of its task. */
import { PURPOSES } from "../../spec/words.ts";
import type { Arena } from "../arena.ts";
import { CANDIDATE, R } from "../layout.ts";

/** Why a migration runs. `evict` and `move` begin with frames: `start` and `end` are frame numbers then. */
export const PURPOSE = Object.fromEntries(PURPOSES.map((name, code) => [name, code])) as Record<(typeof PURPOSES)[number], number>;

/**
 * Record of `migrate`: `at` the next candidate, `pfn` the faulted frame or -1, purpose, page of the CPU fault or -1, number of candidates, those of
 * them that the core has not refused before the driver is called, marks (notified for holes, out of memory, failed), and where the next candidate
 * lies.
 */
export const MIGRATION = { purpose: R.x0, faultAt: R.x1, count: R.x2, live: R.x3, marks: R.x4, current: R.x5 } as const;
/** Marks of a migration. */
export const MARK = { notified: 1, oom: 2, failed: 4 } as const;

/**
 * A candidate: `src | 30 .. 6: frame + 1 | 4: alone | 3: write for the device | 2: write | 1: migrate | 0: hole |`, `dst` frame + 1, page.
 *
 * `alone`: its only mapping was the entry that collect has replaced. No other migration entry can be made for it while it is locked, and the
 * address space lock keeps that one in its place: it is found again without a reverse map walk.
 */
export const CAND = { hole: 1, migrate: 2, write: 4, dst_write: 8, alone: 16, src_shift: 6 } as const;

// The engine folds constants of this module, but not fields of a table that is imported: what runs for each page names its words so.
const { step: STEP_AT, at: AT } = R;
const { count: COUNT, current: CURRENT } = MIGRATION;
const { words: WORDS } = CANDIDATE;

/** Where candidate `i` of a task lies. */
export const candidateAt = (h: Arena, t: number, i: number): number => t * h.taskWords + h.candidates + i * CANDIDATE.words;
/** Destination of a candidate, or -1. */
export const candidateDst = (h: Arena, c: number): number => h.task[c + CANDIDATE.dst]! - 1;
/** The device that a MIGRATE event names, if the core has owners; or -1. */
export const eventOwner = (h: Arena, r: number): number => (h.profile.ownerFilter ? h.task[r + R.dev]! : -1);

/** Sets a mark of a migration. */
export function addMark(h: Arena, r: number, bit: number): void {
  h.task[r + MIGRATION.marks]! |= bit;
}

/** Makes the first candidate the next one. */
export function rewind(h: Arena, t: number, r: number): void {
  h.task[r + AT] = 0;
  h.task[r + CURRENT] = candidateAt(h, t, 0);
}

/** Goes on with the next candidate, or with step `then` after the last. */
export function advance(h: Arena, t: number, r: number, step: number, then: number): void {
  const { task } = h;
  const i = task[r + AT]! + 1;
  if (i < task[r + COUNT]!) {
    task[r + AT] = i;
    task[r + CURRENT]! += WORDS;
    task[r + STEP_AT] = step;
  } else {
    rewind(h, t, r);
    task[r + STEP_AT] = then;
  }
}
