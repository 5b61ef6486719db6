/** Every step of every operation, by the codes of `STEPS`: what the implementation can do. */
import { STEPS } from "../spec/words.ts";
import { ImplBug } from "./arena.ts";
import { invalidateSteps } from "./notifier.ts";
import { checkExclusiveSteps, makeExclusiveSteps } from "./ops/exclusive.ts";
import { cpuAccessSteps } from "./ops/cpu-access.ts";
import { deviceAccessSteps } from "./ops/device-access.ts";
import { deviceFaultSteps } from "./ops/device-fault.ts";
import { devmemAddSteps, devmemRemoveSteps, removeChunkSteps } from "./ops/devmem.ts";
import { dropReplicasSteps } from "./ops/drop-replicas.ts";
import { hmmDeviceNewSteps, hmmDevicePutSteps } from "./ops/dummies.ts";
import { duplicateSteps } from "./ops/duplicate.ts";
import { exitMmapSteps, exitSteps } from "./ops/exit.ts";
import { handleMmFaultSteps } from "./ops/fault.ts";
import { forkSteps } from "./ops/fork.ts";
import { madviseSteps } from "./ops/madvise.ts";
import { migrateCallSteps } from "./ops/migrate-call.ts";
import { migrateSteps } from "./ops/migrate.ts";
import { mmapSteps } from "./ops/mmap.ts";
import { mprotectSteps } from "./ops/mprotect.ts";
import { mremapSteps } from "./ops/mremap.ts";
import { doMunmapSteps, munmapSteps } from "./ops/munmap.ts";
import { closeSteps, hmmMirrorRegisterSteps, openSteps } from "./ops/open-close.ts";
import { populateSteps } from "./ops/populate.ts";
import { rangeFaultSteps } from "./ops/range-fault.ts";
import { reclaimSteps } from "./ops/reclaim.ts";
import { releaseSteps } from "./ops/release.ts";
import { rmapWalkSteps } from "./ops/rmap-walk.ts";
import { snapshotSteps } from "./ops/snapshot.ts";
import type { ImplStep, ImplSteps } from "./tasks.ts";

const OPERATIONS: Readonly<Record<string, ImplSteps>> = {
  cpu_access: cpuAccessSteps,
  check_exclusive: checkExclusiveSteps,
  close: closeSteps,
  device_access: deviceAccessSteps,
  devmem_add: devmemAddSteps,
  devmem_remove: devmemRemoveSteps,
  dmirror_fault: deviceFaultSteps,
  do_munmap: doMunmapSteps,
  drop_replicas: dropReplicasSteps,
  duplicate: duplicateSteps,
  exit: exitSteps,
  exit_mmap: exitMmapSteps,
  fork: forkSteps,
  handle_mm_fault: handleMmFaultSteps,
  hmm_device_new: hmmDeviceNewSteps,
  hmm_device_put: hmmDevicePutSteps,
  hmm_mirror_register: hmmMirrorRegisterSteps,
  hmm_range_fault: rangeFaultSteps,
  invalidate: invalidateSteps,
  madvise: madviseSteps,
  make_exclusive: makeExclusiveSteps,
  migrate: migrateSteps,
  migrate_call: migrateCallSteps,
  mmap: mmapSteps,
  mprotect: mprotectSteps,
  mremap: mremapSteps,
  munmap: munmapSteps,
  open: openSteps,
  populate: populateSteps,
  reclaim: reclaimSteps,
  release: releaseSteps,
  remove_chunk: removeChunkSteps,
  rmap_walk: rmapWalkSteps,
  snapshot: snapshotSteps,
};

function stepOf(name: string): ImplStep {
  const [op = "", pc = ""] = name.split(".");
  const step = OPERATIONS[op]?.[pc];
  if (!step) throw new ImplBug(`no step ${name}`);
  return step;
}

const TABLE = STEPS.map(stepOf);

/** What each step does. */
export const APPLY = TABLE.map((step) => step.apply);
/** Whether each step can be taken; `undefined` where it always can. */
export const ENABLED = TABLE.map((step) => step.enabled);
/** What the environment may decide in each step; `undefined` where it decides nothing. */
export const CHOICE_BITS = TABLE.map((step) => step.choices);
