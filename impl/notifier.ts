/**
 * The notifier bracket. Start (i1, i2): the mirrors of an address space are told, each under its driver lock. Then the caller changes its page
 * table; `invalidateEnd` is i4.
 *
 * Record: `x0` event, `x1` owner device or -1, `x2` bits of the files still to be told, `x3` sequence number of this invalidation.
 */
import { CHOICE_FILE, INTERVAL, NOTIFY_EVENTS, STEP } from "../spec/words.ts";
import type { Arena } from "./arena.ts";
import { accessInFlight } from "./device/command.ts";
import { clearDeviceRange } from "./device/dpt.ts";
import { FILE, G, MM, R, TASK } from "./layout.ts";
import { driverFree } from "./locks.ts";
import { RANGE, rangeOverlaps } from "./range.ts";
import { dropReplicasIn, reapReplicas, replicasUnlocked } from "./replicas.ts";
import { enter, leave } from "./tasks.ts";
import type { ImplSteps } from "./tasks.ts";

/** Codes of the kinds of invalidation. */
export const EVENT = Object.fromEntries(NOTIFY_EVENTS.map((name, code) => [name, code])) as Record<(typeof NOTIFY_EVENTS)[number], number>;

/** Enters the start of an invalidation of `[start, end)`; the caller continues with `resume` when every mirror has been told. */
export function invalidate(
  h: Arena,
  t: number,
  r: number,
  resume: number,
  mm: number,
  start: number,
  end: number,
  event: number,
  owner = -1,
): void {
  const a = enter(h, t, r, resume, STEP["invalidate.i1"]);
  h.task[a + R.mm] = mm;
  h.task[a + R.start] = start;
  h.task[a + R.end] = end;
  h.task[a + R.x0] = event;
  h.task[a + R.x1] = owner;
}

/** Bits of the files whose interval mirrors an address space. One that is being removed stays in the tree until then; v14 takes it off at once. */
function mirrors(h: Arena, mm: number): number {
  let bits = 0;
  const sequence = h.profile.rangeProtocol === "sequence";
  for (let file = 0; file < h.global[G.files]!; file++) {
    const f = file * FILE.words;
    const interval = h.file[f + FILE.interval]!;
    if (h.file[f + FILE.mm] === mm && (interval === INTERVAL.inserted || (sequence && interval === INTERVAL.removing))) bits |= 1 << file;
  }
  return bits;
}

/** Counts an invalidation in, and answers the files that must be told. */
function begin(h: Arena, mm: number, start: number, end: number): number {
  const m = mm * h.mmWords;
  h.mm[m + MM.active]! += 1;
  const hits = mirrors(h, mm);
  if (h.profile.rangeProtocol === "valid") killRanges(h, mm, start, end);
  else if (hits !== 0) h.mm[m + MM.seq]! |= 1;
  return hits;
}

/** The driver's invalidate callback, under its lock. */
function callback(h: Arena, file: number, start: number, end: number, event: number, owner: number, cur: number): void {
  const { driver, ownerFilter, rangeProtocol } = h.profile;
  const f = file * FILE.words;
  const own = owner >= 0 && owner === h.file[f + FILE.dev];
  if (event === EVENT.MIGRATE && driver.filtersOwnMigrate && ownerFilter && own) return;
  if (event === EVENT.EXCLUSIVE && driver.ownsExclusive && own) return;
  if (rangeProtocol === "sequence") h.file[f + FILE.seq] = cur;
  clearDeviceRange(h, file, start, Math.min(driver.inclusiveEnd ? end + 1 : end, h.pages));
  reapReplicas(h);
}

/** v14: every range walk in progress that overlaps is marked invalid, and what it found there is dropped. */
function killRanges(h: Arena, mm: number, start: number, end: number): void {
  for (let t = 0; t < h.capacity.tasks; t++) {
    const row = t * h.taskWords;
    for (let level = 0; level < h.task[row + TASK.depth]!; level++) {
      const a = row + TASK.records + level * R.words;
      if (!rangeOverlaps(h, a, mm, start, end)) continue;
      h.task[a + RANGE.valid] = 0;
      const from = h.task[a + R.start]!;
      const first = Math.max(start, from);
      const last = Math.min(end, h.task[a + R.end]!);
      if (first < last) h.task.fill(RANGE.none, row + h.pfns + first - from, row + h.pfns + last - from);
    }
  }
}

/** A whole bracket in one step, for changes that are not split into steps (huge pages). */
export function notifyNow(h: Arena, mm: number, start: number, end: number): void {
  const hits = begin(h, mm, start, end);
  const cur = h.mm[mm * h.mmWords + MM.seq]!;
  for (let file = 0; file < h.global[G.files]!; file++) if ((hits & (1 << file)) !== 0) callback(h, file, start, end, EVENT.CLEAR, -1, cur);
  invalidateEnd(h, mm);
}

/** i4: the end of an invalidation. The last one makes the sequence even, and lets waiting additions and removals through. */
export function invalidateEnd(h: Arena, mm: number): void {
  const m = mm * h.mmWords;
  h.mm[m + MM.active]! -= 1;
  if (h.mm[m + MM.active]! > 0) return;
  if ((h.mm[m + MM.seq]! & 1) !== 0) h.mm[m + MM.seq]! += 1;
  for (let f = 0; f < h.global[G.files]! * FILE.words; f += FILE.words) {
    if (h.file[f + FILE.mm] !== mm) continue;
    if (h.file[f + FILE.interval] === INTERVAL.adding) h.file[f + FILE.interval] = INTERVAL.inserted;
    else if (h.file[f + FILE.interval] === INTERVAL.removing) h.file[f + FILE.interval] = INTERVAL.none;
  }
}

/** Bits of the files whose callback can run now: it takes the driver lock, and waits for the accesses of the device that are in flight there. */
function callable(h: Arena, r: number): number {
  const start = h.task[r + R.start]!;
  const end = h.task[r + R.end]!;
  let bits = h.task[r + R.x2]!;
  for (let file = 0; file < h.global[G.files]!; file++)
    if (!driverFree(h, file) || accessInFlight(h, file, start, end)) bits &= ~(1 << file);
  return bits;
}

/** The steps of the start of a notification. */
export const invalidateSteps: ImplSteps = {
  i1: {
    // Replicas of what may change are gone before the mirrors are told.
    enabled: (h, _t, r) => replicasUnlocked(h, h.task[r + R.mm]!, h.task[r + R.start]!, h.task[r + R.end]!),
    apply(h, t, r) {
      const mm = h.task[r + R.mm]!;
      const start = h.task[r + R.start]!;
      const end = h.task[r + R.end]!;
      dropReplicasIn(h, mm, start, end);
      const hits = begin(h, mm, start, end);
      h.task[r + R.x2] = hits;
      h.task[r + R.x3] = h.mm[mm * h.mmWords + MM.seq]!;
      if (hits === 0) leave(h, t);
      else h.task[r + R.step] = STEP["invalidate.i2"];
    },
  },
  i2: {
    enabled: (h, _t, r) => callable(h, r) !== 0,
    choices: (h, _t, r) => callable(h, r) << CHOICE_FILE,
    apply(h, t, r, choice) {
      const file = choice - CHOICE_FILE;
      const left = h.task[r + R.x2]! & ~(1 << file);
      h.task[r + R.x2] = left;
      callback(h, file, h.task[r + R.start]!, h.task[r + R.end]!, h.task[r + R.x0]!, h.task[r + R.x1]!, h.task[r + R.x3]!);
      if (left === 0) leave(h, t);
    },
  },
};
