/** What distinguishes one mirroring driver from another. The rules ask for a duty, not for a driver's name. */
import type { ReqId } from "../../spec/requirements.ts";
import type { DriverName } from "../../spec/vocabulary.ts";

/** Duties and defects of a driver, as data. */
export interface Driver {
  readonly name: DriverName;
  /** Pages that one device fault asks for: 64, or 1 where the driver avoids that a fault touches its own later pages. */
  readonly faultBatch: number;
  /** Pages that one migration call handles. */
  readonly migrateBatch: number;
  /** The invalidate callback erases one entry too many: the end of the range is taken as inclusive (defect C). */
  readonly inclusiveEnd: boolean;
  /** The callback returns for its own MIGRATE event before it sets the sequence and erases entries. */
  readonly filtersOwnMigrate: boolean;
  /** make_device_exclusive is called with the device as owner, and the callback ignores that event. */
  readonly ownsExclusive: boolean;
  /** The device-private frame itself is stored where its backing memory belongs (defect A). */
  readonly storesDevicePage: boolean;
  /** Migrated pages get their entries at once, without a look at the sequence; otherwise the next device fault installs them. */
  readonly mapsAfterMigration: boolean;
  /** An exclusive grant is installed only if nothing was invalidated since. */
  readonly rechecksSequence: boolean;
  /** A write to an own read-only device-private page faults it home and writes there; otherwise the write fails (defect B). */
  readonly writesReadOnlyPrivate: boolean;
  /** A fault on a mirrored address space that is gone may answer success, as the core's switch says (defect D). */
  readonly hangsOnGoneMirror: boolean;
  /** After a migration the contents are read through the device page table only: a page without entry is ENOENT. */
  readonly readBackNeedsEntry: boolean;
  /** A device write marks the frame dirty, so that reclaim keeps what the device wrote. */
  readonly marksDirty: boolean;
  /** Pages that the fault handler brings home together: those of the aligned block of this size around the address, within the mapping. */
  readonly faultAround: number;
  /** The removal of device memory evicts in one pass; otherwise again as soon as another page can go home. */
  readonly evictsOnce: boolean;
}

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
