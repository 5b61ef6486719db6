/** The last part of a migration (m8, m9): metadata, the device's entries, and the end of each page. */
import { STEP } from "../../spec/words.ts";
import type { Arena } from "../arena.ts";
import { CANDIDATE, R } from "../layout.ts";
import { driverFree } from "../locks.ts";
import { EVENT, invalidate, invalidateEnd } from "../notifier.ts";
import { goto } from "../tasks.ts";
import type { ImplSteps } from "../tasks.ts";
import { finalizeAndMap } from "./migrate-driver.ts";
import { finalize, leaveMigration } from "./migrate-finish.ts";
import { insertPage, moveMetadata } from "./migrate-metadata.ts";
import { CAND, MARK, MIGRATION, addMark, advance, eventOwner } from "./migrate-record.ts";

const M8 = STEP["migrate.m8"];
const M8_INSERT = STEP["migrate.m8_insert"];
const M8_END = STEP["migrate.m8_end"];
const M8_MAP = STEP["migrate.m8_map"];
const M9 = STEP["migrate.m9"];

const { at: AT } = R;
const { count: COUNT, current: CURRENT, marks: MARKS } = MIGRATION;
const { src: SRC, dst: DST, vpn: VPN, words: WORDS } = CANDIDATE;
const { migrate: MIGRATES, hole: HOLE } = CAND;
const { notified: NOTIFIED } = MARK;
const MIGRATING_HOLE = MIGRATES | HOLE;

/** A hole is filled: the first of a migration is announced, with all pages behind it. */
function insertHole(h: Arena, t: number, r: number, c: number): void {
  const { task } = h;
  if ((task[r + MARKS]! & NOTIFIED) !== 0) return goto(h, r, M8_INSERT);
  addMark(h, r, NOTIFIED);
  invalidate(h, t, r, M8_INSERT, task[r + R.mm]!, task[c + VPN]!, task[r + R.end]!, EVENT.MIGRATE, eventOwner(h, r));
}

/** The steps behind the driver's part. */
export const migrateInstallSteps: ImplSteps = {
  m8: {
    apply(h, t, r) {
      const { task } = h;
      const c = task[r + CURRENT]!;
      const word = task[c + SRC]!;
      if ((word & MIGRATING_HOLE) === MIGRATING_HOLE && task[c + DST] !== 0) return insertHole(h, t, r, c);
      if ((word & MIGRATES) !== 0 && !moveMetadata(h, r, c)) task[c + SRC] = word & ~MIGRATES;
      advance(h, t, r, M8, M8_END);
    },
  },
  m8_insert: {
    apply(h, t, r) {
      const { task } = h;
      const c = task[r + CURRENT]!;
      if (!insertPage(h, r, c)) task[c + SRC]! &= ~MIGRATES;
      advance(h, t, r, M8, M8_END);
    },
  },
  m8_end: {
    apply(h, _t, r) {
      if ((h.task[r + MARKS]! & NOTIFIED) !== 0) invalidateEnd(h, h.task[r + R.mm]!);
      goto(h, r, M8_MAP);
    },
  },
  m8_map: {
    enabled(h, _t, r) {
      const file = h.task[r + R.file]!;
      return file < 0 || driverFree(h, file);
    },
    apply(h, t, r) {
      finalizeAndMap(h, t, r);
      goto(h, r, M9);
    },
  },
  m9: {
    apply(h, t, r) {
      const { task } = h;
      finalize(h, t, r, task[r + CURRENT]!);
      const next = task[r + AT]! + 1;
      task[r + AT] = next;
      task[r + CURRENT]! += WORDS;
      if (next >= task[r + COUNT]!) leaveMigration(h, t, r);
    },
  },
};
