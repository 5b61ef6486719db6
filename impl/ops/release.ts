/** The last close of a device file: the mirror ends, and the pages of the device go home. */
import { INTERVAL, MAP, STEP } from "../../spec/words.ts";
import { errnoIndex } from "../arena.ts";
import type { Arena } from "../arena.ts";
import { accessInFlight } from "../device/command.ts";
import { clearDeviceRange } from "../device/dpt.ts";
import { abortCommands } from "../device/fault-queue.ts";
import { FILE, G, MM, R, TASK, VMA } from "../layout.ts";
import { reapReplicas } from "../replicas.ts";
import { enter, goto, leave, taskRow } from "../tasks.ts";
import type { ImplSteps } from "../tasks.ts";
import { vmasEnd, vmasFirst } from "../vmas.ts";
import { enterEvict } from "./migrate.ts";

const ENODEV = errnoIndex("ENODEV");

/** A mapping of a device's own file keeps the file open. */
function mapped(h: Arena, file: number): boolean {
  for (let mm = 0; mm < h.global[G.mms]!; mm++)
    for (let row = vmasFirst(h, mm); row < vmasEnd(h, mm); row += VMA.words)
      if (h.vma[row + VMA.map] === MAP.device && h.vma[row + VMA.object] === file + 1) return true;
  return false;
}

/** Whether a file has neither a descriptor nor a mapping, and its mirror has not begun to end. */
function unused(h: Arena, file: number): boolean {
  const f = file * FILE.words;
  if (h.file[f + FILE.users] !== 0) return false;
  const interval = h.file[f + FILE.interval]!;
  return (interval === INTERVAL.inserted || interval === INTERVAL.adding) && !mapped(h, file) && !releasing(h, file);
}

const releases = (step: number): boolean => step >= STEP["release.remove"] && step <= STEP["release.free"];

/** Who put the file last releases it, alone. */
function releasing(h: Arena, file: number): boolean {
  for (let t = 0; t < h.capacity.tasks; t++) {
    const row = taskRow(h, t);
    const end = row + TASK.records + h.task[row + TASK.depth]! * R.words;
    for (let r = row + TASK.records; r < end; r += R.words) if (h.task[r + R.file] === file && releases(h.task[r + R.step]!)) return true;
  }
  return false;
}

/** Whether a step is one of a release or of a migration, which name a file without keeping it. */
const names = (step: number): boolean => releases(step) || (step >= STEP["migrate.m1"] && step <= STEP["migrate.m9"]);

/** Whether a call in flight keeps a file, or an access of the device. */
function inFlight(h: Arena, file: number): boolean {
  if (accessInFlight(h, file, 0, h.pages)) return true;
  for (let t = 0; t < h.capacity.tasks; t++) {
    const row = taskRow(h, t);
    const end = row + TASK.records + h.task[row + TASK.depth]! * R.words;
    for (let r = row + TASK.records; r < end; r += R.words) if (h.task[r + R.file] === file && !names(h.task[r + R.step]!)) return true;
  }
  return false;
}

/** Whether who has given up files can go on: a call in flight keeps its file until it ends. */
export function mayRelease(h: Arena): boolean {
  let waits = false;
  for (let file = 0; file < h.global[G.files]!; file++) {
    if (!unused(h, file)) continue;
    if (!inFlight(h, file)) return true;
    waits = true;
  }
  return !waits;
}

/** Enters the release of a file that nobody uses any more, if there is one; the caller then continues with `resume`. */
export function releaseFiles(h: Arena, t: number, r: number, resume: number): boolean {
  for (let file = 0; file < h.global[G.files]!; file++) {
    if (!unused(h, file) || inFlight(h, file)) continue;
    abortCommands(h, file, ENODEV);
    h.task[enter(h, t, r, resume, STEP["release.remove"]) + R.file] = file;
    return true;
  }
  return false;
}

/** The steps of the end of a mirror. */
export const releaseSteps: ImplSteps = {
  remove: {
    apply(h, _t, r) {
      const f = h.task[r + R.file]! * FILE.words;
      const m = h.file[f + FILE.mm]! * h.mmWords;
      const busy = h.mm[m + MM.active]! > 0 && (h.profile.rangeProtocol === "valid" || (h.mm[m + MM.seq]! & 1) !== 0);
      h.file[f + FILE.interval] = busy && h.file[f + FILE.interval] === INTERVAL.inserted ? INTERVAL.removing : INTERVAL.none;
      goto(h, r, STEP["release.evict"]);
    },
  },
  evict: {
    // Removal waits until no callback runs and none will.
    enabled: (h, _t, r) => h.file[h.task[r + R.file]! * FILE.words + FILE.interval] === INTERVAL.none,
    apply(h, t, r) {
      const dev = h.file[h.task[r + R.file]! * FILE.words + FILE.dev]!;
      if (h.profile.evicts) enterEvict(h, t, r, STEP["release.free"], dev, 0, h.global[G.frames]!);
      else goto(h, r, STEP["release.free"]);
    },
  },
  free: {
    apply(h, t, r) {
      clearDeviceRange(h, h.task[r + R.file]!, 0, h.pages);
      reapReplicas(h);
      leave(h, t);
    },
  },
};
