/** Entries lie in mappings, and are of kinds that the core knows. */
import { PTE } from "../../spec/words.ts";
import { OP } from "../ops.ts";
import type { Always } from "../property.ts";
import type { Sweep } from "../sweep.ts";
import { pteText } from "../text.ts";

/** Every entry lies in a mapping and names something that exists. */
export const entriesInMappings: Always = {
  id: "entries-in-mappings",
  kind: "always",
  spec: ["PTE-1", "VMA-1", "VMA-3", "VMA-20", "VMA-21", "VMA-25", "EXC-1", "FRM-3"],
  statement:
    "Mappings are sorted, apart and inside the window; an entry outside of them is one that an unmapping in flight has not come to yet; its kind is one that the core knows, and what it names exists.",
  check(now) {
    for (let mm = 0; mm < now.mms; mm++) {
      const disorder = mappings(now, mm);
      if (disorder !== null) return disorder;
    }
    for (let at = 0; at < now.mms * now.pages; at++) {
      const pte = now.pte[at]!;
      if (pte === 0) continue;
      const wrong = now.area[at]! < 0 && !isUnmapping(now) ? "outside every mapping" : misnamed(now, pte);
      if (wrong !== null) return `mm ${Math.floor(at / now.pages)} page ${at % now.pages}: ${pteText(pte)} ${wrong}`;
    }
    return null;
  },
};

function mappings({ view, pages }: Sweep, mm: number): string | null {
  const count = view.vmaCount(mm);
  let end = 0;
  for (let vma = 0; vma < count; vma++) {
    const start = view.vmaStart(mm, vma);
    const next = view.vmaEnd(mm, vma);
    if (start < end || next <= start || next > pages) return `mm ${mm}: mapping ${vma} is [${start},${next}) behind ${end}`;
    end = next;
  }
  return null;
}

function isUnmapping(now: Sweep): boolean {
  for (let task = 0; task < now.tasks; task++) if (now.taskStep[task] !== -1 && (now.taskOps[task]! & OP.do_munmap) !== 0) return true;
  return false;
}

function misnamed(now: Sweep, pte: number): string | null {
  const at = pte >>> PTE.payload_shift;
  switch (pte & PTE.kind_mask) {
    case PTE.none:
      return "is no entry at all";
    case PTE.zero:
      return null;
    case PTE.swap:
      return at < now.slots ? null : "names no swap slot";
    case PTE.device_exclusive:
      if (!now.view.profile.exclusive) return "is of a kind that the core does not know";
      return at < now.frames ? null : "names no frame";
    default:
      return at < now.frames ? null : "names no frame";
  }
}
