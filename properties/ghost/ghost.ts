/** What properties know of the way to a state, beside the state itself: it follows the run action by action. */
import type { Profile } from "../../spec/profile.ts";
import type { Move } from "../move.ts";
import type { Sweep } from "../sweep.ts";
import { followExcuses, newExcuses } from "./excuses.ts";
import type { Excuses } from "./excuses.ts";
import { followNotifications, newNotifications } from "./notifications.ts";
import type { Notifications } from "./notifications.ts";
import { followBrief, newBrief } from "./references.ts";
import type { Brief } from "./references.ts";
import { followValues, newValues } from "./values.ts";
import type { Values } from "./values.ts";

/** The history of one run. It begins with the first state, in which nothing is mapped and nothing in flight. */
export interface Ghost {
  readonly notifications: Notifications;
  readonly excuses: Excuses;
  readonly values: Values;
  readonly brief: Brief;
}

/** The history of a run that has not begun. */
export function newGhost(profile: Profile): Ghost {
  return { notifications: newNotifications(), excuses: newExcuses(profile), values: newValues(), brief: newBrief() };
}

/** Follows one action. */
export function follow(ghost: Ghost, was: Sweep, move: Move, now: Sweep): void {
  followNotifications(ghost.notifications, was, move, now);
  followExcuses(ghost.excuses, ghost.notifications, was, move, now);
  followValues(ghost.values, was, move, now);
  followBrief(ghost.brief, move, now);
}

/** A copy of a history, to come back to. */
export function copyGhost(ghost: Ghost): Ghost {
  return {
    notifications: copyPart(ghost.notifications),
    excuses: copyPart(ghost.excuses),
    values: copyPart(ghost.values),
    brief: copyPart(ghost.brief),
  };
}

function copyPart<T extends object>(part: T): T {
  const copy: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(part) as [string, unknown][]) copy[key] = value instanceof Int32Array ? value.slice() : value;
  return copy as T;
}
