/** Profiles: what differs between the cores and between the drivers, as data. A rule asks for the switch, not for a version. */
import type { Core, DriverName } from "../spec/vocabulary.ts";
import type { ReqId } from "../spec/requirements.ts";
import { DMIRROR, DMIRROR_FIXED } from "./drivers/dmirror.ts";
import { IDEAL } from "./drivers/ideal.ts";
import type { Driver } from "./drivers/driver.ts";

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
  /** make_device_exclusive exists. */
  readonly exclusive: boolean;
  /** CPU-addressable device memory exists. */
  readonly coherent: boolean;
  /** Which exclusive pages mprotect to writable gives their write permission at once. */
  readonly mprotectUpgrades: "none" | "dirty" | "all";
  /** mprotect to read-only gives the commit charge of an untouched anonymous mapping back. */
  readonly mprotectUnaccounts: boolean;
  /** A new mapping joins both neighbours also when only the right one has been faulted. */
  readonly mmapJoinsUntouchedLeft: boolean;
  /** Splitting a huge page maps its all-zero subpages to the zero page. */
  readonly splitMapsZeroPage: boolean;
  /** A range walk stays in one mapping, and its snapshot of special mappings fails. */
  readonly singleVma: boolean;
  /** A page of a swap cache may be migrated to device memory after its slot was given back. */
  readonly swapCacheMigrates: boolean;
  /** A device fault on a mirrored address space that is gone: the error, or `null` where it answers success for ever. */
  readonly goneMirrorFault: "EFAULT" | null;
}

export interface Profile extends CoreSwitches {
  readonly core: Core;
  readonly driver: Driver;
}

const LINUX: CoreSwitches = {
  refBase: 0,
  holesMigrate: true,
  ownerFilter: true,
  rangeProtocol: "sequence",
  ownReadOnlyFaults: false,
  rmapKeepsWrite: true,
  faultTakesReference: true,
  migrationWaitTakesReference: false,
  exclusive: true,
  coherent: true,
  mprotectUpgrades: "dirty",
  mprotectUnaccounts: false,
  mmapJoinsUntouchedLeft: false,
  splitMapsZeroPage: false,
  singleVma: false,
  swapCacheMigrates: true,
  goneMirrorFault: "EFAULT",
};

/** The switches of each core. Each one cites the requirement that differs (`CORE_RULES`). */
export const CORE_SWITCHES: Record<Core, CoreSwitches> = {
  v14: {
    ...LINUX,
    refBase: 1,
    holesMigrate: false,
    ownerFilter: false,
    rangeProtocol: "valid",
    ownReadOnlyFaults: true,
    rmapKeepsWrite: false,
    faultTakesReference: false,
    migrationWaitTakesReference: true,
    exclusive: false,
    coherent: false,
    mprotectUpgrades: "none",
    mmapJoinsUntouchedLeft: true,
    singleVma: true,
    swapCacheMigrates: false,
  },
  "linux-6.1": LINUX,
  "linux-6.12": {
    ...LINUX,
    mprotectUpgrades: "all",
    mprotectUnaccounts: true,
    mmapJoinsUntouchedLeft: true,
    splitMapsZeroPage: true,
    goneMirrorFault: null,
  },
};

const DRIVER_TABLE: Record<DriverName, Driver> = { ideal: IDEAL, dmirror: DMIRROR, "dmirror-fixed": DMIRROR_FIXED };

/** The profile of a core and a driver. `v14` was only ever driven by an ideal driver: Linux's lib/test_hmm.c came eleven releases later. */
export function profile(core: Core, driver: DriverName): Profile {
  return { core, driver: DRIVER_TABLE[driver], ...CORE_SWITCHES[core] };
}

/** Which requirement each switch cites. */
export type SwitchRules = Readonly<Record<keyof CoreSwitches, ReqId>>;
