import { INTERVAL } from "../../spec/words.ts";
import type { Sometimes } from "../property.ts";

/** A mirror waits to be added or to be removed. */
export const intervalWaits: Sometimes = {
  id: "interval-waits",
  kind: "sometimes",
  of: "intervals-wait",
  spec: ["MIR-7", "INV-8"],
  statement: "A mirror waits to be added or to be removed.",

  met(_was, _move, now) {
    for (let file = 0; file < now.files; file++)
      if (now.fileInterval[file] === INTERVAL.adding || now.fileInterval[file] === INTERVAL.removing) return true;
    return false;
  },
};
