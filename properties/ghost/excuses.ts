/**
 * Which entries of mirrors a known defect has left behind: each defect is recognised at the step where it happens, so that no other wrong
 * entry is excused. An excuse ends when the entry is replaced, and when it agrees with the CPU page table again.
 */
import type { Profile } from "../../spec/profile.ts";
import { CHOICE_FILE, DPTE, FRAME, INTERVAL, LOCAL, NOTIFY_EVENTS, PTE, STEP, STEPS } from "../../spec/words.ts";
import { FAULT, mirrorFault } from "../mirror-entry.ts";
import { MOVE } from "../move.ts";
import type { Move } from "../move.ts";
import { OP, OP_OF_STEP } from "../ops.ts";
import type { Defect } from "../property.ts";
import type { Sweep } from "../sweep.ts";
import { grown } from "./grow.ts";
import { isPast } from "./notifications.ts";
import type { Notifications } from "./notifications.ts";

/** Defects that leave entries behind, by the code that `Excuses.entry` holds; 0 is none. */
const DEFECTS = [null, "U1", "U2", "U6", "U7", "T5", "MEM-46"] as const satisfies readonly (Defect | null)[];
/** A defect that leaves entries of mirrors behind. */
export type EntryDefect = Exclude<(typeof DEFECTS)[number], null>;

const CODE = Object.fromEntries(DEFECTS.map((name, code) => [name ?? "none", code])) as Readonly<Record<EntryDefect, number>>;
/** Steps at which a defect may happen, as small numbers: they are asked for at every step. */
const AT = { callback: 1, registered: 2, installed: 3, tagged: 4, mapped: 5, restored: 6 } as const;
const AT_STEP = new Int8Array(STEPS.length);
AT_STEP[STEP["invalidate.i2"]] = AT.callback;
AT_STEP[STEP["hmm_range_fault.d1"]] = AT.registered;
AT_STEP[STEP["hmm_range_fault.d8"]] = AT.installed;
AT_STEP[STEP["make_exclusive.x8"]] = AT.tagged;
AT_STEP[STEP["migrate.m8_map"]] = AT.mapped;
AT_STEP[STEP["migrate.m6"]] = AT.restored;
AT_STEP[STEP["migrate.m9"]] = AT.restored;
const MIGRATE = NOTIFY_EVENTS.indexOf("MIGRATE");

/** What known defects have left behind. */
export interface Excuses {
  /** Whether the profile has any such defect. */
  readonly possible: boolean;
  /** Code of the defect by page of a mirror, at `file * pages + vpn`. */
  entry: Int32Array;
  /** v14: by task, whether its range walk in progress was registered while a notification that overlaps it was active. */
  late: Int32Array;
}

/** No excuse. */
export function newExcuses(profile: Profile): Excuses {
  const { driver, rangeProtocol, coherent, exclusive } = profile;
  const flawed = driver.filtersOwnMigrate || driver.mapsAfterMigration || !driver.rechecksSequence;
  return {
    possible: flawed || rangeProtocol === "valid" || (coherent && exclusive),
    entry: new Int32Array(0),
    late: new Int32Array(0),
  };
}

/** Whether a defect explains what the entry of a page of a mirror is. */
export function isExcused(s: Sweep, file: number, v: number): boolean {
  return s.ghost !== null && s.ghost.excuses.entry[file * s.pages + v]! > 0;
}

/** Whether this defect does. */
export function isExcusedBy(s: Sweep, file: number, v: number, defect: EntryDefect): boolean {
  return s.ghost !== null && s.ghost.excuses.entry[file * s.pages + v] === CODE[defect];
}

/** Follows one action. The notifications are those behind it. */
export function followExcuses(e: Excuses, n: Notifications, was: Sweep, move: Move, now: Sweep): void {
  if (!e.possible) return;
  e.entry = grown(e.entry, now.files * now.pages);
  endExcuses(e, was, now);
  if (move.kind !== MOVE.step) return;
  const { profile } = now.view;
  switch (AT_STEP[move.step]) {
    case AT.callback:
      if (profile.driver.filtersOwnMigrate) noteIgnored(e, n, move, now);
      return;
    case AT.registered:
      if (profile.rangeProtocol === "valid") noteRegistered(e, n, move);
      return;
    case AT.installed:
      if (profile.rangeProtocol === "valid") {
        if (e.late[move.task] === 1) noteInstalled(e, n, was, move, now, CODE.T5);
      } else if (profile.driver.filtersOwnMigrate) noteInstalled(e, n, was, move, now, CODE.U2);
      return;
    case AT.tagged:
      if (!profile.driver.rechecksSequence) noteInstalled(e, n, was, move, now, CODE.U6);
      return;
    case AT.mapped:
      if (profile.driver.mapsAfterMigration) noteInstalled(e, n, was, move, now, CODE.U7);
      return;
    case AT.restored:
      return noteUntold(e, was, now);
    default:
  }
}

/** An entry that was replaced has no excuse, and one that is right while nothing is in flight needs none. */
function endExcuses(e: Excuses, was: Sweep, now: Sweep): void {
  const { pages } = now;
  for (let file = 0; file < now.files; file++) {
    for (let v = 0; v < pages; v++) {
      const at = file * pages + v;
      if (e.entry[at] === 0) continue;
      const replaced = file >= was.files || was.dpte[at] !== now.dpte[at];
      if (replaced || (now.live === 0 && mirrorFault(now, file, v) === FAULT.none)) e.entry[at] = 0;
    }
  }
}

/** U1: the callback of the migrating device's mirror has run, and the entries are still there. */
function noteIgnored(e: Excuses, n: Notifications, move: Move, now: Sweep): void {
  const { local, task } = move;
  const file = move.choice - CHOICE_FILE;
  if (local[LOCAL.event] !== MIGRATE || OP_OF_STEP[move.outer] !== OP.migrate || (n.ignored[task]! & (1 << file)) === 0) return;
  for (let v = local[LOCAL.start]!; v < local[LOCAL.end]! && v < now.pages; v++) {
    const at = file * now.pages + v;
    if ((now.dpte[at]! & DPTE.valid) !== 0 && e.entry[at] === 0) e.entry[at] = CODE.U1;
  }
}

/** T5: v14 looks only at notifications that start behind the registration. */
function noteRegistered(e: Excuses, n: Notifications, { task, local }: Move): void {
  e.late = grown(e.late, task + 1);
  e.late[task] = 0;
  for (let other = 0; other < n.tasks; other++) {
    if (n.open[other] !== 1 || n.mm[other] !== local[LOCAL.mm]) continue;
    if (n.start[other]! < local[LOCAL.end]! && local[LOCAL.start]! < n.end[other]!) e.late[task] = 1;
  }
}

/** The entries that a step has installed although their pages have changed, or are about to and the mirror will not be told any more. */
function noteInstalled(e: Excuses, n: Notifications, was: Sweep, move: Move, now: Sweep, code: number): void {
  const file = move.local[LOCAL.file]!;
  if (file < 0) return;
  for (let v = 0; v < now.pages; v++) {
    const at = file * now.pages + v;
    if ((now.dpte[at]! & DPTE.valid) === 0 || now.dpte[at] === was.dpte[at]) continue;
    // A mirror that waits to be added is not told of notifications that begin later either.
    const untold = now.fileInterval[file] === INTERVAL.adding || isPast(n, now, file, v);
    if (untold || mirrorFault(now, file, v) !== FAULT.none) e.entry[at] = code;
  }
}

/** MEM-46: the exclusive entry of a coherent page became a present one, and nobody was told. */
function noteUntold(e: Excuses, was: Sweep, now: Sweep): void {
  for (let file = 0; file < now.files; file++) {
    const base = now.fileMm[file]! * now.pages;
    for (let v = 0; v < now.pages; v++) {
      const before = was.pte[base + v]!;
      const after = now.pte[base + v]!;
      if ((before & PTE.kind_mask) !== PTE.device_exclusive || (after & PTE.kind_mask) !== PTE.present) continue;
      const pfn = before >>> PTE.payload_shift;
      if (pfn !== after >>> PTE.payload_shift || (now.frame[pfn]! & FRAME.kind_mask) !== FRAME.coherent) continue;
      if ((now.dpte[file * now.pages + v]! & DPTE.valid) !== 0) e.entry[file * now.pages + v] = CODE["MEM-46"];
    }
  }
}
