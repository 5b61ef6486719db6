/** From a call to the operation that carries it out. */
import { devId, fileId, mmId, vpn } from "../spec/vocabulary.ts";
import type { ActorId, MmId, ModelCall, Prot } from "../spec/vocabulary.ts";
import type { Activation } from "./activation.ts";
import { actorOf } from "./files.ts";
import { unreachable } from "./rule.ts";
import type { Work } from "./state.ts";

const NO_FILE = fileId(-1);

function access(prot: Prot): { read: boolean; write: boolean; exec: boolean } {
  return { read: prot.includes("r"), write: prot.includes("w"), exec: prot.includes("x") };
}

/** What every call on a range begins with. */
interface On {
  readonly mm: MmId;
  readonly start: number;
  readonly end: number;
  readonly got: null;
}

type MemoryCall = Extract<ModelCall, { op: "mmap" | "munmap" | "mprotect" | "madvise" | "mremap" | "cpu_read" | "cpu_write" }>;
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
      | "duplicate";
  }
>;
type DevmemCall = Extract<ModelCall, { op: "devmem_add" | "devmem_remove" | "devmem_release" | "hmm_device_new" | "hmm_device_put" }>;

/** The first activation of a call by `actor`. */
export function activate(s: Work, actor: ActorId, call: ModelCall): Activation {
  const { mm } = actorOf(s, actor);
  const got = null;
  const range = "page" in call && "npages" in call ? { start: call.page, end: call.page + call.npages } : { start: 0, end: 0 };
  const on: On = { ...range, mm, got };
  switch (call.op) {
    case "open":
      return { op: "open", pc: "close", dev: devId(call.dev), got };
    case "close":
      return { op: "close", pc: "close", dev: devId(call.dev), got };
    case "hmm_mirror_register":
      return { op: "hmm_mirror_register", pc: "register", dev: devId(call.dev), without: call.without ?? null, got };
    case "fork":
      return { op: "fork", pc: "lock", child: call.child, childMm: mmId(0), at: 0, inherit: call.files === "inherit", got };
    case "exit":
      return { op: "exit", pc: "exit_mm", child: call.child, got };
    case "mmap":
    case "munmap":
    case "mprotect":
    case "madvise":
    case "mremap":
    case "cpu_read":
    case "cpu_write":
      return memoryCall(call, on);
    case "device_read":
    case "device_write":
    case "migrate_to_device":
    case "migrate_to_system":
    case "snapshot":
    case "make_exclusive":
    case "check_exclusive":
    case "duplicate":
      return deviceCall(call, on);
    case "devmem_add":
    case "devmem_remove":
    case "devmem_release":
    case "hmm_device_new":
    case "hmm_device_put":
      return devmemCall(call);
    default:
      return unreachable(call);
  }
}

/** Calls on the address space of the caller. */
function memoryCall(call: MemoryCall, on: On): Activation {
  const { mm, start, got } = on;
  switch (call.op) {
    case "mmap": {
      const flags = access(call.prot);
      return {
        op: "mmap",
        pc: "lock",
        ...on,
        map: call.map,
        file: null,
        flags: { ...flags, account: call.map === "private" && flags.write, hugepage: false },
      };
    }
    case "munmap":
      return { op: "munmap", pc: "lock", ...on };
    case "mprotect":
      return { op: "mprotect", pc: "lock", ...on, at: start, flags: access(call.prot) };
    case "madvise":
      return { op: "madvise", pc: "lock", ...on, at: start, to: start, advice: call.advice, hole: false };
    case "mremap":
      return { op: "mremap", pc: "lock", ...on, to: call.to, failed: false };
    case "cpu_read":
      return { op: "cpu_access", pc: "access", mm, vpn: vpn(call.page), write: false, value: 0, got };
    case "cpu_write":
      return { op: "cpu_access", pc: "access", mm, vpn: vpn(call.page), write: true, value: call.value, got };
    default:
      return unreachable(call);
  }
}

/** Calls on a device that the caller has open, or opens by them. */
function deviceCall(call: DeviceCall, on: On): Activation {
  const { start, end, got } = on;
  const dev = devId(call.dev);
  switch (call.op) {
    case "device_read":
    case "device_write": {
      const write = call.op === "device_write";
      const value = call.op === "device_write" ? call.value : 0;
      return {
        op: "device_access",
        pc: "open",
        dev,
        start,
        end,
        at: start,
        write,
        value,
        file: NO_FILE,
        data: [],
        faults: 0,
        got,
      };
    }
    case "migrate_to_device":
    case "migrate_to_system": {
      const direction = call.op === "migrate_to_device" ? "to_device" : "to_system";
      return {
        op: "migrate_call",
        pc: "open",
        ...on,
        dev,
        file: NO_FILE,
        direction,
        at: start,
        stop: 0,
        cpages: 0,
        error: null,
        data: [],
      };
    }
    case "snapshot":
      return { op: "snapshot", pc: "open", ...on, dev, file: NO_FILE, at: start, error: null, entries: [] };
    case "make_exclusive":
      return {
        op: "make_exclusive",
        pc: "open",
        ...on,
        dev,
        file: NO_FILE,
        at: start,
        stop: 0,
        i: 0,
        pages: [],
        seq: 0,
        error: false,
        data: [],
      };
    case "check_exclusive":
      return { op: "check_exclusive", pc: "open", ...on, dev, file: NO_FILE };
    case "duplicate":
      return { op: "duplicate", pc: "open", ...on, dev, file: NO_FILE, at: start, page: null, replica: null, made: 0 };
    default:
      return unreachable(call);
  }
}

/** Calls of a driver about its own memory. */
function devmemCall(call: DevmemCall): Activation {
  const got = null;
  switch (call.op) {
    case "devmem_add": {
      const { npages, flags, minor = null, lacks = [] } = call;
      return { op: "devmem_add", pc: "check", dev: devId(call.dev), npages, flags, minor, lacks, chunk: 0, got };
    }
    case "devmem_remove":
      return { op: "devmem_remove", pc: "next", dev: devId(call.dev), chunk: call.chunk, got };
    case "devmem_release":
      return { op: "devmem_remove", pc: "next", dev: devId(call.dev), chunk: null, got };
    case "hmm_device_new":
      return { op: "hmm_device_new", pc: "new", got };
    case "hmm_device_put":
      return { op: "hmm_device_put", pc: "put", minor: call.minor, got };
    default:
      return unreachable(call);
  }
}
