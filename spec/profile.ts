/** What differs between the kernel cores and between the drivers, as switches. The tables are `CORE_SWITCHES` and the drivers of `model/`. */
import type { Core, DriverName } from "./vocabulary.ts";

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

/** Switches of the kernel core. */
export interface CoreSwitches {
  /** Reference count of a free device frame: 1 in v14, 0 today. */
  readonly refBase: 0 | 1;
  /** Empty entries and zero pages are migrated as zero-filled device pages. */
  readonly holesMigrate: boolean;
  /** Snapshot and migration tell the device-private pages of one owner from those of another. */
  readonly ownerFilter: boolean;
  /** How a range walk learns that it must be repeated: a `valid` mark that invalidations clear, or the interval's sequence number. */
  readonly rangeProtocol: "valid" | "sequence";
  /** A device write fault on an own read-only device-private page faults it like a CPU. */
  readonly ownReadOnlyFaults: boolean;
  /** The rmap walk of migration keeps the write permission of a device-private entry. */
  readonly rmapKeepsWrite: boolean;
  /** The CPU fault on a device-private entry holds a reference on the frame while the driver works. */
  readonly faultTakesReference: boolean;
  /** Who waits for a migration entry holds a reference on the frame. */
  readonly migrationWaitTakesReference: boolean;
  /** A candidate that somebody else has locked is locked after collect, by waiting; otherwise it is skipped. */
  readonly collectWaitsForLock: boolean;
  /** Collect splits a huge page, so that its pages move one by one; otherwise they stay. */
  readonly collectSplitsHuge: boolean;
  /** make_device_exclusive exists. */
  readonly exclusive: boolean;
  /** CPU-addressable device memory exists. */
  readonly coherent: boolean;
  /** Pages that one process has alone are marked, and pins are told from other references; otherwise mappings are counted. */
  readonly anonExclusive: boolean;
  /** A read that swaps in a page of one process alone maps it writable at once, if the mapping is. */
  readonly swapInMapsWritable: boolean;
  /** Which exclusive pages mprotect to writable gives their write permission at once. */
  readonly mprotectUpgrades: "none" | "dirty" | "all";
  /** mprotect to read-only gives the commit charge of an untouched anonymous mapping back. */
  readonly mprotectUnaccounts: boolean;
  /** MADV_POPULATE goes on behind a hole, and answers ENOMEM at the end like other advice. */
  readonly populatePassesHoles: boolean;
  /** A new mapping joins both neighbours also when only the right one has been faulted. */
  readonly mmapJoinsUntouchedLeft: boolean;
  /** Splitting a huge page maps its all-zero subpages to the zero page. */
  readonly splitMapsZeroPage: boolean;
  /** A range walk stays in one mapping, and its snapshot of special mappings fails. */
  readonly singleVma: boolean;
  /** A page of a swap cache may be migrated to device memory after its slot was given back. */
  readonly swapCacheMigrates: boolean;
  /** The end of an address space is an event of its own; without it the mirrors are told by the unmapping of everything. */
  readonly releaseEvent: boolean;
  /** Removing device memory, and the release of a device file, bring the pages home first; otherwise they wait for them. */
  readonly evicts: boolean;
  /** Dummy devices exist. */
  readonly dummyDevices: boolean;
  /** Extension: a page may have read-only copies on devices. Off in every core. */
  readonly readDuplication: boolean;
  /** A device fault on a mirrored address space that is gone: the error, or `null` where it answers success for ever. */
  readonly goneMirrorFault: "EFAULT" | null;
}

/** A core with a driver: everything that a rule may ask. */
export interface Profile extends CoreSwitches {
  readonly core: Core;
  readonly driver: Driver;
}
