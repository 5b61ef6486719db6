/** The device reads or writes mirrored pages through its page table, page by page; a page without a fitting entry is faulted. */
import type { Errno } from "../../spec/vocabulary.ts";
import type { Of } from "../activation.ts";
import { because, die, enter, fail, goto, ok } from "../rule.ts";
import type { Steps } from "../rule.ts";
import type { Dpte, TaskWork, Work } from "../state.ts";
import { deviceFault } from "./device-fault.ts";
import { openStep } from "./driver-call.ts";
import { fileOf } from "./invalidate.ts";

/** The steps of a device read or write. */
export const deviceAccessSteps: Steps<"device_access"> = {
  open: openStep,
  check: { spec: ["DEV-9"], apply: (_s, t, a) => (a.start === a.end ? fail(t, "EINVAL", "DEV-9") : goto(a, "lock")) },
  lock: {
    spec: ["DEV-7"],
    enabled: (s, _t, a) => fileOf(s, a.file).mutex === null,
    apply(s, t, a) {
      fileOf(s, a.file).mutex = t.id;
      goto(a, "a1");
    },
  },
  a1: {
    spec: [
      "CPU-10",
      "DEV-1",
      "DEV-2",
      "DEV-4",
      "DEV-5",
      "DEV-7",
      "DEV-8",
      "MEM-38",
      "EXC-15",
      "EXC-19",
      "IDL-11",
      "DMR-10",
      "DMR-14",
      "TRC-6",
      "TRC-14",
      "TRC-16",
      "TRC-17",
    ],
    apply(s, t, a) {
      const file = fileOf(s, a.file);
      if (a.at >= a.end) {
        file.mutex = null;
        because(t, "status", "DEV-2");
        because(t, "cpages", "DEV-2");
        because(t, "faults", "DEV-3");
        because(t, "data", "CPU-10");
        return ok(t, { cpages: a.end - a.start, faults: a.faults, ...(a.write ? {} : { data: a.data as number[] }) });
      }
      const entry = file.dpt[a.at] ?? null;
      if (entry === null || (a.write && entry.tag !== "write")) {
        file.mutex = null;
        return goto(a, "fault");
      }
      if (!touchMemory(s, t, a, entry)) return;
      a.at++;
    },
  },
  fault: { spec: ["DEV-2"], apply: (s, t, a) => enter(t, a, "faulted", deviceFault(s, a.file, a.at, a.end, a.write)) },
  faulted: {
    spec: ["DEV-3", "DEV-5", "DMR-2", "TRC-9"],
    apply(_s, t, a) {
      if (a.got !== null) return fail(t, a.got as Errno, "DEV-2");
      a.faults++;
      goto(a, "lock");
    },
  },
};

function touchMemory(s: Work, t: TaskWork, a: Of<"device_access">, entry: Dpte): boolean {
  if (entry.unreachable) {
    crash(t);
    return false;
  }
  if (a.write) writeThrough(s, entry, a.value);
  else a.data.push(readThrough(s, entry));
  return true;
}

/** Defect A: the entry names the un-addressable frame itself, and the copy touches memory that does not exist. */
export function crash(t: TaskWork): void {
  die(t, "BUG: unable to handle page fault: the device page table names device-private memory itself", "DMR-10");
}

/** The first byte behind an entry; `null` where the entry is stale, so that nobody can say. */
export function readThrough(s: Work, entry: Dpte): number | null {
  if (entry.zero) return 0;
  return s.frames[entry.pfn]?.contents.first ?? null;
}

function writeThrough(s: Work, entry: Dpte, value: number): void {
  const frame = s.frames[entry.pfn];
  if (!frame || frame.free) s.tainted = true;
  else s.frames[entry.pfn] = { ...frame, dirty: frame.dirty || s.profile.driver.marksDirty, contents: { first: value, fill: value } };
}
