/** The first half of a migration (m1 to m6, e2): collect, isolate, unmap, check. */
import { FRAME, STEP } from "../../spec/words.ts";
import type { Arena } from "../arena.ts";
import { CHOICE, GO } from "../choices.ts";
import { countedMaps } from "../frames.ts";
import { CANDIDATE, F, FB, R } from "../layout.ts";
import { EVENT, invalidate, invalidateEnd } from "../notifier.ts";
import { goto } from "../tasks.ts";
import type { ImplSteps } from "../tasks.ts";
import { collect, collectFrames } from "./migrate-collect.ts";
import { leaveMigration, putBack } from "./migrate-finish.ts";
import { expectedRefs } from "./migrate-metadata.ts";
import { CAND, MIGRATION, advance, eventOwner, rewind } from "./migrate-record.ts";
import { RMAP_MODE } from "./rmap-record.ts";
import { enterRmapWalk } from "./rmap-walk.ts";

const M2 = STEP["migrate.m2"];
const M3 = STEP["migrate.m3"];
const M4 = STEP["migrate.m4"];
const M5 = STEP["migrate.m5"];
const M6 = STEP["migrate.m6"];
const M7 = STEP["migrate.m7"];
const M9 = STEP["migrate.m9"];

const { step: STEP_AT } = R;
const { live: LIVE, count: COUNT, current: CURRENT } = MIGRATION;
const { src: SRC } = CANDIDATE;
const { src_shift: SRC_SHIFT } = CAND;
const { words: FRAME_WORDS, counts: COUNTS } = F;
const { locked_mask: LOCKED, locked_shift: LOCKED_SHIFT, map_mask: MAPS, ref_mask: REFS } = FB;
const { lru: LRU, kind_mask: KIND, system: SYSTEM } = FRAME;
const { isolated: ISOLATED, busy: BUSY } = CHOICE;
const ISOLATED_OR_BUSY = (1 << ISOLATED) | (1 << BUSY);
const ONLY_GO = GO;

/** Goes on with the next candidate, or with the driver's part after the last. The driver is not called when no candidate is left. */
function advanceToDriver(h: Arena, t: number, r: number): void {
  advance(h, t, r, M4, h.task[r + LIVE] === 0 ? M9 : M7);
}

/** After collect: on with the first candidate, if there is any. */
function begin(h: Arena, t: number, r: number): void {
  const count = h.task[r + COUNT]!;
  h.task[r + LIVE] = count;
  rewind(h, t, r);
  if (count === 0) leaveMigration(h, t, r);
  else goto(h, r, M4);
}

/** Puts a page back as it was: it is no candidate any more. */
function reject(h: Arena, t: number, r: number): void {
  const c = h.task[r + CURRENT]!;
  putBack(h, t, r, c);
  h.task[c + SRC] = 0;
  h.task[r + LIVE]! -= 1;
  advanceToDriver(h, t, r);
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
    enabled({ task, frame }, t, r) {
      const src = (task[task[r + CURRENT]! + SRC]! >>> SRC_SHIFT) - 1;
      if (src < 0) return true;
      const locker = frame[src * FRAME_WORDS]! & LOCKED;
      return locker === 0 || locker === (t + 1) << LOCKED_SHIFT;
    },
    choices({ task, frame }, _t, r) {
      const src = (task[task[r + CURRENT]! + SRC]! >>> SRC_SHIFT) - 1;
      return src >= 0 && (frame[src * FRAME_WORDS]! & LRU) !== 0 ? ISOLATED_OR_BUSY : ONLY_GO;
    },
    apply(h, t, r, choice) {
      const { task, frame } = h;
      const src = (task[task[r + CURRENT]! + SRC]! >>> SRC_SHIFT) - 1;
      if (src < 0) return advanceToDriver(h, t, r);
      const f = src * FRAME_WORDS;
      const flags = frame[f]! | ((t + 1) << LOCKED_SHIFT);
      frame[f] = choice === ISOLATED ? flags & ~LRU : flags;
      if (choice === BUSY) return reject(h, t, r);
      task[r + STEP_AT] = M5;
    },
  },
  m5: {
    apply(h, t, r) {
      const { task } = h;
      const src = (task[task[r + CURRENT]! + SRC]! >>> SRC_SHIFT) - 1;
      if ((h.frame[src * FRAME_WORDS + COUNTS]! & MAPS) === 0 || countedMaps(h, src) === 0) task[r + STEP_AT] = M6;
      else enterRmapWalk(h, t, r, M6, src, RMAP_MODE.migrate);
    },
  },
  m6: {
    apply(h, t, r) {
      const { task, frame } = h;
      const src = (task[task[r + CURRENT]! + SRC]! >>> SRC_SHIFT) - 1;
      const f = src * FRAME_WORDS;
      const counts = frame[f + COUNTS]!;
      // A reference too many on a device page passes here (it is seen again in m8).
      const slack = (frame[f]! & KIND) === SYSTEM ? 0 : 1;
      const mapped = (counts & MAPS) !== 0 && countedMaps(h, src) > 0;
      if (mapped || (counts & REFS) > expectedRefs(h, r, src) + slack) reject(h, t, r);
      else advanceToDriver(h, t, r);
    },
  },
};
