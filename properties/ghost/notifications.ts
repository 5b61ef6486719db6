/** Which notifications are active, and which mirrors their callbacks have run for: a task has at most one at a time. */
import { CHOICE_FILE, INTERVAL, LOCAL, NOTIFY_EVENTS, STEP } from "../../spec/words.ts";
import { isListed } from "../mirror-entry.ts";
import { MOVE } from "../move.ts";
import type { Move } from "../move.ts";
import { OP, OP_OF_STEP } from "../ops.ts";
import type { Sweep } from "../sweep.ts";
import { grown } from "./grow.ts";

const INVALIDATE_I1 = STEP["invalidate.i1"];
const INVALIDATE_I2 = STEP["invalidate.i2"];

/** Notifications by the task that has started them. */
export interface Notifications {
  /** Tasks that the arrays have room for. */
  tasks: number;
  /** How many are active. */
  active: number;
  /** 1 between i1 and i4. */
  open: Int32Array;
  mm: Int32Array;
  start: Int32Array;
  end: Int32Array;
  /** Bits of the files whose callback must run. */
  hits: Int32Array;
  /** Bits of the files whose callback has run. */
  called: Int32Array;
  /** Bits of the files whose driver may ignore the event. */
  ignored: Int32Array;
}

const NONE = new Int32Array(0);

/** No notification. */
export function newNotifications(): Notifications {
  return { tasks: 0, active: 0, open: NONE, mm: NONE, start: NONE, end: NONE, hits: NONE, called: NONE, ignored: NONE };
}

const MIGRATE = NOTIFY_EVENTS.indexOf("MIGRATE");
const EXCLUSIVE = NOTIFY_EVENTS.indexOf("EXCLUSIVE");

/** Follows one action. */
export function followNotifications(n: Notifications, was: Sweep, move: Move, now: Sweep): void {
  if (move.kind !== MOVE.step) return;
  const { task } = move;
  if (move.step === INVALIDATE_I1) return begin(n, was, move);
  if (n.active === 0 || n.open[task] !== 1) return;
  if (move.step === INVALIDATE_I2) {
    const file = move.choice - CHOICE_FILE;
    n.called[task]! |= 1 << file;
    if (mayIgnore(now, move, file)) n.ignored[task]! |= 1 << file;
    return;
  }
  const mm = n.mm[task]!;
  if (now.mmActive[mm]! < was.mmActive[mm]! || move.ret !== null) {
    n.open[task] = 0;
    n.active--;
  }
}

function begin(n: Notifications, was: Sweep, { task, local }: Move): void {
  if (task >= n.tasks) {
    for (const key of ["open", "mm", "start", "end", "hits", "called", "ignored"] as const) n[key] = grown(n[key], task + 1);
    n.tasks = n.open.length;
  }
  const mm = local[LOCAL.mm]!;
  if (n.open[task] !== 1) n.active++;
  n.open[task] = 1;
  n.mm[task] = mm;
  n.start[task] = local[LOCAL.start]!;
  n.end[task] = local[LOCAL.end]!;
  n.called[task] = 0;
  n.ignored[task] = 0;
  let hits = 0;
  for (let file = 0; file < was.files; file++) if (was.fileMm[file] === mm && isInserted(was, file)) hits |= 1 << file;
  n.hits[task] = hits;
}

/** A deferred interval is not in the tree yet: it is born invalidating. */
function isInserted(s: Sweep, file: number): boolean {
  return isListed(s, file) && s.fileInterval[file] !== INTERVAL.adding;
}

/** Whether the driver of a mirror may leave an event alone: that of its own migration, or of its own exclusive access. */
function mayIgnore(now: Sweep, move: Move, file: number): boolean {
  const event = move.local[LOCAL.event]!;
  const { driver, ownerFilter } = now.view.profile;
  const outer = OP_OF_STEP[move.outer] ?? 0;
  const dev = now.fileDev[file]!;
  if (event === MIGRATE)
    return driver.filtersOwnMigrate && ownerFilter && outer === OP.migrate && outerDev(now, move.task, OP.migrate) === dev;
  return event === EXCLUSIVE && driver.ownsExclusive && outer === OP.rmap_walk && outerDev(now, move.task, OP.make_exclusive) === dev;
}

/** The device of the innermost operation of a kind in the stack of a task. */
function outerDev(now: Sweep, task: number, op: number): number {
  const { view } = now;
  for (let level = view.taskDepth(task) - 1; level >= 0; level--)
    if (OP_OF_STEP[view.taskStep(task, level)] === op) return view.taskLocal(task, level, LOCAL.dev);
  return -1;
}

/**
 * Whether a notification that covers the page is active and will not call the mirror any more: its callback has run, or the mirror was not there
 * when the notification began.
 */
export function isPast(n: Notifications, now: Sweep, file: number, v: number): boolean {
  if (n.active === 0) return false;
  const mm = now.fileMm[file]!;
  for (let task = 0; task < n.tasks; task++) {
    if (n.open[task] !== 1 || n.mm[task] !== mm || v < n.start[task]! || n.end[task]! <= v) continue;
    if ((n.hits[task]! & ~n.called[task]! & (1 << file)) === 0) return true;
  }
  return false;
}
