/** I10: the private memory of one device is not another's. */
import { DPTE, FRAME, LOCAL } from "../../spec/words.ts";
import { OP, OP_OF_STEP } from "../ops.ts";
import type { Always } from "../property.ts";
import type { Sweep } from "../sweep.ts";

/** Nobody maps or migrates private memory of another device. */
export const ownership: Always = {
  id: "ownership",
  kind: "always",
  spec: ["MEM-45", "MIG-8", "RF-9", "MEM-11", "SNAP-8", "MEM-34"],
  statement:
    "A mirror names private memory of its own device only, a migration locks none of another device (v14 knows no owners), and the driver word of a frame is a file of its device.",
  check(now) {
    if (now.view.profile.ownerFilter) {
      for (let at = 0; at < now.files * now.pages; at++) {
        const dpte = now.dpte[at]!;
        if ((dpte & (DPTE.valid | DPTE.zero)) !== DPTE.valid) continue;
        const pfn = dpte >>> DPTE.payload_shift;
        const file = Math.floor(at / now.pages);
        if ((now.frame[pfn]! & FRAME.kind_mask) === FRAME.private && now.frameDev[pfn] !== now.fileDev[file])
          return `mm ${now.fileMm[file]} page ${at % now.pages}: file ${file} of device ${now.fileDev[file]} names frame ${pfn} of device ${now.frameDev[pfn]}`;
      }
    }
    for (let pfn = 0; pfn < now.frames; pfn++) {
      if (now.frameDev[pfn] === -1 || (now.frame[pfn]! & FRAME.free) !== 0) continue;
      const word = now.view.frameFile(pfn);
      if (word >= 0 && now.fileDev[word] !== now.frameDev[pfn])
        return `frame ${pfn} of device ${now.frameDev[pfn]} has file ${word} of another one`;
      if (now.view.profile.ownerFilter && (now.frame[pfn]! & FRAME.kind_mask) === FRAME.private && migratesForOther(now, pfn))
        return `frame ${pfn} of device ${now.frameDev[pfn]} is being migrated by task ${now.locked[pfn]} for another device`;
    }
    return null;
  },
};

/** Whether the task that has locked the frame migrates for another device than that of the frame. */
function migratesForOther(now: Sweep, pfn: number): boolean {
  const task = now.locked[pfn]!;
  if (task < 0 || (now.taskOps[task]! & OP.migrate) === 0) return false;
  const { view } = now;
  for (let level = view.taskDepth(task) - 1; level >= 0; level--)
    if (OP_OF_STEP[view.taskStep(task, level)] === OP.migrate) return view.taskLocal(task, level, LOCAL.dev) !== now.frameDev[pfn];
  return false;
}
