/** The first record of a call on a range of the caller's address space. */
import type { Prot } from "../../spec/vocabulary.ts";
import { VM } from "../../spec/words.ts";
import type { Arena } from "../arena.ts";
import { ACTOR, R, TASK } from "../layout.ts";
import { push, taskRow } from "../tasks.ts";

/** Gives a task the first record of a call on `npages` pages from `page` on, and answers it. */
export function pushRangeCall(h: Arena, t: number, step: number, call: { readonly page: number; readonly npages: number }): number {
  const r = push(h, t, step);
  h.task[r + R.mm] = callerMm(h, t);
  h.task[r + R.start] = call.page;
  h.task[r + R.end] = call.page + call.npages;
  h.task[r + R.at] = call.page;
  return r;
}

/** The address space of the actor that a task runs for. */
export const callerMm = (h: Arena, t: number): number => h.actor[h.task[taskRow(h, t) + TASK.actor]! * h.actorWords + ACTOR.mm]!;

/** The flags of a mapping with this protection. */
export const accessFlags = (prot: Prot): number =>
  (prot.includes("r") ? VM.read : 0) | (prot.includes("w") ? VM.write : 0) | (prot.includes("x") ? VM.exec : 0);
