/** I2, first half: between its callback and the end of a notification a mirror has nothing in the range. */
import { DPTE } from "../../spec/words.ts";
import { isExcused, isExcusedBy } from "../ghost/excuses.ts";
import type { EntryDefect } from "../ghost/excuses.ts";
import { isListed } from "../mirror-entry.ts";
import type { Always } from "../property.ts";
import type { Sweep } from "../sweep.ts";
import { dpteText } from "../text.ts";

type Excused = (now: Sweep, file: number, v: number) => boolean;

const by =
  (defect: EntryDefect): Excused =>
  (now, file, v) =>
    isExcusedBy(now, file, v, defect);
const notExcused: Excused = (now, file, v) => !isExcused(now, file, v);

/** A mirror whose callback has run has no entry in the range of the notification, and its sequence says that it is invalidating. */
export const noEntryAfterCallback: Always = {
  id: "no-entry-after-callback",
  kind: "always",
  spec: ["INV-5", "INV-7", "IDL-1", "IDL-2", "IDL-3", "IDL-5", "NTF-3", "RF-11", "MIR-2"],
  statement:
    "From its callback to the end of a notification a mirror has no entry in the range and counts as invalidating, unless the driver may ignore the event.",
  known: [
    {
      defect: "U6",
      spec: ["DMR-7"],
      when: "make_exclusive has tagged a page while a notification is active that the mirror was told of",
      applies: ({ driver, exclusive }) => !driver.rechecksSequence && exclusive,
      check: (now) => entryIn(now, by("U6")),
    },
    {
      defect: "U7",
      spec: ["DMR-7"],
      when: "a migration has mapped its destinations while a notification is active that the mirror was told of",
      applies: ({ driver }) => driver.mapsAfterMigration,
      check: (now) => entryIn(now, by("U7")),
    },
    {
      defect: "T5",
      spec: ["RF-16"],
      when: "a range that was registered while the notification was active has stayed valid",
      applies: ({ rangeProtocol }) => rangeProtocol === "valid",
      check: (now) => entryIn(now, by("T5")),
    },
  ],
  check: (now) => entryIn(now, notExcused) ?? sequence(now),
};

/** An entry of a mirror in the range of a notification whose callback it has returned from. */
function entryIn(now: Sweep, counts: Excused): string | null {
  const n = now.ghost?.notifications;
  if (n === undefined || n.active === 0) return null;
  for (let task = 0; task < n.tasks; task++) {
    if (n.open[task] !== 1) continue;
    const told = n.called[task]! & ~n.ignored[task]!;
    for (let file = 0; told >>> file !== 0 && file < now.files; file++) {
      if ((told & (1 << file)) === 0 || now.fileMm[file] !== n.mm[task] || !isListed(now, file)) continue;
      const end = Math.min(n.end[task]!, now.pages);
      for (let v = n.start[task]!; v < end; v++) {
        const dpte = now.dpte[file * now.pages + v]!;
        if ((dpte & DPTE.valid) !== 0 && counts(now, file, v))
          return `mm ${n.mm[task]} page ${v}: file ${file} has ${dpteText(dpte)} although task ${task} has told it that [${n.start[task]},${n.end[task]}) changes`;
      }
    }
  }
  return null;
}

function sequence(now: Sweep): string | null {
  const n = now.ghost?.notifications;
  if (n === undefined || n.active === 0 || now.view.profile.rangeProtocol !== "sequence") return null;
  for (let task = 0; task < n.tasks; task++) {
    if (n.open[task] !== 1) continue;
    const told = n.called[task]! & ~n.ignored[task]!;
    const seq = now.mmSeq[n.mm[task]!]!;
    for (let file = 0; told >>> file !== 0 && file < now.files; file++)
      if ((told & (1 << file)) !== 0 && isListed(now, file) && now.fileMm[file] === n.mm[task] && now.view.fileSeq(file) !== seq)
        return `file ${file} has sequence ${now.view.fileSeq(file)}, its address space ${seq}, although task ${task} is invalidating it`;
  }
  return null;
}
