/** I9, S2: the CPU does not reach private device memory. */
import { DPTE, FRAME, PTE } from "../../spec/words.ts";
import type { Always } from "../property.ts";
import { taken } from "../sweep.ts";
import type { Sweep } from "../sweep.ts";
import { dpteText, pteText } from "../text.ts";

/** A present entry maps memory that the CPU reaches, a device-private entry memory that it does not. */
export const unAddressability: Always = {
  id: "un-addressability",
  kind: "always",
  spec: ["MEM-27", "MEM-7", "MEM-37", "MIG-38", "FRM-2"],
  statement:
    "A present entry maps system or coherent memory, a device-private entry private memory, none of it free; no mirror names private memory by its own frame.",
  known: [
    {
      defect: "U3",
      spec: ["DMR-10"],
      when: "a device fault met a device-private page of its own device and has entered the device frame itself",
      applies: ({ driver }) => driver.storesDevicePage,
      check: unreachable,
    },
  ],
  check(now) {
    for (let mm = 0; mm < now.mms; mm++) {
      for (let v = 0; v < now.pages; v++) {
        const pte = now.pte[mm * now.pages + v]!;
        const kind = pte & PTE.kind_mask;
        if (kind !== PTE.present && kind < PTE.device_private) continue;
        const pfn = pte >>> PTE.payload_shift;
        const memory = now.frame[pfn]! & FRAME.kind_mask;
        const fits = kind === PTE.device_private ? memory === FRAME.private : memory === FRAME.system || memory === FRAME.coherent;
        if (!fits || !taken(now, pfn))
          return `mm ${mm} page ${v}: ${pteText(pte)}, a frame of kind ${memory}${taken(now, pfn) ? "" : " that is free"}`;
      }
    }
    return now.view.profile.driver.storesDevicePage ? null : unreachable(now);
  },
};

function unreachable(now: Sweep): string | null {
  for (let file = 0; file < now.files; file++)
    for (let v = 0; v < now.pages; v++) {
      const dpte = now.dpte[file * now.pages + v]!;
      if ((dpte & DPTE.unreachable) !== 0) return `mm ${now.fileMm[file]} page ${v}: file ${file} has ${dpteText(dpte)}`;
    }
  return null;
}
