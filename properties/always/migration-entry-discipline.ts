/** I7, S5: a migration entry belongs to a migration. */
import { PTE } from "../../spec/words.ts";
import { OP } from "../ops.ts";
import type { Always } from "../property.ts";
import { isLive, taken } from "../sweep.ts";

/** A migration entry exists only while a migration in flight has locked its frame. */
export const migrationEntryDiscipline: Always = {
  id: "migration-entry-discipline",
  kind: "always",
  spec: ["PTE-3", "MIG-22", "MIG-38", "MIG-40", "MIG-42"],
  statement: "A migration entry names a frame that a migration in flight has locked.",
  check(now) {
    const { pages } = now;
    for (let mm = 0; mm < now.mms; mm++) {
      for (let v = 0; v < pages; v++) {
        const pte = now.pte[mm * pages + v]!;
        if ((pte & PTE.kind_mask) !== PTE.migration) continue;
        const pfn = pte >>> PTE.payload_shift;
        const task = pfn < now.frames ? now.locked[pfn]! : -1;
        if (!isLive(now, task) || (now.taskOps[task]! & OP.migrate) === 0)
          return `mm ${mm} page ${v}: migration entry of frame ${pfn}, which ${task < 0 ? "nobody" : `task ${task}`} has locked for a migration`;
        if (!taken(now, pfn)) return `mm ${mm} page ${v}: migration entry of frame ${pfn}, which is free`;
      }
    }
    return null;
  },
};
