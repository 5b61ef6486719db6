/** Why an action makes no sense in a state. */
import type { Action, ModelCall } from "../spec/vocabulary.ts";
import { FRAME, STEP } from "../spec/words.ts";
import type { Arena } from "./arena.ts";
import { briefsOf, flagsOf, headOf, kindOf, lockerOf, pinsOf } from "./frames.ts";
import { ACTOR, FB, G, R, TASK } from "./layout.ts";

const alive = (h: Arena, actor: number): boolean =>
  actor >= 0 && actor < h.capacity.actors && h.actor[actor * h.actorWords + ACTOR.live] !== 0;

/** Whether some task is in an operation, between two steps of it, that names this child. */
function inFlight(h: Arena, first: number, last: number, child: number): boolean {
  for (let t = 0; t < h.capacity.tasks; t++) {
    const row = t * h.taskWords + TASK.records;
    for (let level = 0; level < h.task[t * h.taskWords + TASK.depth]!; level++) {
      const r = row + level * R.words;
      const step = h.task[r + R.step]!;
      if (first <= step && step <= last && h.task[r + R.x0] === child) return true;
    }
  }
  return false;
}

const ending = (h: Arena, actor: number): boolean => inFlight(h, STEP["exit.exit_mm"], STEP["exit.fput"], actor);
const beginning = (h: Arena, actor: number): boolean => inFlight(h, STEP["fork.lock"], STEP["fork.files"], actor);

/** Why an actor cannot enter a call, or `null`. */
export function callRefusal(h: Arena, actor: number, call: ModelCall): string | null {
  if (!alive(h, actor) || ending(h, actor)) return `actor ${actor} does not live`;
  if (call.op === "exit") {
    if (call.child === actor || !alive(h, call.child) || ending(h, call.child)) return `actor ${call.child} cannot be ended`;
    for (let t = 0; t < h.capacity.tasks; t++) {
      const row = t * h.taskWords;
      if (h.task[row + TASK.live] !== 0 && h.task[row + TASK.actor] === call.child) return `actor ${call.child} is in a call`;
    }
  }
  if (call.op === "fork" && (alive(h, call.child) || beginning(h, call.child))) return `actor ${call.child} exists already`;
  return null;
}

/** Why an action of the surroundings on a frame makes no sense, or `null`. */
export function frameRefusal(h: Arena, type: Exclude<Action["type"], "call" | "step">, pfn: number): string | null {
  const there = pfn >= 0 && pfn < h.global[G.frames]!;
  const free = !there || (flagsOf(h, pfn) & FRAME.free) !== 0;
  switch (type) {
    case "wrong_put": {
      const counted = there && free && h.profile.refBase > 0 && (flagsOf(h, pfn) & FB.dev_mask) !== 0;
      return counted ? null : `frame ${pfn} is no free device frame with a count`;
    }
    case "unpin":
      return there && pinsOf(h, pfn) > 0 ? null : `nobody holds frame ${pfn}`;
    case "put":
      return there && briefsOf(h, pfn) > 0 ? null : `nobody holds frame ${pfn}`;
    case "get":
      return free ? `no page in frame ${pfn}` : null;
    case "pin":
      if (free) return `no page in frame ${pfn}`;
      // A device-private frame is never handed out by get_user_pages, so nobody can pin it.
      return kindOf(h, pfn) === FRAME.private ? `frame ${pfn} cannot be pinned` : null;
    case "reclaim":
    case "move": {
      if (free) return `no page in frame ${pfn}`;
      const idle = (flagsOf(h, pfn) & FRAME.lru) !== 0 && lockerOf(h, pfn) < 0 && headOf(h, pfn) < 0;
      return idle ? null : `frame ${pfn} cannot be ${type === "move" ? "moved" : "reclaimed"}`;
    }
  }
}
