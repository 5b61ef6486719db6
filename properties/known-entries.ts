/** Known defects that leave entries of mirrors behind, as exceptions of the properties that these entries break. */
import type { ReqId } from "../spec/requirements.ts";
import type { Profile } from "../spec/profile.ts";
import { isExcusedBy } from "./ghost/excuses.ts";
import type { EntryDefect } from "./ghost/excuses.ts";
import { isListed, mirrored, mirrorFault } from "./mirror-entry.ts";
import type { Always, StateCheck } from "./property.ts";
import type { Sweep } from "./sweep.ts";
import { dpteText, pteText } from "./text.ts";

interface Described {
  readonly spec: readonly ReqId[];
  readonly when: string;
  readonly applies: (profile: Profile) => boolean;
}

const DESCRIBED: Readonly<Record<EntryDefect, Described>> = {
  U1: {
    spec: ["DMR-5", "MIG-47"],
    when: "a mirror of the migrating device has ignored the MIGRATE event and keeps its entry",
    applies: ({ driver, ownerFilter }) => driver.filtersOwnMigrate && ownerFilter,
  },
  U2: {
    spec: ["DMR-5", "NTF-4"],
    when: "a device fault that the ignored MIGRATE event has not stopped has installed what it saw before",
    applies: ({ driver, ownerFilter }) => driver.filtersOwnMigrate && ownerFilter,
  },
  U6: {
    spec: ["DMR-7"],
    when: "make_exclusive has tagged a page that was dropped since it was taken",
    applies: ({ driver, exclusive }) => !driver.rechecksSequence && exclusive,
  },
  U7: {
    spec: ["DMR-7", "MIG-36"],
    when: "a migration has mapped a destination whose page was dropped meanwhile",
    applies: ({ driver }) => driver.mapsAfterMigration,
  },
  T5: {
    spec: ["RF-16"],
    when: "a range was registered while a notification was active and has stayed valid",
    applies: ({ rangeProtocol }) => rangeProtocol === "valid",
  },
  "MEM-46": {
    spec: ["MEM-46"],
    when: "eviction has turned the exclusive entry of a coherent page into a present one and told no mirror",
    applies: ({ coherent, exclusive, evicts }) => coherent && exclusive && evicts,
  },
};

/** One line about an entry of a mirror that does not agree with the CPU page table. */
export function mirrorText(s: Sweep, file: number, v: number): string {
  const entry = dpteText(s.dpte[file * s.pages + v]!);
  return `mm ${s.fileMm[file]} page ${v}: file ${file} of device ${s.fileDev[file]} has ${entry}, the CPU has ${pteText(mirrored(s, file, v))}`;
}

/** The exceptions of a property about one kind of wrong entry (`FAULT`). */
export function knownEntries(fault: number, defects: readonly EntryDefect[]): NonNullable<Always["known"]> {
  return defects.map((defect) => ({ defect, ...DESCRIBED[defect], check: leftBehind(fault, defect) }));
}

function leftBehind(fault: number, defect: EntryDefect): StateCheck {
  return (now) => {
    for (let file = 0; file < now.files; file++) {
      if (!isListed(now, file)) continue;
      for (let v = 0; v < now.pages; v++)
        if (isExcusedBy(now, file, v, defect) && mirrorFault(now, file, v) === fault) return mirrorText(now, file, v);
    }
    return null;
  };
}
