/** I12, B2.1: nobody takes an entry away without having told the mirrors. */
import { FRAME, PTE, STEP } from "../../spec/words.ts";
import type { Move } from "../move.ts";
import type { Step } from "../property.ts";
import type { Sweep } from "../sweep.ts";
import { pteText, stepText } from "../text.ts";

const MIGRATE_M6 = STEP["migrate.m6"];
const MIGRATE_M9 = STEP["migrate.m9"];

/** Taking the frame, the presence or the write permission of an entry away needs an active notification whose callbacks have all returned. */
export const announcedDowngrades: Step = {
  id: "announced-downgrades",
  kind: "step",
  spec: [
    "INV-1",
    "INV-2",
    "INV-3",
    "INV-4",
    "INV-10",
    "INV-11",
    "INV-12",
    "INV-13",
    "INV-14",
    "INV-15",
    "INV-17",
    "FRK-7",
    "MIG-5",
    "MIR-8",
    "EXC-6",
  ],
  statement:
    "A step that takes the frame, the presence or the write permission of an entry away, or makes an exclusive one present, does so inside a notification of its task that covers the page and whose callbacks have all returned.",
  known: [
    {
      defect: "MEM-46",
      spec: ["MEM-46"],
      when: "eviction puts back a coherent page whose entry is exclusive",
      applies: ({ coherent, exclusive, evicts }) => coherent && exclusive && evicts,
      check: (was, move, now) => unannounced(was, move, now, true),
    },
  ],
  check: (was, move, now) => unannounced(was, move, now, false),
};

/** Pages of a window that can hold a huge page, which is split and announced inside one step: nobody sees its notification. */
const HUGE = 512;

function unannounced(was: Sweep, move: Move, now: Sweep, evicted: boolean): string | null {
  const { pages } = now;
  if (pages >= HUGE) return null;
  const mms = Math.min(was.mms, now.mms);
  for (let at = 0; at < mms * pages; at++) {
    const before = was.pte[at]!;
    const after = now.pte[at]!;
    if (before === after || !isDowngrade(before, after)) continue;
    const mm = Math.floor(at / pages);
    if (isAnnounced(now, move.task, mm, at % pages) || isPutBack(now, move, before, after) !== evicted) continue;
    return `mm ${mm} page ${at % pages}: ${pteText(before)} became ${pteText(after)} in ${stepText(move.step)} of task ${move.task} without a notification`;
  }
  return null;
}

/** Whether a mirror of the first entry would be wrong beside the second one, or an exclusive access ends. */
function isDowngrade(before: number, after: number): boolean {
  const kind = before & PTE.kind_mask;
  if (kind === PTE.none || kind === PTE.swap || kind === PTE.migration) return false;
  if ((after & PTE.kind_mask) !== kind) return true;
  if (kind === PTE.zero) return false;
  return before >>> PTE.payload_shift !== after >>> PTE.payload_shift || (before & ~after & PTE.write) !== 0;
}

function isAnnounced(now: Sweep, task: number, mm: number, v: number): boolean {
  const n = now.ghost?.notifications;
  if (n === undefined) return true;
  return (
    task >= 0 &&
    task < n.tasks &&
    n.open[task] === 1 &&
    n.mm[task] === mm &&
    n.start[task]! <= v &&
    v < n.end[task]! &&
    (n.hits[task]! & ~n.called[task]!) === 0
  );
}

/** The end of an eviction has made the exclusive entry of a coherent page present. */
function isPutBack(now: Sweep, move: Move, before: number, after: number): boolean {
  const { profile } = now.view;
  if (!profile.evicts || (move.step !== MIGRATE_M6 && move.step !== MIGRATE_M9)) return false;
  const pfn = before >>> PTE.payload_shift;
  const restored = (before & PTE.kind_mask) === PTE.device_exclusive && (after & (PTE.kind_mask | PTE.write)) === PTE.present;
  return restored && after >>> PTE.payload_shift === pfn && (now.frame[pfn]! & FRAME.kind_mask) === FRAME.coherent;
}
