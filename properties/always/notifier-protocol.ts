/** I12, S8: the sequence tells whether an invalidation is in progress. */
import { INTERVAL } from "../../spec/words.ts";
import { isListed } from "../mirror-entry.ts";
import type { Always } from "../property.ts";
import type { Sweep } from "../sweep.ts";

/** The sequence of an address space is odd exactly while an invalidation that has hit an interval is active. */
export const notifierProtocol: Always = {
  id: "notifier-protocol",
  kind: "always",
  spec: ["INV-6", "INV-7", "INV-8", "MIR-7", "NTF-5"],
  statement:
    "The sequence of an address space is odd only while a notification is active, and always while one that has hit an interval is; that of an interval is always odd; intervals wait to be added or removed only while a notification is active.",
  check(now) {
    const { view } = now;
    const sequence = view.profile.rangeProtocol === "sequence";
    for (let mm = 0; mm < now.mms; mm++) {
      const active = now.mmActive[mm]!;
      const seq = now.mmSeq[mm]!;
      const odd = (seq & 1) === 1;
      if (active < 0 || active > now.live || (odd && active === 0) || (sequence && !odd && hasHit(now, mm)))
        return `address space ${mm} has ${active} notifications active and sequence ${seq}, ${now.live} tasks in flight`;
    }
    for (let file = 0; file < now.files; file++) {
      if (!isListed(now, file)) continue;
      const active = now.mmActive[now.fileMm[file]!]!;
      if ((view.fileSeq(file) & 1) === 0) return `the interval of file ${file} has sequence ${view.fileSeq(file)}`;
      if (now.fileInterval[file] !== INTERVAL.inserted && active === 0)
        return `the interval of file ${file} waits, and no notification is active`;
    }
    return null;
  },
};

function hasHit(now: Sweep, mm: number): boolean {
  const n = now.ghost?.notifications;
  if (n === undefined || n.active === 0) return false;
  for (let task = 0; task < n.tasks; task++) if (n.open[task] === 1 && n.mm[task] === mm && n.hits[task] !== 0) return true;
  return false;
}
