/** The driver's part of a migration (m7): destinations, and copies that take several steps and can fail. */
import { STEP } from "../../spec/words.ts";
import type { Arena } from "../arena.ts";
import { CHOICE, GO, PAGE_OR_NO_MEMORY } from "../choices.ts";
import { CANDIDATE, F, FB, R, ZEROES } from "../layout.ts";
import type { ImplSteps } from "../tasks.ts";
import { allocDestination, dropOwnEntry } from "./migrate-driver.ts";
import { giveBack } from "./migrate-finish.ts";
import { CAND, MARK, MIGRATION, PURPOSE, addMark, advance } from "./migrate-record.ts";

const M7 = STEP["migrate.m7"];
const M7_COPY = STEP["migrate.m7_copy"];
const M7_REST = STEP["migrate.m7_rest"];
const M8 = STEP["migrate.m8"];

const { step: STEP_AT } = R;
const { purpose: PURPOSE_AT, faultAt: FAULT_AT, current: CURRENT } = MIGRATION;
const { src: SRC, dst: DST, vpn: VPN } = CANDIDATE;
const { migrate: MIGRATES, src_shift: SRC_SHIFT } = CAND;
const { words: FRAME_WORDS, contents: CONTENTS } = F;
const { byte_mask: FIRST_BYTE, contents_mask: ALL_BYTES } = FB;
const OTHER_BYTES = ALL_BYTES & ~FIRST_BYTE;
const ZERO_BYTES = ZEROES;
const { cpu_fault: CPU_FAULT, move: MOVE } = PURPOSE;
const { page: PAGE, error: ERROR, copied: COPIED, failed: FAILED } = CHOICE;

const ONLY_GO = GO;
const PAGE_CHOICES = PAGE_OR_NO_MEMORY;
const FAULT_CHOICES = PAGE_OR_NO_MEMORY | (1 << ERROR);
const COPY_CHOICES = (1 << COPIED) | (1 << FAILED);

/** What is wrong with one page is what the CPU fault answers only if it is the faulted page; other migrations have no such page. */
function markFaulted(h: Arena, r: number, c: number, bit: number): void {
  const at = h.task[r + FAULT_AT]!;
  if (at < 0 || at === h.task[c + VPN]) addMark(h, r, bit);
}

/** The copy engine writes those bytes of the destination of a candidate that a mask names: those of the source, or zeroes for a hole. */
function copyBytes({ task, frame }: Arena, c: number, mask: number): void {
  const src = (task[c + SRC]! >>> SRC_SHIFT) - 1;
  const to = (task[c + DST]! - 1) * FRAME_WORDS + CONTENTS;
  const from = src < 0 ? ZERO_BYTES : frame[src * FRAME_WORDS + CONTENTS]!;
  frame[to] = (frame[to]! & ~mask) | (from & mask);
}

/** The steps of the driver's part. */
export const migrateCopySteps: ImplSteps = {
  m7: {
    choices({ task }, _t, r) {
      if ((task[task[r + CURRENT]! + SRC]! & MIGRATES) === 0) return ONLY_GO;
      return task[r + PURPOSE_AT] === CPU_FAULT ? FAULT_CHOICES : PAGE_CHOICES;
    },
    apply(h, t, r, choice) {
      const { task } = h;
      const c = task[r + CURRENT]!;
      if ((task[c + SRC]! & MIGRATES) === 0) return advance(h, t, r, M7, M8);
      if (choice === PAGE) allocDestination(h, t, r, c);
      else markFaulted(h, r, c, choice === ERROR ? MARK.failed : MARK.oom);
      // Without a driver there is nobody to copy before the metadata: the page's owner copies then.
      if (task[c + DST] === 0 || task[r + PURPOSE_AT] === MOVE) return advance(h, t, r, M7, M8);
      task[r + STEP_AT] = M7_COPY;
    },
  },
  m7_copy: {
    choices: () => COPY_CHOICES,
    apply(h, t, r, choice) {
      const { task } = h;
      const c = task[r + CURRENT]!;
      dropOwnEntry(h, r, c);
      if (choice === COPIED) {
        copyBytes(h, c, FIRST_BYTE);
        task[r + STEP_AT] = M7_REST;
        return;
      }
      if (task[r + FAULT_AT] === task[c + VPN]) addMark(h, r, MARK.failed);
      giveBack(h, task[c + DST]! - 1);
      task[c + DST] = 0;
      advance(h, t, r, M7, M8);
    },
  },
  m7_rest: {
    apply(h, t, r) {
      copyBytes(h, h.task[r + CURRENT]!, OTHER_BYTES);
      advance(h, t, r, M7, M8);
    },
  },
};
