/** The list of properties: what a check looks at unless told otherwise. */
import { descriptors } from "./always/descriptors.ts";
import { deviceFrameLifeCycle } from "./always/device-frame-life-cycle.ts";
import { dirtyTracking } from "./always/dirty-tracking.ts";
import { entriesInMappings } from "./always/entries-in-mappings.ts";
import { exclusivity } from "./always/exclusivity.ts";
import { lockDiscipline } from "./always/lock-discipline.ts";
import { memoryObjects } from "./always/memory-objects.ts";
import { migrationEntryDiscipline } from "./always/migration-entry-discipline.ts";
import { mirrorConsistency } from "./always/mirror-consistency.ts";
import { noEntryAfterCallback } from "./always/no-entry-after-callback.ts";
import { noLeakedContents } from "./always/no-leaked-contents.ts";
import { notifierProtocol } from "./always/notifier-protocol.ts";
import { oneFramePerPage } from "./always/one-frame-per-page.ts";
import { ownership } from "./always/ownership.ts";
import { permission } from "./always/permission.ts";
import { pgmapLifeTime } from "./always/pgmap-life-time.ts";
import { quiescence } from "./always/quiescence.ts";
import { referenceConservation } from "./always/reference-conservation.ts";
import { replicas } from "./always/replicas.ts";
import { reverseMap } from "./always/reverse-map.ts";
import { swapSlots } from "./always/swap-slots.ts";
import { unAddressability } from "./always/un-addressability.ts";
import { valueIntegrity } from "./always/value-integrity.ts";
import { callbackErasesEntry } from "./sometimes/callback-erases-entry.ts";
import { callbackWaitsForDriverLock } from "./sometimes/callback-waits-for-driver-lock.ts";
import { cleanPageInSwapCache } from "./sometimes/clean-page-in-swap-cache.ts";
import { copyFails } from "./sometimes/copy-fails.ts";
import { cpuLoadsWrittenPage } from "./sometimes/cpu-loads-written-page.ts";
import { cpuMeetsExclusiveEntry } from "./sometimes/cpu-meets-exclusive-entry.ts";
import { cpuTouchesPrivateMemory } from "./sometimes/cpu-touches-private-memory.ts";
import { deviceFaultRetried } from "./sometimes/device-fault-retried.ts";
import { deviceFaultWaits } from "./sometimes/device-fault-waits.ts";
import { deviceFrameFreed } from "./sometimes/device-frame-freed.ts";
import { deviceMeetsPrivatePageOfAnother } from "./sometimes/device-meets-private-page-of-another.ts";
import { devicePageDropped } from "./sometimes/device-page-dropped.ts";
import { deviceReadsWrittenPage } from "./sometimes/device-reads-written-page.ts";
import { deviceWritesDuringMigration } from "./sometimes/device-writes-during-migration.ts";
import { dirtyPageMigrated } from "./sometimes/dirty-page-migrated.ts";
import { entryOfDetachedMapping } from "./sometimes/entry-of-detached-mapping.ts";
import { exclusivePageTagged } from "./sometimes/exclusive-page-tagged.ts";
import { faultWaitsForMigration } from "./sometimes/fault-waits-for-migration.ts";
import { fileInherited } from "./sometimes/file-inherited.ts";
import { goneMirrorFaulted } from "./sometimes/gone-mirror-faulted.ts";
import { handlerCalled } from "./sometimes/handler-called.ts";
import { heldPageRefused } from "./sometimes/held-page-refused.ts";
import { holeFilledOnDevice } from "./sometimes/hole-filled-on-device.ts";
import { inheritedPage } from "./sometimes/inherited-page.ts";
import { installWaitsForDriverLock } from "./sometimes/install-waits-for-driver-lock.ts";
import { intervalWaits } from "./sometimes/interval-waits.ts";
import { memoryObjectShared } from "./sometimes/memory-object-shared.ts";
import { mirroredPageDuringNotification } from "./sometimes/mirrored-page-during-notification.ts";
import { overlappingNotifications } from "./sometimes/overlapping-notifications.ts";
import { pageReachedByCpuAndDevice } from "./sometimes/page-reached-by-cpu-and-device.ts";
import { pageSharedByProcesses } from "./sometimes/page-shared-by-processes.ts";
import { pinnedPageForked } from "./sometimes/pinned-page-forked.ts";
import { quietAgain } from "./sometimes/quiet-again.ts";
import { removalWithPagesInUse } from "./sometimes/removal-with-pages-in-use.ts";
import { replicaReachable } from "./sometimes/replica-reachable.ts";
import { snapshotShowsPages } from "./sometimes/snapshot-shows-pages.ts";
import { swapSlotShared } from "./sometimes/swap-slot-shared.ts";
import { twoMirrorsTold } from "./sometimes/two-mirrors-told.ts";
import { writablePageGivenBack } from "./sometimes/writable-page-given-back.ts";
import { writePermissionTaken } from "./sometimes/write-permission-taken.ts";
import { writtenPageOnDevice } from "./sometimes/written-page-on-device.ts";
import { announcedDowngrades } from "./step/announced-downgrades.ts";
import { balancedNotifications } from "./step/balanced-notifications.ts";
import { cpuAccess } from "./step/cpu-access.ts";
import { driverLockGuardsMirror } from "./step/driver-lock-guards-mirror.ts";
import { dropsAreComplete } from "./step/drops-are-complete.ts";
import { faultHoldsFrame } from "./step/fault-holds-frame.ts";
import { forkLeavesPinnedPages } from "./step/fork-leaves-pinned-pages.ts";
import { intervalsWait } from "./step/intervals-wait.ts";
import { migrationKeepsPermission } from "./step/migration-keeps-permission.ts";
import { movesUnheldPages } from "./step/moves-unheld-pages.ts";
import { noCrash } from "./step/no-crash.ts";
import { noStaleAccess } from "./step/no-stale-access.ts";
import { readsGiveLastWrite } from "./step/reads-give-last-write.ts";
import { snapshotChangesNothing } from "./step/snapshot-changes-nothing.ts";
import type { Always, Property, Sometimes, Step } from "./property.ts";

/** Properties of every state. */
export const ALWAYS: readonly Always[] = [
  descriptors,
  deviceFrameLifeCycle,
  dirtyTracking,
  entriesInMappings,
  exclusivity,
  lockDiscipline,
  memoryObjects,
  migrationEntryDiscipline,
  mirrorConsistency,
  noEntryAfterCallback,
  noLeakedContents,
  notifierProtocol,
  oneFramePerPage,
  ownership,
  permission,
  pgmapLifeTime,
  quiescence,
  referenceConservation,
  replicas,
  reverseMap,
  swapSlots,
  unAddressability,
  valueIntegrity,
];
/** Properties of every step. */
export const STEP_PROPERTIES: readonly Step[] = [
  announcedDowngrades,
  balancedNotifications,
  cpuAccess,
  driverLockGuardsMirror,
  dropsAreComplete,
  faultHoldsFrame,
  forkLeavesPinnedPages,
  intervalsWait,
  migrationKeepsPermission,
  movesUnheldPages,
  noCrash,
  noStaleAccess,
  readsGiveLastWrite,
  snapshotChangesNothing,
];
/** What must be met by some run. */
export const SOMETIMES: readonly Sometimes[] = [
  callbackErasesEntry,
  callbackWaitsForDriverLock,
  cleanPageInSwapCache,
  copyFails,
  cpuLoadsWrittenPage,
  cpuMeetsExclusiveEntry,
  cpuTouchesPrivateMemory,
  deviceFaultRetried,
  deviceFaultWaits,
  deviceFrameFreed,
  deviceMeetsPrivatePageOfAnother,
  devicePageDropped,
  deviceReadsWrittenPage,
  deviceWritesDuringMigration,
  dirtyPageMigrated,
  entryOfDetachedMapping,
  exclusivePageTagged,
  faultWaitsForMigration,
  fileInherited,
  goneMirrorFaulted,
  handlerCalled,
  heldPageRefused,
  holeFilledOnDevice,
  inheritedPage,
  installWaitsForDriverLock,
  intervalWaits,
  memoryObjectShared,
  mirroredPageDuringNotification,
  overlappingNotifications,
  pageReachedByCpuAndDevice,
  pageSharedByProcesses,
  pinnedPageForked,
  quietAgain,
  removalWithPagesInUse,
  replicaReachable,
  snapshotShowsPages,
  swapSlotShared,
  twoMirrorsTold,
  writablePageGivenBack,
  writePermissionTaken,
  writtenPageOnDevice,
];
/** All of them. */
export const PROPERTIES: readonly Property[] = [...ALWAYS, ...STEP_PROPERTIES, ...SOMETIMES];
