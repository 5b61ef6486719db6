/** Every operation with its steps: the rule table of the model. */
import type { Activation } from "../activation.ts";
import type { Rule, Steps } from "../rule.ts";
import { cpuAccessSteps } from "./cpu-access.ts";
import { deviceAccessSteps } from "./device-access.ts";
import { deviceFaultSteps } from "./device-fault.ts";
import { devmemAddSteps, devmemRemoveSteps, removeChunkSteps } from "./devmem.ts";
import { dropReplicasSteps } from "./drop-replicas.ts";
import { duplicateSteps } from "./duplicate.ts";
import { exitMmapSteps, exitSteps } from "./exit.ts";
import { forkSteps } from "./fork.ts";
import { populateSteps } from "./get-user-pages.ts";
import { handleMmFaultSteps } from "./handle-mm-fault.ts";
import { hmmDeviceNewSteps, hmmDevicePutSteps } from "./hmm-device.ts";
import { hmmRangeFaultSteps } from "./hmm-range-fault.ts";
import { invalidateSteps } from "./invalidate.ts";
import { madviseSteps } from "./madvise.ts";
import { checkExclusiveSteps, makeExclusiveSteps } from "./make-exclusive.ts";
import { migrateCallSteps } from "./migrate-call.ts";
import { migrateSteps } from "./migrate.ts";
import { mmapSteps } from "./mmap.ts";
import { mprotectSteps } from "./mprotect.ts";
import { mremapSteps } from "./mremap.ts";
import { doMunmapSteps, munmapSteps } from "./munmap.ts";
import { closeSteps, hmmMirrorRegisterSteps, openSteps } from "./open-close.ts";
import { reclaimSteps } from "./reclaim.ts";
import { releaseSteps } from "./release.ts";
import { rmapWalkSteps } from "./rmap-walk.ts";
import { snapshotSteps } from "./snapshot.ts";

/** Rules by operation and step. */
export type RuleTable = { readonly [O in Activation["op"]]: Steps<O> };

/** The rules of the model. */
export const RULES: RuleTable = {
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
  hmm_mirror_register: hmmMirrorRegisterSteps,
  hmm_device_new: hmmDeviceNewSteps,
  hmm_device_put: hmmDevicePutSteps,
  hmm_range_fault: hmmRangeFaultSteps,
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

/** The rule of the step that an activation takes next. */
export function ruleOf(a: Activation, rules: RuleTable = RULES): Rule<Activation> {
  const steps = rules[a.op] as unknown as Readonly<Record<string, Rule<Activation>>>;
  const rule = steps[a.pc];
  if (!rule) throw new Error(`no rule for ${a.op}.${a.pc}`);
  return rule;
}
