/** hmm_range_fault: reads the CPU page table of a range for a mirror, faulting where the caller asks for it. */
import { match } from "ts-pattern";
import { vpn as toVpn } from "../../spec/vocabulary.ts";
import type { Errno, FileId, Pfn } from "../../spec/vocabulary.ts";
import type { ReqId } from "../../spec/requirements.ts";
import type { HmmPfn, Of } from "../activation.ts";
import { frameOf } from "../frames.ts";
import { PTRS_PER_PTE } from "../huge.ts";
import { canRead, mmOf, readLock, readUnlock } from "../locks.ts";
import { readsReplica } from "../replicas.ts";
import { because, enter, goto, known, leave } from "../rule.ts";
import type { Steps } from "../rule.ts";
import type { Dpte, Pte, Vma, Work, TaskWork } from "../state.ts";
import { findVma } from "../vmas.ts";
import { handleMmFault } from "./handle-mm-fault.ts";
import { fileOf } from "./invalidate.ts";
import { snapshotCode, snapshotRule } from "./snapshot-code.ts";

type Walk = Of<"hmm_range_fault">;

/** A walk over `[start, end)`: with `request` each page must be there (and writable with `write`), without it nothing is faulted. */
export function hmmRangeFault(s: Work, file: FileId, start: number, end: number, request: boolean, write: boolean): Walk {
  return {
    op: "hmm_range_fault",
    pc: "d1",
    mm: fileOf(s, file).mm,
    file,
    start,
    end,
    request,
    write,
    seq: 0,
    valid: true,
    at: start,
    stop: start,
    fault: null,
    error: null,
    pfns: [],
    got: null,
  };
}

/** The steps of a range walk (d1 to d8). */
export const hmmRangeFaultSteps: Steps<"hmm_range_fault"> = {
  d1: {
    spec: ["INV-7", "SNAP-15", "RF-11", "RF-12", "RF-16"],
    apply(s, _t, a) {
      a.seq = fileOf(s, a.file).seq;
      a.valid = true;
      a.at = a.start;
      a.pfns = Array.from({ length: a.end - a.start }, () => ({ kind: "input" }) as const);
      goto(a, s.profile.rangeProtocol === "sequence" && a.seq === mmOf(s, a.mm).seq ? "d2" : "d3");
    },
  },
  d2: { spec: ["RF-11"], enabled: (s, _t, a) => mmOf(s, a.mm).seq !== a.seq, apply: (_s, _t, a) => goto(a, "d3") },
  d3: {
    spec: ["RF-1"],
    enabled: (s, _t, a) => canRead(s, a.mm),
    apply(s, t, a) {
      readLock(s, a.mm, t.id);
      goto(a, "d4");
    },
  },
  d4: {
    spec: ["SNAP-11", "RF-12"],
    apply(s, t, a) {
      if (current(s, a)) return goto(a, "d5");
      readUnlock(s, a.mm, t.id);
      goto(a, "d1");
    },
  },
  d5: {
    spec: [
      "SNAP-2",
      "SNAP-3",
      "SNAP-4",
      "SNAP-5",
      "SNAP-6",
      "SNAP-7",
      "SNAP-8",
      "SNAP-9",
      "SNAP-10",
      "SNAP-12",
      "SNAP-13",
      "SNAP-14",
      "RF-1",
      "RF-2",
      "RF-3",
      "RF-5",
      "RF-6",
      "RF-7",
      "RF-8",
      "RF-9",
      "RF-10",
      "RF-14",
      "RF-15",
      "MEM-38",
      "EXC-19",
      "IDL-7",
    ],
    apply(s, t, a) {
      if (a.at >= a.end) return goto(a, "d7");
      if (s.profile.singleVma && a.at === a.start && isSpecial(s, a)) return special(a);
      if (s.profile.singleVma && !a.request && !inOneVma(s, a)) return fail(t, a, "EINVAL", "SNAP-12");
      const found = look(s, a, a.at);
      if (typeof found !== "string") {
        a.pfns[a.at - a.start] = found;
        a.at++;
        return;
      }
      if (found !== "fault") return fail(t, a, found, s.profile.singleVma ? "RF-14" : "RF-5");
      const vma = known(findVma(mmOf(s, a.mm), a.at), "vma");
      if (a.write && !vma.flags.write) return fail(t, a, s.profile.singleVma ? "EFAULT" : "EPERM", "RF-6");
      // Every page from here to the end of the chunk is faulted: of the mapping, of the page table, of the range.
      a.stop = Math.min(a.end, vma.end, a.at - (a.at % PTRS_PER_PTE) + PTRS_PER_PTE);
      enter(t, a, "d6", handleMmFault(a.mm, toVpn(a.at), a.write));
    },
  },
  d6: {
    spec: ["RF-4", "RF-10", "RF-13", "RF-14", "EXC-19"],
    // v14 lets the fault drop the address space lock.
    choices: (s) => (s.profile.singleVma ? ["", "dropped"] : [""]),
    apply(s, t, a, choice) {
      if (choice === "dropped") {
        readUnlock(s, a.mm, t.id);
        return leave(t, "EAGAIN");
      }
      if (a.got !== null) return fail(t, a, "EFAULT", "RF-4");
      const faulted = nextToFault(a);
      if (faulted < a.stop) return enter(t, a, "d6", handleMmFault(a.mm, toVpn(faulted), a.write));
      a.fault = null;
      goto(a, "d4");
    },
  },
  d7: {
    spec: ["FRM-6", "RF-1"],
    apply(s, t, a) {
      readUnlock(s, a.mm, t.id);
      if (a.error === null) goto(a, "d8");
      else leave(t, a.error);
    },
  },
  d8: {
    spec: [
      "INV-5",
      "SNAP-2",
      "SNAP-3",
      "SNAP-4",
      "SNAP-5",
      "SNAP-6",
      "SNAP-7",
      "SNAP-8",
      "SNAP-9",
      "SNAP-10",
      "SNAP-11",
      "SNAP-13",
      "SNAP-14",
      "SNAP-15",
      "RF-3",
      "RF-8",
      "RF-12",
      "DEV-6",
      "IDL-4",
      "DMR-10",
      "DMR-11",
    ],
    enabled: (s, _t, a) => fileOf(s, a.file).mutex === null,
    apply(s, t, a) {
      if (!current(s, a)) return goto(a, "d1");
      const caller = t.stack.at(-2);
      if (caller?.op === "snapshot") {
        for (const [i, found] of a.pfns.entries()) {
          because(t, `entries/${caller.entries.length}`, snapshotRule(s, a.mm, a.start + i, found));
          caller.entries.push(snapshotCode(s, caller.dev, found));
        }
      } else if (!install(s, a)) {
        because(t, "errno", unusable(s, a));
        return leave(t, "EFAULT");
      }
      leave(t);
    },
  },
};

/** The next page of the chunk that a fault round has not reached yet. */
function nextToFault(a: Walk): number {
  a.fault = (a.fault ?? a.at) + 1;
  return a.fault;
}

/** Whether nothing that the walk has read may have changed since it began. */
function current(s: Work, a: Walk): boolean {
  return s.profile.rangeProtocol === "sequence" ? fileOf(s, a.file).seq === a.seq : a.valid;
}

/** The walk ends at this page: v14 marks it with an error word. What lies behind it is not looked at. */
function fail(t: TaskWork, a: Walk, errno: Errno, rule: ReqId): void {
  because(t, "errno", rule);
  if (a.fault !== null) a.at = a.fault;
  a.pfns[a.at - a.start] = { kind: "error" };
  a.error = errno;
  goto(a, "d7");
}

function isSpecial(s: Work, a: Walk): boolean {
  return findVma(mmOf(s, a.mm), a.start)?.map === "device";
}

/** v14: no page of a special mapping is looked at. A snapshot of it fails, a fault of it succeeds. */
function special(a: Walk): void {
  a.pfns = a.pfns.map(() => ({ kind: "special" }));
  a.at = a.end;
  if (!a.request) a.error = "EINVAL";
  goto(a, "d7");
}

function inOneVma(s: Work, a: Walk): boolean {
  const vma = findVma(mmOf(s, a.mm), a.start);
  return vma !== null && a.end <= vma.end;
}

/** What the walk records for one page, or that it needs a fault, or an error. */
function look(s: Work, a: Walk, at: number): HmmPfn | "fault" | Errno {
  const mm = mmOf(s, a.mm);
  const vma = findVma(mm, at);
  if (vma === null) return a.request ? "EFAULT" : { kind: "error" };
  if (!vma.flags.read && !s.profile.singleVma) return a.request ? "EFAULT" : { kind: "error" };
  return lookAtPte(s, a, vma, known(mm.ptes[at], "pte"));
}

function lookAtPte(s: Work, a: Walk, vma: Vma, pte: Pte): HmmPfn | "fault" {
  const { singleVma } = s.profile;
  const { read } = vma.flags;
  const missing = (kind: "none" | "empty" | "error" = "none"): HmmPfn | "fault" => (a.request ? "fault" : { kind });
  return match(pte)
    .with({ kind: "none" }, () => (singleVma && !read ? ({ kind: "empty" } as const) : missing(singleVma ? "empty" : "none")))
    .with({ kind: "migration" }, () => missing(singleVma ? "error" : "none"))
    .with({ kind: "swap" }, { kind: "device_exclusive" }, () => missing())
    .with({ kind: "device_private" }, (p): HmmPfn | "fault" => {
      if (s.profile.ownerFilter && frameOf(s, p.pfn).dev !== fileOf(s, a.file).dev) return missing();
      const faults = s.profile.ownReadOnlyFaults || s.profile.driver.writesReadOnlyPrivate;
      if (a.request && a.write && !p.write && faults) return "fault";
      return { kind: "valid", pfn: p.pfn, read, write: p.write, zero: false, huge: false };
    })
    .with({ kind: "zero" }, (p): HmmPfn | "fault" =>
      lacks(a, false) ? "fault" : { kind: "valid", pfn: 0 as Pfn, read, write: false, zero: true, huge: p.huge },
    )
    .with({ kind: "present" }, (p): HmmPfn | "fault" =>
      lacks(a, p.write) ? "fault" : { kind: "valid", pfn: p.pfn, read, write: p.write, zero: false, huge: p.huge },
    )
    .exhaustive();
}

function lacks(a: Walk, write: boolean): boolean {
  return a.request && a.write && !write;
}

/** d8: the device page table gets what the walk found. A page that is not writable although asked for ends it (defect B). */
function install(s: Work, a: Walk): boolean {
  const file = fileOf(s, a.file);
  for (const [i, found] of a.pfns.entries()) {
    if (found.kind !== "valid" || !found.read || (a.write && !found.write)) return false;
    if (!readsReplica(s, file.dpt[a.start + i] ?? null, found.pfn)) file.dpt[a.start + i] = entryFor(s, found);
  }
  return true;
}

/** The requirement by which the driver has no use for what it found. */
function unusable(s: Work, a: Walk): ReqId {
  if (!s.profile.singleVma) return "DMR-11";
  return a.pfns.some(({ kind }) => kind === "special") ? "RF-15" : "RF-5";
}

function entryFor(s: Work, found: Extract<HmmPfn, { kind: "valid" }>): Dpte {
  const own = !found.zero && frameOf(s, found.pfn).kind === "private";
  return { pfn: found.pfn, zero: found.zero, tag: found.write ? "write" : "read", unreachable: own && s.profile.driver.storesDevicePage };
}
