/** I1, S1: a mirror shows what the CPU page table maps. */
import { isExcused } from "../ghost/excuses.ts";
import { knownEntries, mirrorText } from "../known-entries.ts";
import { FAULT, isListed, mirrorFault } from "../mirror-entry.ts";
import type { Always } from "../property.ts";

/** Every entry of a mirror names the frame that the CPU page table maps there. */
export const mirrorConsistency: Always = {
  id: "mirror-consistency",
  kind: "always",
  spec: ["INV-1", "INV-2", "INV-4", "INV-16", "DEV-6", "RF-12", "IDL-3", "IDL-4", "MIG-37", "MIG-46"],
  statement: "Every entry of a mirror names the frame that the CPU page table maps at that page, or a replica of it.",
  known: knownEntries(FAULT.frame, ["U1", "U2", "U6", "U7", "T5"]),
  check(now) {
    const { pages } = now;
    for (let file = 0; file < now.files; file++) {
      if (!isListed(now, file)) continue;
      for (let v = 0; v < pages; v++) {
        if (now.dpte[file * pages + v] === 0 || mirrorFault(now, file, v) !== FAULT.frame) continue;
        if (!isExcused(now, file, v)) return mirrorText(now, file, v);
      }
    }
    return null;
  },
};
