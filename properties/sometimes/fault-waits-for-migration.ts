import { STEP } from "../../spec/words.ts";
import type { Sometimes } from "../property.ts";

const C5 = STEP["handle_mm_fault.c5"];

/** A CPU fault meets a migration entry. */
export const faultWaitsForMigration: Sometimes = {
  id: "fault-waits-for-migration",
  kind: "sometimes",
  of: "migration-entry-discipline",
  spec: ["MIG-41"],
  statement: "A CPU fault meets a migration entry.",
  met(_was, _move, now) {
    for (let task = 0; task < now.tasks; task++) if (now.taskStep[task] === C5) return true;
    return false;
  },
};
