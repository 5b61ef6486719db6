import { LOCAL, STEP } from "../../spec/words.ts";
import { hasPassed } from "../ghost/values.ts";
import { OP } from "../ops.ts";
import type { Sometimes } from "../property.ts";

const A1 = STEP["device_access.a1"];

/** A device writes a page while a migration is in flight in the address space. */
export const deviceWritesDuringMigration: Sometimes = {
  id: "device-writes-during-migration",
  kind: "sometimes",
  of: "no-stale-access",
  spec: ["MIG-28"],
  statement: "A device writes a page while a migration is in flight in the address space.",
  met(_was, move, now) {
    if (move.step !== A1 || move.local[LOCAL.write] !== 1 || !hasPassed(move, now)) return false;
    for (let task = 0; task < now.tasks; task++)
      if (task !== move.task && now.taskStep[task] !== -1 && (now.taskOps[task]! & OP.migrate) !== 0) return true;
    return false;
  },
};
