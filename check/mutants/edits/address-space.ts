/** Exclusive access and address spaces: the bugs of `exclusive.ts` and `address-space.ts` in the implementation. */
import type { SourceEdit } from "../mutant.ts";

const EXCLUSIVE = "impl/ops/exclusive.ts";
const FORK = "impl/ops/fork.ts";

const TAGS = "if (pfn >= 0)";
const TAGGED = "h.task[r + X.i] = stale ? 1 : 0;";

/** By mutant. */
export const ADDRESS_SPACE_EDITS: Readonly<Record<string, SourceEdit>> = {
  B37: { file: EXCLUSIVE, find: "mappingKind(h, pfn) !== MAPPING.anon ||", replace: "" },
  B48: {
    file: EXCLUSIVE,
    find: TAGS,
    replace:
      "const pte = h.pt.get(h.task[r + R.mm], h.task[r + R.at] + i); if (pfn < 0 && pteKind(pte) === PTE.present) " +
      `setDpte(h, file, h.task[r + R.at] + i, makeDpte(ptePayload(pte), false, TAG.atomic, false)); ${TAGS}`,
  },
  B49: {
    file: EXCLUSIVE,
    find: TAGGED,
    replace:
      "if (!stale) for (let i = h.task[r + X.count]; h.task[r + R.at] + i < h.task[r + X.stop]; i++) " +
      `setDpte(h, file, h.task[r + R.at] + i, makeDpte(0, false, TAG.atomic, false)); ${TAGGED}`,
  },
  U6: { file: EXCLUSIVE, find: "const stale = h.profile.driver.rechecksSequence &&", replace: "const stale = false &&" },
  T9: { file: "impl/ops/rmap-replace.ts", find: "if (pteKind(pte) === PTE.present && (pte & PTE.dirty) !== 0)", replace: "if (false)" },
  g5: { file: FORK, find: "case PTE.device_private:", replace: "" },
  g6: { file: FORK, find: "mapPage(h, pfn);", replace: "if (pteKind(shared) !== PTE.device_private) mapPage(h, pfn);" },
  g7: { file: "impl/ops/mprotect.ts", find: "case PTE.device_private:", replace: "" },
  g20: { file: FORK, find: "&& pinsOf(h, pfn) > 0", replace: "&& false" },
  g29: {
    file: "impl/ops/exit.ts",
    find: "putMm(h, t, r, h.actor[",
    replace:
      "((_h, _t, _r, mm, resume) => { h.mm[mm * h.mmWords + MM.users] -= 1; " +
      'h.task[enter(h, t, r, resume, STEP["exit_mmap.release"]) + R.mm] = mm; })(h, t, r, h.actor[',
  },
};
