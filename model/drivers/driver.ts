/** What distinguishes one mirroring driver from another. The rules ask for a duty, not for a driver's name. */
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
}
