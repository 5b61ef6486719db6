/** I13, S6: nobody may write what he does not have alone. */
import { FRAME, MAP, PTE, pteWrites, VM } from "../../spec/words.ts";
import { isExcused } from "../ghost/excuses.ts";
import { knownEntries, mirrorText } from "../known-entries.ts";
import { FAULT, isListed, mirrorFault } from "../mirror-entry.ts";
import type { Always } from "../property.ts";
import { AREA } from "../sweep.ts";
import type { Sweep } from "../sweep.ts";
import { pteText } from "../text.ts";

/** A device may write only where the CPU entry may, the entry only where its mapping may, and a private page only its one owner. */
export const permission: Always = {
  id: "permission",
  kind: "always",
  spec: ["PTE-2", "FRM-3", "FRM-5", "VMA-14", "VMA-15", "MIG-39", "MEM-19", "MEM-40", "DEV-6", "EXC-18", "RCL-10", "MIG-49", "MIG-53"],
  statement:
    "A mirror may write only where the CPU entry may, an entry only where its mapping may, and a private page only while a single entry maps its frame; an anon-exclusive frame has at most one mapping.",
  known: knownEntries(FAULT.write, ["U1", "U2", "U6", "U7", "T5"]),
  check(now) {
    for (let at = 0; at < now.mms * now.pages; at++) {
      const pte = now.pte[at]!;
      const wrong = pte === 0 || !pteWrites(pte) ? null : writable(now, at, pte);
      if (wrong !== null) return wrong;
    }
    const marked = now.view.profile.anonExclusive ? 1 : 0;
    for (let pfn = 0; pfn < now.frames; pfn++)
      if ((now.frame[pfn]! & FRAME.anon_exclusive) !== 0 && now.entries[pfn]! > marked)
        return `frame ${pfn} is anon-exclusive and has ${now.entries[pfn]} mappings`;
    for (let file = 0; file < now.files; file++) {
      if (!isListed(now, file)) continue;
      for (let v = 0; v < now.pages; v++) {
        if (now.dpte[file * now.pages + v] === 0 || mirrorFault(now, file, v) !== FAULT.write) continue;
        if (!isExcused(now, file, v)) return mirrorText(now, file, v);
      }
    }
    return null;
  },
};

/** What is wrong with an entry that allows to write, or will when its page is mapped again. */
function writable(now: Sweep, at: number, pte: number): string | null {
  const area = now.area[at]!;
  const kind = pte & PTE.kind_mask;
  if (kind <= PTE.zero || kind === PTE.swap) return place(now, at, "which no such entry may");
  if (area < 0) return null;
  if ((area & VM.write) === 0) return place(now, at, "in a mapping without write permission");
  if ((area & AREA.map_mask) >>> AREA.map_shift !== MAP.private || kind === PTE.migration) return null;
  const pfn = pte >>> PTE.payload_shift;
  if (now.entries[pfn] !== 1 || now.migrations[pfn] !== 0)
    return place(now, at, `and ${now.entries[pfn]! + now.migrations[pfn]!} entries name it`);
  const marked = !now.view.profile.anonExclusive || (now.frame[pfn]! & FRAME.anon_exclusive) !== 0;
  return marked ? null : place(now, at, "and it is not anon-exclusive");
}

function place(now: Sweep, at: number, why: string): string {
  return `mm ${Math.floor(at / now.pages)} page ${at % now.pages}: ${pteText(now.pte[at]!)} allows to write, ${why}`;
}
