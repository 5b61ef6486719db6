/** I11, S11: exclusive access belongs to one device. */
import { DPTE, PTE } from "../../spec/words.ts";
import { isExcused } from "../ghost/excuses.ts";
import { knownEntries, mirrorText } from "../known-entries.ts";
import { FAULT, isListed, mirrored, mirrorFault } from "../mirror-entry.ts";
import type { Always } from "../property.ts";
import type { Sweep } from "../sweep.ts";

/** A tag atomic stands on an exclusive entry, and an exclusive page is in the mirrors of one device only. */
export const exclusivity: Always = {
  id: "exclusivity",
  kind: "always",
  spec: ["EXC-7", "EXC-11", "EXC-13", "EXC-17", "EXC-20", "EXC-21", "EXC-22", "EXC-23", "IDL-5"],
  statement:
    "An entry with the tag atomic belongs to an exclusive CPU entry of the same frame, and only one device has entries of an exclusive page.",
  known: knownEntries(FAULT.tag, ["U6", "MEM-46"]),
  check(now) {
    for (let file = 0; file < now.files; file++) {
      if (!isListed(now, file)) continue;
      for (let v = 0; v < now.pages; v++) {
        if ((now.dpte[file * now.pages + v]! & DPTE.valid) === 0) continue;
        if (isExcused(now, file, v)) continue;
        if (mirrorFault(now, file, v) === FAULT.tag) return mirrorText(now, file, v);
        if ((mirrored(now, file, v) & PTE.kind_mask) !== PTE.device_exclusive) continue;
        const other = otherDevice(now, file, v);
        if (other >= 0) return `${mirrorText(now, file, v)}; device ${now.fileDev[other]} reaches the page by file ${other}, too`;
      }
    }
    return null;
  },
};

/** A mirror of another device that has an entry of the page, or -1. */
function otherDevice(now: Sweep, file: number, v: number): number {
  for (let other = 0; other < file; other++) {
    if (now.fileMm[other] !== now.fileMm[file] || now.fileDev[other] === now.fileDev[file] || !isListed(now, other)) continue;
    if ((now.dpte[other * now.pages + v]! & DPTE.valid) !== 0 && !isExcused(now, other, v)) return other;
  }
  return -1;
}
