/** The driver's part of a migration (m7): destinations, and copies that take several steps and can fail. */
import { STEP } from "../../spec/words.ts";
import type { Arena } from "../arena.ts";
import { CHOICE, GO, PAGE_OR_NO_MEMORY } from "../choices.ts";
import { CANDIDATE } from "../layout.ts";
import { goto } from "../tasks.ts";
import type { ImplSteps } from "../tasks.ts";
import { allocDestination, copyFirst, copyRest, dropOwnEntry } from "./migrate-driver.ts";
import { giveBack } from "./migrate-finish.ts";
import { CAND, MARK, MIGRATION, PURPOSE, addMark, advance, candidateDst, candidateHas, currentCandidate } from "./migrate-record.ts";

const M7 = STEP["migrate.m7"];
const M7_COPY = STEP["migrate.m7_copy"];
const M7_REST = STEP["migrate.m7_rest"];
const M8 = STEP["migrate.m8"];

const PAGE_NO_MEMORY_OR_ERROR = PAGE_OR_NO_MEMORY | (1 << CHOICE.error);
const COPIED_OR_FAILED = (1 << CHOICE.copied) | (1 << CHOICE.failed);

const purposeOf = (h: Arena, r: number): number => h.task[r + MIGRATION.purpose]!;

/** What is wrong with one page is what the CPU fault answers only if it is the faulted page; other migrations have no such page. */
function markFaulted(h: Arena, r: number, c: number, bit: number): void {
  const at = h.task[r + MIGRATION.faultAt]!;
  if (at < 0 || at === h.task[c + CANDIDATE.vpn]) addMark(h, r, bit);
}

/** The steps of the driver's part. */
export const migrateCopySteps: ImplSteps = {
  m7: {
    choices(h, t, r) {
      if (!candidateHas(h, currentCandidate(h, t, r), CAND.migrate)) return GO;
      return purposeOf(h, r) === PURPOSE.cpu_fault ? PAGE_NO_MEMORY_OR_ERROR : PAGE_OR_NO_MEMORY;
    },
    apply(h, t, r, choice) {
      const c = currentCandidate(h, t, r);
      if (!candidateHas(h, c, CAND.migrate)) return advance(h, r, M7, M8);
      if (choice === CHOICE.page) allocDestination(h, t, r, c);
      else markFaulted(h, r, c, choice === CHOICE.error ? MARK.failed : MARK.oom);
      // Without a driver there is nobody to copy before the metadata: the page's owner copies then.
      if (h.task[c + CANDIDATE.dst] === 0 || purposeOf(h, r) === PURPOSE.move) return advance(h, r, M7, M8);
      goto(h, r, M7_COPY);
    },
  },
  m7_copy: {
    choices: () => COPIED_OR_FAILED,
    apply(h, t, r, choice) {
      const c = currentCandidate(h, t, r);
      dropOwnEntry(h, r, c);
      if (choice === CHOICE.copied) {
        copyFirst(h, c);
        return goto(h, r, M7_REST);
      }
      if (h.task[r + MIGRATION.faultAt] === h.task[c + CANDIDATE.vpn]) addMark(h, r, MARK.failed);
      giveBack(h, candidateDst(h, c));
      h.task[c + CANDIDATE.dst] = 0;
      h.task[c + CANDIDATE.src]! &= ~CAND.dst_write;
      advance(h, r, M7, M8);
    },
  },
  m7_rest: {
    apply(h, t, r) {
      copyRest(h, currentCandidate(h, t, r));
      advance(h, r, M7, M8);
    },
  },
};
