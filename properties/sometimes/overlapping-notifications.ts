import type { Sometimes } from "../property.ts";

/** Two notifications of one address space are active at the same time. */
export const overlappingNotifications: Sometimes = {
  id: "overlapping-notifications",
  kind: "sometimes",
  of: "notifier-protocol",
  spec: ["INV-6"],
  statement: "Two notifications of one address space are active at the same time.",
  met(_was, _move, now) {
    for (let mm = 0; mm < now.mms; mm++) if (now.mmActive[mm]! > 1) return true;
    return false;
  },
};
