/** From a call to the operation that carries it out. */
import { devId, fileId, mmId, vpn } from "../spec/vocabulary.ts";
import type { ActorId, ModelCall, Prot } from "../spec/vocabulary.ts";
import type { Activation } from "./activation.ts";
import { actorOf } from "./files.ts";
import { ModelBug, unreachable } from "./rule.ts";
import type { Work } from "./state.ts";

const NO_FILE = fileId(-1);

function access(prot: Prot): { read: boolean; write: boolean; exec: boolean } {
  return { read: prot.includes("r"), write: prot.includes("w"), exec: prot.includes("x") };
}

/** The first activation of a call by `actor`. */
export function activate(s: Work, actor: ActorId, call: ModelCall): Activation {
  const { mm } = actorOf(s, actor);
  const got = null;
  const range = "page" in call && "npages" in call ? { start: call.page, end: call.page + call.npages } : { start: 0, end: 0 };
  const on = { ...range, mm, got };
  switch (call.op) {
    case "mmap": {
      const flags = access(call.prot);
      return {
        op: "mmap",
        pc: "lock",
        ...on,
        map: call.map,
        flags: { ...flags, account: call.map === "private" && flags.write, hugepage: false },
      };
    }
    case "munmap":
      return { op: "munmap", pc: "lock", ...on };
    case "mprotect":
      return { op: "mprotect", pc: "lock", ...on, at: range.start, flags: access(call.prot) };
    case "madvise":
      return { op: "madvise", pc: "lock", ...on, at: range.start, to: range.start, advice: call.advice, hole: false };
    case "mremap":
      return { op: "mremap", pc: "lock", ...on, to: call.to, vma: null };
    case "cpu_read":
      return { op: "cpu_access", pc: "access", mm, vpn: vpn(call.page), write: false, value: 0, got };
    case "cpu_write":
      return { op: "cpu_access", pc: "access", mm, vpn: vpn(call.page), write: true, value: call.value, got };
    case "device_read":
    case "device_write": {
      const write = call.op === "device_write";
      const value = call.op === "device_write" ? call.value : 0;
      return {
        op: "device_access",
        pc: "open",
        dev: devId(call.dev),
        ...range,
        at: range.start,
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
        dev: devId(call.dev),
        file: NO_FILE,
        direction,
        at: range.start,
        stop: 0,
        cpages: 0,
        error: null,
        data: [],
      };
    }
    case "snapshot":
      return { op: "snapshot", pc: "open", ...on, dev: devId(call.dev), file: NO_FILE, at: range.start, entries: [] };
    case "make_exclusive":
      return {
        op: "make_exclusive",
        pc: "open",
        ...on,
        dev: devId(call.dev),
        file: NO_FILE,
        at: range.start,
        stop: 0,
        i: 0,
        pages: [],
        seq: 0,
        error: false,
        data: [],
      };
    case "check_exclusive":
      return { op: "check_exclusive", pc: "open", ...on, dev: devId(call.dev), file: NO_FILE };
    case "open":
      return { op: "open", pc: "close", dev: devId(call.dev), got };
    case "close":
      return { op: "close", pc: "close", dev: devId(call.dev), got };
    case "fork":
      return { op: "fork", pc: "lock", child: call.child, childMm: mmId(0), at: 0, inherit: call.files === "inherit", got };
    case "exit":
      return { op: "exit", pc: "exit_mm", child: call.child, got };
    case "devmem_add":
    case "devmem_remove":
    case "devmem_release":
    case "hmm_device_new":
    case "hmm_device_put":
    case "duplicate":
      throw new ModelBug(`not yet: ${call.op}`);
    default:
      return unreachable(call);
  }
}
