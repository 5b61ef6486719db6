/** I12: every start has one end, by the task that has started. */
import { LOCAL, NOTIFY_EVENTS, STEP } from "../../spec/words.ts";
import { MOVE } from "../move.ts";
import type { Move } from "../move.ts";
import { OP, OP_OF_STEP } from "../ops.ts";
import type { Step } from "../property.ts";
import type { Sweep } from "../sweep.ts";
import { stepText } from "../text.ts";

const INVALIDATE_I1 = STEP["invalidate.i1"];
const INVALIDATE_I2 = STEP["invalidate.i2"];

/** Each task has at most one notification active, ends it itself, and names the event of its cause. */
export const balancedNotifications: Step = {
  id: "balanced-notifications",
  kind: "step",
  spec: ["INV-6", "INV-9", "NTF-1", "NTF-2", "CPU-5", "EXC-6", "FRK-7", "MIG-5"],
  statement:
    "The number of active notifications of an address space grows by one at a start and falls by one at the end, which the task that has started it comes to before it returns; the event is that of its cause.",
  check(was, move, now) {
    for (let mm = 0; mm < now.mms; mm++) {
      const before = mm < was.mms ? was.mmActive[mm]! : 0;
      const after = now.mmActive[mm]!;
      if (after !== before + change(move, now, mm, after - before))
        return `address space ${mm} had ${before} notifications active, and ${after} behind ${stepText(move.step)} of task ${move.task}`;
    }
    if (move.ret !== null && isOpen(now, move.task) && endsWith(was, move, now) === 0)
      return `task ${move.task} has returned from ${stepText(move.step)} and its notification is still active`;
    return move.step === INVALIDATE_I1 ? wrongEvent(now, move) : null;
  },
};

/** By how much the number of active notifications of an address space may change in this step; `by` is by how much it has. */
function change(move: Move, now: Sweep, mm: number, by: number): number {
  if (move.kind !== MOVE.step) return 0;
  if (move.step === INVALIDATE_I1) return move.local[LOCAL.mm] === mm ? 1 : 0;
  const n = now.ghost?.notifications;
  if (n === undefined) return by;
  return by === -1 && move.step !== INVALIDATE_I2 && isOpen(now, move.task) && n.mm[move.task] === mm ? -1 : 0;
}

function isOpen(now: Sweep, task: number): boolean {
  const n = now.ghost?.notifications;
  return n !== undefined && task < n.tasks && n.open[task] === 1;
}

/** Notifications of the task that ended with this step. */
function endsWith(was: Sweep, move: Move, now: Sweep): number {
  const mm = now.ghost?.notifications.mm[move.task] ?? 0;
  return was.mmActive[mm]! - now.mmActive[mm]!;
}

const EVENT_OF: readonly (readonly [number, readonly (typeof NOTIFY_EVENTS)[number][]])[] = [
  [OP.do_munmap, ["UNMAP"]],
  [OP.mremap, ["UNMAP"]],
  [OP.mprotect, ["PROTECTION_VMA"]],
  [OP.fork, ["PROTECTION_PAGE"]],
  [OP.migrate, ["MIGRATE"]],
  [OP.madvise, ["CLEAR"]],
  [OP.rmap_walk, ["CLEAR", "EXCLUSIVE"]],
  [OP.handle_mm_fault, ["CLEAR", "EXCLUSIVE"]],
  [OP.exit_mmap, ["RELEASE", "UNMAP"]],
];

function wrongEvent(now: Sweep, move: Move): string | null {
  const outer = OP_OF_STEP[move.outer] ?? 0;
  const event = NOTIFY_EVENTS[move.local[LOCAL.event]!];
  for (let i = 0; i < EVENT_OF.length; i++) {
    const [op, events] = EVENT_OF[i]!;
    if (op !== outer) continue;
    if (event !== undefined && events.includes(event) && !isOpen(now, move.task)) return null;
    break;
  }
  return `task ${move.task} starts a notification ${event} for ${stepText(move.outer)}`;
}
