/** Profiles: what differs between the cores and between the drivers, as data. A rule asks for the switch, not for a version. */
import type { Core, DriverName } from "../spec/vocabulary.ts";
import type { ReqId } from "../spec/requirements.ts";
import { DMIRROR, DMIRROR_FIXED } from "./drivers/dmirror.ts";
import { IDEAL } from "./drivers/ideal.ts";
import type { CoreSwitches, Driver, Profile } from "../spec/profile.ts";

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
