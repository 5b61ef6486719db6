/**
 * The driver's fault worker of a device: one at a time it takes entries off the fault queue and resolves each by a task of its own, `dmirror_fault`
 * for reads and writes and `make_exclusive` for atomics. When the task has ended the command is replayed, or ends with the error of the task.
 */
import { ERRNOS } from "../../spec/vocabulary.ts";
import type { Ret } from "../../spec/vocabulary.ts";
import { TAG } from "../../spec/words.ts";
import { ImplBug, errnoIndex } from "../arena.ts";
import type { Arena } from "../arena.ts";
import { COMMAND, ENGINE, FAULT, TASK, errnoAnswer } from "../layout.ts";
import { beginDeviceFault } from "../ops/device-fault.ts";
import { beginExclusiveAccess } from "../ops/exclusive.ts";
import { COMMAND_STATE, CRASHED, accessOf, commandRow, complete } from "./command.ts";
import { faultRow, faultsOf, removeFault } from "./fault-queue.ts";

const EAGAIN = errnoAnswer(errnoIndex("EAGAIN"));

/** A number of a task that is not in use, or -1. */
function freeTask(h: Arena): number {
  for (let t = 0; t < h.capacity.tasks; t++) if (h.task[t * h.taskWords + TASK.live] === 0) return t;
  return -1;
}

/** Whether the worker can take an entry: it has no other one, and there is a task to be had. */
export function workerReady(h: Arena, dev: number): boolean {
  return faultsOf(h, dev) > 0 && h.engine[dev * h.engineWords + ENGINE.task] === 0 && freeTask(h) >= 0;
}

/** The step `resolve` of the worker: it begins the task for the oldest entry. */
export function workerStep(h: Arena, dev: number): void {
  const t = freeTask(h);
  if (t < 0) throw new ImplBug("the fault worker has no task");
  const entry = faultRow(h, dev, 0);
  const slot = h.engine[entry + FAULT.command]! - 1;
  const page = h.engine[entry + FAULT.page]!;
  const need = h.engine[entry + FAULT.access]!;
  removeFault(h, dev, 0);
  const file = h.command[commandRow(h, dev, slot) + COMMAND.file]! - 1;
  h.engine[dev * h.engineWords + ENGINE.task] = t + 1;
  h.engine[dev * h.engineWords + ENGINE.command] = slot + 1;
  h.task[t * h.taskWords + TASK.live] = 1;
  if (need === TAG.atomic) beginExclusiveAccess(h, t, file, page);
  else beginDeviceFault(h, t, file, page, page + 1, need === TAG.write);
}

/** The command tries again, unless it has done so too often. */
function replay(h: Arena, dev: number, c: number): void {
  const max = h.engine[dev * h.engineWords + ENGINE.replays_max]!;
  if (max > 0 && h.command[c + COMMAND.replays]! >= max) return complete(h, c, EAGAIN);
  // Who may replay for ever does not count, so that a state can come back.
  if (max > 0) h.command[c + COMMAND.replays]! += 1;
  h.command[c + COMMAND.state] = COMMAND_STATE.fetched;
}

/** Whether make_exclusive has got the page and somebody has taken it back before the call looked: that is no error, the command faults again. */
const revoked = (h: Arena, c: number, ret: Ret): boolean =>
  ret.status === "errno" && ret.errno === "ENOENT" && accessOf(h, c) === TAG.atomic;

/** A task has ended: if it was that of a fault worker, its command goes on. */
export function workerTaskEnded(h: Arena, t: number, ret: Ret): void {
  for (let dev = 0; dev < h.devices; dev++) {
    const engine = dev * h.engineWords;
    if (h.engine[engine + ENGINE.task] !== t + 1) continue;
    const c = commandRow(h, dev, h.engine[engine + ENGINE.command]! - 1);
    h.engine[engine + ENGINE.task] = 0;
    h.engine[engine + ENGINE.command] = 0;
    if (ret.status === "ok" || revoked(h, c, ret)) replay(h, dev, c);
    else complete(h, c, ret.status === "errno" ? errnoAnswer(ERRNOS.indexOf(ret.errno)) : CRASHED);
  }
}
