/** migrate_to_device and migrate_to_system: the driver's calls, mapping by mapping and batch by batch. */
import type { Errno } from "../../spec/vocabulary.ts";
import type { Of } from "../activation.ts";
import { frameOf, mappedPfn } from "../frames.ts";
import { canRead, mmOf, readLock, readUnlock } from "../locks.ts";
import { because, enter, fail, goto, ok } from "../rule.ts";
import type { Steps } from "../rule.ts";
import type { TaskWork, Work } from "../state.ts";
import { findVma } from "../vmas.ts";
import { crash, readThrough } from "./device-access.ts";
import { deviceFault } from "./device-fault.ts";
import { putMm } from "./exit.ts";
import { openStep, useMirrored } from "./driver-call.ts";
import { fileOf } from "./invalidate.ts";
import { migrateRange } from "./migrate.ts";

/** The steps of the driver's migration calls. */
export const migrateCallSteps: Steps<"migrate_call"> = {
  open: openStep,
  check: {
    spec: ["MIR-11", "DEV-9", "TRC-15"],
    apply(s, t, a) {
      if (!useMirrored(s, t, a)) return;
      goto(a, "m0");
    },
  },
  m0: {
    spec: ["MIG-4"],
    enabled: (s, _t, a) => canRead(s, a.mm),
    apply(s, t, a) {
      readLock(s, a.mm, t.id);
      goto(a, "next");
    },
  },
  next: {
    spec: ["MIG-1", "MIG-2", "MIG-3", "DMR-1", "DMR-4"],
    apply(s, t, a) {
      if (a.at >= a.end) return goto(a, "unlock");
      const vma = findVma(mmOf(s, a.mm), a.at);
      if (vma === null || !vma.flags.read || vma.map === "device") {
        a.error = "EINVAL";
        return goto(a, "unlock");
      }
      a.stop = Math.min(a.end, vma.end, a.at + s.profile.driver.migrateBatch);
      enter(t, a, "moved", migrateRange(a.mm, a.at, a.stop, a.dev, a.file, a.direction));
    },
  },
  moved: {
    spec: ["MIG-43", "MIG-48"],
    apply(_s, _t, a) {
      a.cpages += Number(a.got);
      a.at = a.stop;
      goto(a, "next");
    },
  },
  unlock: {
    spec: ["FRM-6", "MIG-4"],
    apply(s, t, a) {
      readUnlock(s, a.mm, t.id);
      a.at = a.start;
      putMm(s, t, a, a.mm, "read");
    },
  },
  read: {
    spec: ["MIG-3", "MIG-48", "DMR-2", "DMR-4", "TRC-9"],
    enabled: (s, _t, a) => fileOf(s, a.file).mutex === null,
    apply(s, t, a) {
      if (a.error !== null) return fail(t, a.error, "MIG-2");
      if (a.direction === "to_system") {
        because(t, "status", "MIG-2");
        because(t, "cpages", "MIG-48");
        return ok(t, { cpages: a.cpages });
      }
      fileOf(s, a.file).mutex = t.id;
      goto(a, "a1");
    },
  },
  a1: { spec: ["MIG-45", "IDL-9", "DMR-3"], apply: (s, t, a) => readBack(s, t, a) },
  faulted: { spec: ["IDL-9"], apply: (_s, t, a) => (a.got === null ? goto(a, "read") : fail(t, a.got as Errno, "IDL-9")) },
};

/** The driver shows the contents of what it moved by reading them through its page table. */
function readBack(s: Work, t: TaskWork, a: Of<"migrate_call">): void {
  const file = fileOf(s, a.file);
  if (a.at >= a.end) {
    file.mutex = null;
    const cpages = s.profile.driver.readBackNeedsEntry ? a.end - a.start : resident(s, a);
    because(t, "status", s.profile.driver.readBackNeedsEntry ? "MIG-45" : "IDL-9");
    because(t, "cpages", s.profile.driver.readBackNeedsEntry ? "MIG-45" : "IDL-9");
    because(t, "data", "MIG-44");
    return ok(t, { cpages, data: a.data as number[] });
  }
  const entry = file.dpt[a.at] ?? null;
  if (entry !== null) {
    if (entry.unreachable) return crash(t);
    a.data.push(readThrough(s, entry));
    a.at++;
    return;
  }
  file.mutex = null;
  if (s.profile.driver.readBackNeedsEntry) return fail(t, "ENOENT", "MIG-45");
  enter(t, a, "faulted", deviceFault(s, a.file, a.at, a.at + 1, false));
}

/** Pages of the range that are on the device now. */
function resident(s: Work, a: Of<"migrate_call">): number {
  const { ptes } = mmOf(s, a.mm);
  return ptes.slice(a.start, a.end).filter((pte) => {
    const pfn = mappedPfn(pte);
    return pfn !== null && frameOf(s, pfn).dev === a.dev;
  }).length;
}
