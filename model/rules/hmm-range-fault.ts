/** hmm_range_fault: reads the CPU page table of a range for a mirror, faulting where the caller asks for it. */
import { match } from "ts-pattern";
import { vpn as toVpn } from "../../spec/vocabulary.ts";
import type { Errno, FileId, Pfn } from "../../spec/vocabulary.ts";
import type { HmmPfn, Of } from "../activation.ts";
import { frameOf } from "../frames.ts";
import { PTRS_PER_PTE } from "../huge.ts";
import { canRead, mmOf, readLock, readUnlock } from "../locks.ts";
import { enter, goto, known, leave } from "../rule.ts";
import type { Steps } from "../rule.ts";
import type { Dpte, Pte, TaskWork, Vma, Work } from "../state.ts";
import { accessible, findVma } from "../vmas.ts";
import { handleMmFault } from "./handle-mm-fault.ts";
import { fileOf } from "./invalidate.ts";
import { snapshotCode } from "./snapshot-code.ts";

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
    pfns: [],
    got: null,
  };
}

export const hmmRangeFaultSteps: Steps<"hmm_range_fault"> = {
  d1: {
    spec: [],
    apply(s, _t, a) {
      a.seq = fileOf(s, a.file).seq;
      a.valid = true;
      a.at = a.start;
      a.pfns = Array.from({ length: a.end - a.start }, () => ({ kind: "input" }) as const);
      goto(a, s.profile.rangeProtocol === "sequence" && a.seq === mmOf(s, a.mm).seq ? "d2" : "d3");
    },
  },
  d2: { spec: [], enabled: (s, _t, a) => mmOf(s, a.mm).seq !== a.seq, apply: (_s, _t, a) => goto(a, "d3") },
  d3: {
    spec: [],
    enabled: (s, _t, a) => canRead(s, a.mm),
    apply(s, t, a) {
      readLock(s, a.mm, t.id);
      goto(a, "d4");
    },
  },
  d4: {
    spec: [],
    apply(s, t, a) {
      if (current(s, a)) return goto(a, "d5");
      readUnlock(s, a.mm, t.id);
      goto(a, "d1");
    },
  },
  d5: {
    spec: [],
    apply(s, t, a) {
      if (a.at >= a.end) return goto(a, "d7");
      const found = look(s, a, a.at);
      if (typeof found !== "string") {
        a.pfns[a.at - a.start] = found;
        a.at++;
        return;
      }
      if (found !== "fault") return fail(s, t, a, found);
      const vma = known(findVma(mmOf(s, a.mm), a.at), "vma");
      if (a.write && !vma.flags.write) return fail(s, t, a, s.profile.singleVma ? "EFAULT" : "EPERM");
      // Every page from here to the end of the chunk is faulted: of the mapping, of the page table, of the range.
      a.stop = Math.min(a.end, vma.end, a.at - (a.at % PTRS_PER_PTE) + PTRS_PER_PTE);
      enter(t, a, "d6", handleMmFault(a.mm, toVpn(a.at), a.write));
    },
  },
  d6: {
    spec: [],
    apply(s, t, a) {
      if (a.got !== null) return fail(s, t, a, "EFAULT");
      const faulted = nextToFault(a);
      if (faulted < a.stop) return enter(t, a, "d6", handleMmFault(a.mm, toVpn(faulted), a.write));
      a.fault = null;
      goto(a, "d4");
    },
  },
  d7: {
    spec: [],
    apply(s, t, a) {
      readUnlock(s, a.mm, t.id);
      goto(a, "d8");
    },
  },
  d8: {
    spec: [],
    enabled: (s, _t, a) => fileOf(s, a.file).mutex === null,
    apply(s, t, a) {
      if (!current(s, a)) return goto(a, "d1");
      const caller = t.stack.at(-2);
      if (caller?.op === "snapshot") caller.entries.push(...a.pfns.map((p) => snapshotCode(s, caller.dev, p)));
      else if (!install(s, a)) return leave(t, "EFAULT");
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

function fail(s: Work, t: TaskWork, a: Walk, errno: Errno): void {
  readUnlock(s, a.mm, t.id);
  leave(t, errno);
}

/** What the walk records for one page, or that it needs a fault, or an error. */
function look(s: Work, a: Walk, at: number): HmmPfn | "fault" | Errno {
  const mm = mmOf(s, a.mm);
  const vma = findVma(mm, at);
  if (vma === null) return a.request ? "EFAULT" : { kind: "error" };
  if (s.profile.singleVma && vma.map === "device") return a.request ? "EFAULT" : { kind: "error" };
  if (!vma.flags.read && !s.profile.singleVma) return a.request ? "EFAULT" : { kind: "error" };
  return lookAtPte(s, a, vma, known(mm.ptes[at], "pte"));
}

function lookAtPte(s: Work, a: Walk, vma: Vma, pte: Pte): HmmPfn | "fault" {
  const missing = (): HmmPfn | "fault" => (a.request && (vma.flags.read || !s.profile.singleVma) ? "fault" : { kind: "none" });
  return match(pte)
    .with({ kind: "none" }, { kind: "swap" }, { kind: "migration" }, { kind: "device_exclusive" }, missing)
    .with({ kind: "device_private" }, (p): HmmPfn | "fault" => {
      if (s.profile.ownerFilter && frameOf(s, p.pfn).dev !== fileOf(s, a.file).dev) return missing();
      const faults = s.profile.ownReadOnlyFaults || s.profile.driver.writesReadOnlyPrivate;
      if (a.request && a.write && !p.write && faults) return "fault";
      return { kind: "valid", pfn: p.pfn, write: p.write, zero: false, huge: false };
    })
    .with({ kind: "zero" }, (p): HmmPfn | "fault" =>
      lacks(a, false) ? "fault" : { kind: "valid", pfn: 0 as Pfn, write: false, zero: true, huge: p.huge },
    )
    .with({ kind: "present" }, (p): HmmPfn | "fault" => {
      if (!accessible(vma.flags)) return missing();
      return lacks(a, p.write) ? "fault" : { kind: "valid", pfn: p.pfn, write: p.write, zero: false, huge: p.huge };
    })
    .exhaustive();
}

function lacks(a: Walk, write: boolean): boolean {
  return a.request && a.write && !write;
}

/** d8: the device page table gets what the walk found. A page that is not writable although asked for ends it (defect B). */
function install(s: Work, a: Walk): boolean {
  const file = fileOf(s, a.file);
  for (const [i, found] of a.pfns.entries()) {
    if (found.kind !== "valid" || (a.write && !found.write)) return false;
    file.dpt[a.start + i] = entryFor(s, found);
  }
  return true;
}

function entryFor(s: Work, found: Extract<HmmPfn, { kind: "valid" }>): Dpte {
  const own = !found.zero && frameOf(s, found.pfn).kind === "private";
  return { pfn: found.pfn, zero: found.zero, tag: found.write ? "write" : "read", unreachable: own && s.profile.driver.storesDevicePage };
}
