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

const LINUX: CoreSwitches = {
  refBase: 0,
  holesMigrate: true,
  ownerFilter: true,
  rangeProtocol: "sequence",
  ownReadOnlyFaults: false,
  rmapKeepsWrite: true,
  faultTakesReference: true,
  migrationWaitTakesReference: false,
  collectWaitsForLock: false,
  collectSplitsHuge: true,
  exclusive: true,
  coherent: true,
  anonExclusive: true,
  swapInMapsWritable: false,
  mprotectUpgrades: "dirty",
  mprotectUnaccounts: false,
  populatePassesHoles: true,
  mmapJoinsUntouchedLeft: false,
  splitMapsZeroPage: false,
  singleVma: false,
  swapCacheMigrates: true,
  releaseEvent: true,
  evicts: true,
  dummyDevices: false,
  readDuplication: false,
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
    collectWaitsForLock: true,
    collectSplitsHuge: false,
    exclusive: false,
    coherent: false,
    anonExclusive: false,
    mprotectUpgrades: "none",
    mmapJoinsUntouchedLeft: true,
    singleVma: true,
    swapCacheMigrates: false,
    releaseEvent: false,
    evicts: false,
    dummyDevices: true,
  },
  "linux-6.1": LINUX,
  "linux-6.12": {
    ...LINUX,
    swapInMapsWritable: true,
    mprotectUpgrades: "all",
    mprotectUnaccounts: true,
    populatePassesHoles: false,
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

/** The requirements that differ by each switch. */
export type SwitchRules = Readonly<Record<keyof CoreSwitches, readonly ReqId[]>>;

/** What each switch of the core stands for: the requirements that hold one way or the other by it. */
export const CORE_RULES: SwitchRules = {
  refBase: ["FRM-1", "MEM-6", "MEM-15", "MEM-16"],
  holesMigrate: ["MIG-6", "MIG-7"],
  ownerFilter: ["SNAP-8", "SNAP-13", "RF-9", "MIG-5", "MIG-8", "MIG-9", "NTF-2"],
  rangeProtocol: ["INV-6", "INV-9", "SNAP-11", "SNAP-15", "RF-11", "RF-12", "RF-16"],
  ownReadOnlyFaults: ["RF-8"],
  rmapKeepsWrite: ["MIG-39"],
  faultTakesReference: ["MEM-22", "MEM-23"],
  migrationWaitTakesReference: ["MIG-41"],
  collectWaitsForLock: ["MIG-11", "MIG-12"],
  collectSplitsHuge: ["MIG-13"],
  exclusive: ["PTE-1", "EXC-1"],
  coherent: ["MEM-37"],
  anonExclusive: ["FRM-5", "CPU-6", "FRK-6"],
  swapInMapsWritable: ["RCL-10"],
  mprotectUpgrades: ["VMA-16"],
  mprotectUnaccounts: ["VMA-10"],
  populatePassesHoles: ["VMA-23"],
  mmapJoinsUntouchedLeft: ["VMA-9"],
  splitMapsZeroPage: ["MIG-14"],
  singleVma: ["SNAP-10", "SNAP-12", "SNAP-13", "SNAP-14", "RF-5", "RF-6", "RF-14", "RF-15"],
  swapCacheMigrates: ["MIG-31"],
  releaseEvent: ["MIR-8"],
  evicts: ["MEM-32", "MEM-35"],
  dummyDevices: ["MEM-41"],
  readDuplication: ["DUP-1"],
  goneMirrorFault: ["DMR-13", "TRC-15"],
};
