/** I9, I11: what the CPU reads and writes, its entry allows. */
import { LOCAL, PTE, STEP, VM } from "../../spec/words.ts";
import type { Step } from "../property.ts";
import { pteText } from "../text.ts";

const CPU_ACCESS_ACCESS = STEP["cpu_access.access"];

/** A load or store succeeds only through a present entry that allows it, in a mapping that does. */
export const cpuAccess: Step = {
  id: "cpu-access",
  kind: "step",
  spec: ["CPU-1", "CPU-2", "CPU-12", "EXC-14", "MEM-17", "MEM-27", "MIG-26", "MIG-41"],
  statement:
    "A load succeeds only through a present entry or the zero page, a store only through a writable present entry, each in a mapping that allows it.",
  check(was, move) {
    if (move.step !== CPU_ACCESS_ACCESS || move.ret?.status !== "ok") return null;
    const at = move.local[LOCAL.mm]! * was.pages + move.local[LOCAL.start]!;
    const pte = was.pte[at]!;
    const area = was.area[at]!;
    const kind = pte & PTE.kind_mask;
    const writes = move.local[LOCAL.write] === 1;
    const allowed = area >= 0 && (area & (writes ? VM.write : VM.read | VM.write)) !== 0;
    const reached = writes ? kind === PTE.present && (pte & PTE.write) !== 0 : kind === PTE.present || kind === PTE.zero;
    if (allowed && reached) return null;
    return `mm ${move.local[LOCAL.mm]} page ${move.local[LOCAL.start]}: task ${move.task} ${writes ? "stored" : "loaded"} through ${pteText(pte)}${allowed ? "" : " in a mapping that forbids it"}`;
  },
};
