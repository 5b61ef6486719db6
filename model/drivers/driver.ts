/** What the duties and defects of drivers stand for. The rules ask for a duty, not for a driver's name. */
import type { ReqId } from "../../spec/requirements.ts";
import type { Driver } from "../../spec/profile.ts";

/** What each switch of a driver stands for: the requirements that hold one way or the other by it. */
export const DRIVER_RULES: Readonly<Record<Exclude<keyof Driver, "name">, readonly ReqId[]>> = {
  faultBatch: ["IDL-8", "DMR-1"],
  migrateBatch: ["MIG-1", "DMR-1"],
  inclusiveEnd: ["IDL-1", "DMR-12", "EXC-24"],
  filtersOwnMigrate: ["IDL-2", "IDL-3", "DMR-5", "MIG-28", "MIG-47", "NTF-3", "NTF-4"],
  ownsExclusive: ["IDL-6", "DMR-6", "EXC-7"],
  storesDevicePage: ["DMR-10", "TRC-14"],
  mapsAfterMigration: ["IDL-4", "DMR-7", "MIG-36", "MIG-37"],
  rechecksSequence: ["IDL-5", "DMR-7", "EXC-11"],
  writesReadOnlyPrivate: ["IDL-7", "DMR-11"],
  hangsOnGoneMirror: ["IDL-10", "DMR-13", "TRC-15"],
  readBackNeedsEntry: ["IDL-9", "DMR-3", "MIG-45"],
  marksDirty: ["IDL-11", "DMR-14"],
  faultAround: ["MEM-18", "MEM-26"],
  evictsOnce: ["MEM-34"],
};
