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
import { CAND, MARK, MIGRATION, addMark, advance, candidateHas, currentCandidate, eventOwner } from "./migrate-record.ts";

const M8 = STEP["migrate.m8"];
const M8_INSERT = STEP["migrate.m8_insert"];
const M8_END = STEP["migrate.m8_end"];
const M8_MAP = STEP["migrate.m8_map"];
const M9 = STEP["migrate.m9"];

/** The page stays at the source. */
function refuse(h: Arena, c: number): void {
  h.task[c + CANDIDATE.src]! &= ~CAND.migrate;
}

/** The steps behind the driver's part. */
export const migrateInstallSteps: ImplSteps = {
  m8: {
    apply(h, t, r) {
      const c = currentCandidate(h, t, r);
      const migrates = candidateHas(h, c, CAND.migrate);
      if (migrates && candidateHas(h, c, CAND.hole) && h.task[c + CANDIDATE.dst] !== 0) {
        if ((h.task[r + MIGRATION.marks]! & MARK.notified) !== 0) return goto(h, r, M8_INSERT);
        addMark(h, r, MARK.notified);
        const vpn = h.task[c + CANDIDATE.vpn]!;
        return invalidate(h, t, r, M8_INSERT, h.task[r + R.mm]!, vpn, h.task[r + R.end]!, EVENT.MIGRATE, eventOwner(h, r));
      }
      if (migrates && !moveMetadata(h, r, c)) refuse(h, c);
      advance(h, r, M8, M8_END);
    },
  },
  m8_insert: {
    apply(h, t, r) {
      const c = currentCandidate(h, t, r);
      if (!insertPage(h, r, c)) refuse(h, c);
      advance(h, r, M8, M8_END);
    },
  },
  m8_end: {
    apply(h, _t, r) {
      if ((h.task[r + MIGRATION.marks]! & MARK.notified) !== 0) invalidateEnd(h, h.task[r + R.mm]!);
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
      finalize(h, t, r, currentCandidate(h, t, r));
      const next = h.task[r + R.at]! + 1;
      h.task[r + R.at] = next;
      if (next >= h.task[r + MIGRATION.count]!) leaveMigration(h, t, r);
    },
  },
};
