/** From a call to the operation that carries it out: its first record. */
import type { ModelCall } from "../spec/vocabulary.ts";
import type { Arena } from "./arena.ts";
import { beginCpuAccess } from "./ops/cpu-access.ts";
import { beginDeviceAccess } from "./ops/device-access.ts";
import { beginDevmemAdd, beginDevmemRemove } from "./ops/devmem.ts";
import { beginHmmDeviceNew, beginHmmDevicePut } from "./ops/dummies.ts";
import { beginDuplicate } from "./ops/duplicate.ts";
import { beginCheckExclusive, beginMakeExclusive } from "./ops/exclusive.ts";
import { beginExit } from "./ops/exit.ts";
import { beginFork } from "./ops/fork.ts";
import { beginMadvise } from "./ops/madvise.ts";
import { beginMigrateCall } from "./ops/migrate-call.ts";
import { beginMmap } from "./ops/mmap.ts";
import { beginMprotect } from "./ops/mprotect.ts";
import { beginMremap } from "./ops/mremap.ts";
import { beginMunmap } from "./ops/munmap.ts";
import { beginClose, beginHmmMirrorRegister, beginOpen } from "./ops/open-close.ts";
import { beginSnapshot } from "./ops/snapshot.ts";

/** Gives a task, which has no record yet, the first record of a call. */
export function beginCall(h: Arena, t: number, call: ModelCall): void {
  switch (call.op) {
    case "mmap":
      return beginMmap(h, t, call);
    case "munmap":
      return beginMunmap(h, t, call);
    case "mprotect":
      return beginMprotect(h, t, call);
    case "madvise":
      return beginMadvise(h, t, call);
    case "mremap":
      return beginMremap(h, t, call);
    case "cpu_read":
    case "cpu_write":
      return beginCpuAccess(h, t, call);
    case "fork":
      return beginFork(h, t, call);
    case "exit":
      return beginExit(h, t, call);
    case "open":
      return beginOpen(h, t, call);
    case "close":
      return beginClose(h, t, call);
    case "hmm_mirror_register":
      return beginHmmMirrorRegister(h, t, call);
    default:
      return beginDeviceCall(h, t, call);
  }
}

type DeviceCall = Extract<
  ModelCall,
  {
    op:
      | "device_read"
      | "device_write"
      | "migrate_to_device"
      | "migrate_to_system"
      | "snapshot"
      | "make_exclusive"
      | "check_exclusive"
      | "duplicate"
      | "devmem_add"
      | "devmem_remove"
      | "devmem_release"
      | "hmm_device_new"
      | "hmm_device_put";
  }
>;

function beginDeviceCall(h: Arena, t: number, call: DeviceCall): void {
  switch (call.op) {
    case "device_read":
    case "device_write":
      return beginDeviceAccess(h, t, call);
    case "migrate_to_device":
    case "migrate_to_system":
      return beginMigrateCall(h, t, call);
    case "snapshot":
      return beginSnapshot(h, t, call);
    case "make_exclusive":
      return beginMakeExclusive(h, t, call);
    case "check_exclusive":
      return beginCheckExclusive(h, t, call);
    case "duplicate":
      return beginDuplicate(h, t, call);
    case "devmem_add":
      return beginDevmemAdd(h, t, call);
    case "devmem_remove":
    case "devmem_release":
      return beginDevmemRemove(h, t, call);
    case "hmm_device_new":
      return beginHmmDeviceNew(h, t);
    case "hmm_device_put":
      return beginHmmDevicePut(h, t, call);
  }
}
