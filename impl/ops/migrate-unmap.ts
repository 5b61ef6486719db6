/** The first half of a migration (m1 to m6, e2): collect, isolate, unmap, check. */
import { FRAME, STEP } from "../../spec/words.ts";
import type { Arena } from "../arena.ts";
import { CHOICE, GO } from "../choices.ts";
import { countedMaps, flagsOf, lockPage, lockerOf, refsOf, unmark } from "../frames.ts";
import { CANDIDATE, R } from "../layout.ts";
import { EVENT, invalidate, invalidateEnd } from "../notifier.ts";
import { goto } from "../tasks.ts";
import type { ImplSteps } from "../tasks.ts";
import { collect, collectFrames } from "./migrate-collect.ts";
import { leaveMigration, putBack } from "./migrate-finish.ts";
import { expectedRefs } from "./migrate-metadata.ts";
import { MIGRATION, advance, candidateSrc, currentCandidate, eventOwner } from "./migrate-record.ts";
import { RMAP_MODE } from "./rmap-record.ts";
import { enterRmapWalk } from "./rmap-walk.ts";

const M2 = STEP["migrate.m2"];
const M3 = STEP["migrate.m3"];
const M4 = STEP["migrate.m4"];
const M5 = STEP["migrate.m5"];
const M6 = STEP["migrate.m6"];
const M7 = STEP["migrate.m7"];
const M9 = STEP["migrate.m9"];

const ISOLATED_OR_BUSY = (1 << CHOICE.isolated) | (1 << CHOICE.busy);

/** Goes on with the next candidate, or with the driver's part after the last. The driver is not called when no candidate is left. */
function advanceToDriver(h: Arena, r: number): void {
  advance(h, r, M4, h.task[r + MIGRATION.live] === 0 ? M9 : M7);
}

/** After collect: on with the first candidate, if there is any. */
function begin(h: Arena, t: number, r: number): void {
  h.task[r + MIGRATION.live] = h.task[r + MIGRATION.count]!;
  if (h.task[r + MIGRATION.count] === 0) leaveMigration(h, t, r);
  else goto(h, r, M4);
}

/** Puts a page back as it was: it is no candidate any more. */
function reject(h: Arena, t: number, r: number, c: number): void {
  putBack(h, t, r, c);
  h.task[c + CANDIDATE.src] = 0;
  h.task[r + MIGRATION.live]! -= 1;
  advanceToDriver(h, r);
}

/** The steps before the driver's part: collect, isolate, unmap, check. */
export const migrateUnmapSteps: ImplSteps = {
  m1: {
    apply(h, t, r) {
      invalidate(h, t, r, M2, h.task[r + R.mm]!, h.task[r + R.start]!, h.task[r + R.end]!, EVENT.MIGRATE, eventOwner(h, r));
    },
  },
  m2: {
    apply(h, t, r) {
      collect(h, t, r);
      goto(h, r, M3);
    },
  },
  m3: {
    apply(h, t, r) {
      invalidateEnd(h, h.task[r + R.mm]!);
      begin(h, t, r);
    },
  },
  e2: {
    apply(h, t, r) {
      collectFrames(h, t, r);
      begin(h, t, r);
    },
  },
  m4: {
    // Only a candidate that collect could not lock is still to be locked here.
    enabled(h, t, r) {
      const src = candidateSrc(h, currentCandidate(h, t, r));
      if (src < 0) return true;
      const locker = lockerOf(h, src);
      return locker === t || locker < 0;
    },
    choices(h, t, r) {
      const src = candidateSrc(h, currentCandidate(h, t, r));
      return src >= 0 && (flagsOf(h, src) & FRAME.lru) !== 0 ? ISOLATED_OR_BUSY : GO;
    },
    apply(h, t, r, choice) {
      const c = currentCandidate(h, t, r);
      const src = candidateSrc(h, c);
      if (src < 0) return advanceToDriver(h, r);
      lockPage(h, src, t);
      if (choice === CHOICE.busy) return reject(h, t, r, c);
      if (choice === CHOICE.isolated) unmark(h, src, FRAME.lru);
      goto(h, r, M5);
    },
  },
  m5: {
    apply(h, t, r) {
      const src = candidateSrc(h, currentCandidate(h, t, r));
      if (countedMaps(h, src) === 0) goto(h, r, M6);
      else enterRmapWalk(h, t, r, M6, src, RMAP_MODE.migrate);
    },
  },
  m6: {
    apply(h, t, r) {
      const c = currentCandidate(h, t, r);
      const src = candidateSrc(h, c);
      // A reference too many on a device page passes here (it is seen again in m8).
      const slack = (flagsOf(h, src) & FRAME.kind_mask) === FRAME.system ? 0 : 1;
      if (countedMaps(h, src) > 0 || refsOf(h, src) > expectedRefs(h, r, src) + slack) reject(h, t, r, c);
      else advanceToDriver(h, r);
    },
  },
};
