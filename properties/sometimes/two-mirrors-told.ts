import type { Sometimes } from "../property.ts";

/** A notification has two mirrors to tell. */
export const twoMirrorsTold: Sometimes = {
  id: "two-mirrors-told",
  kind: "sometimes",
  of: "balanced-notifications",
  spec: ["MIR-2"],
  statement: "A notification has two mirrors to tell.",
  met(_was, _move, now) {
    const n = now.ghost?.notifications;
    if (n === undefined || n.active === 0) return false;
    for (let task = 0; task < n.tasks; task++) if (n.open[task] === 1 && (n.hits[task]! & (n.hits[task]! - 1)) !== 0) return true;
    return false;
  },
};
