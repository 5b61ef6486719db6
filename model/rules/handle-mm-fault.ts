/** The CPU fault: one call repairs one level; who faulted tries again until the access succeeds. */
import { match } from "ts-pattern";
import type { MmId, Pfn, Vpn } from "../../spec/vocabulary.ts";
import type { Of } from "../activation.ts";
import { allocSystem, drop, dropPte, frameOf, freeSwapCache, hold, lockPage, mapHolder, setFrame, unlockPage } from "../frames.ts";
import { hugeFits, hugeReusable, mapHuge, reuseHuge, splitBlock } from "../huge.ts";
import { mmOf } from "../locks.ts";
import { replicated } from "../replicas.ts";
import { enter, goto, known, leave } from "../rule.ts";
import type { Steps } from "../rule.ts";
import { NONE, ZERO } from "../state.ts";
import type { Holder, Pte, TaskWork, Vma, Work } from "../state.ts";
import { findVma, prepareAnonVma } from "../vmas.ts";
import { dropReplicas } from "./drop-replicas.ts";
import { invalidate, invalidateEnd } from "./invalidate.ts";
import { cpuFaultMigration } from "./migrate.ts";
import { faultShared, sharedPageLocked } from "./shared-fault.ts";
import { swapCacheLocked, swapIn } from "./swap-in.ts";

type Fault = Of<"handle_mm_fault">;

/** A fault at one page. Answers `null` (try again), `"sigbus"` or `"oom"`. The caller holds the address space lock and has checked permissions. */
export function handleMmFault(mm: MmId, at: Vpn, write: boolean): Fault {
  return { op: "handle_mm_fault", pc: "c2", mm, vpn: at, write, pte: NONE, copy: null, got: null };
}

const mine = (t: TaskWork, why: Extract<Holder, { kind: "task" }>["why"]): Holder => ({ kind: "task", task: t.id, why });

function pteAt(s: Work, a: Fault): Pte {
  return known(mmOf(s, a.mm).ptes[a.vpn], "pte");
}

/** The re-check under the page table lock: the entry is the one that the fault looked at. */
function same(s: Work, a: Fault): boolean {
  return pteAt(s, a) === a.pte || JSON.stringify(pteAt(s, a)) === JSON.stringify(a.pte);
}

/** Whether the page of the migration entry that the fault met is locked by nobody. */
function unlocked(s: Work, a: Fault): boolean {
  return a.pte.kind === "migration" && frameOf(s, a.pte.pfn).locked === null;
}

function setPte(s: Work, a: Fault, pte: Pte): void {
  mmOf(s, a.mm).ptes[a.vpn] = pte;
}

function vmaAt(s: Work, a: Fault): Vma {
  return known(findVma(mmOf(s, a.mm), a.vpn), "vma");
}

/** The steps of a CPU fault (c2 to c8). */
export const handleMmFaultSteps: Steps<"handle_mm_fault"> = {
  c2: {
    spec: ["PTE-1"],
    apply(s, t, a) {
      a.pte = pteAt(s, a);
      match(a.pte)
        .with({ kind: "none" }, () => goto(a, "c3"))
        .with({ kind: "zero" }, () => (a.write ? goto(a, "c4a") : leave(t)))
        .with({ kind: "present", write: false }, () => (a.write ? goto(a, "c4a") : leave(t)))
        .with({ kind: "present", write: true }, () => spurious(s, t, a))
        .with({ kind: "migration" }, () => goto(a, "c5"))
        .with({ kind: "device_private" }, () => goto(a, "c6"))
        .with({ kind: "device_exclusive" }, () => goto(a, "c7"))
        .with({ kind: "swap" }, () => goto(a, "c8"))
        .exhaustive();
    },
  },
  c3: {
    spec: ["FRK-8", "FRM-2", "FRM-3", "FRM-4", "FRM-5", "VMA-11", "CPU-3", "CPU-4", "CPU-7", "CPU-8", "CPU-9", "CPU-11", "INV-3", "NTF-6"],
    enabled: (s, _t, a) => !same(s, a) || !sharedPageLocked(s, vmaAt(s, a), a.vpn),
    apply(s, t, a) {
      if (!same(s, a)) return leave(t);
      match(vmaAt(s, a))
        .with({ map: "private" }, () => faultAnonymous(s, t, a))
        .with({ map: "shared" }, (vma) => {
          faultShared(s, a.mm, vma, a.vpn, a.write);
          leave(t);
        })
        .with({ map: "device" }, () => leave(t, "sigbus"))
        .exhaustive();
    },
  },
  c4a: {
    spec: ["FRM-5", "PTE-2", "CPU-6", "INV-3", "MEM-39", "NTF-6"],
    apply(s, t, a) {
      if (!same(s, a)) return leave(t);
      const pte = a.pte;
      if (pte.kind === "present") {
        if (replicated(s, pte.pfn)) return enter(t, a, "c2", dropReplicas(pte.pfn));
        const vma = vmaAt(s, a);
        if (vma.map !== "private") {
          setPte(s, a, { ...pte, write: true, dirty: true });
          return leave(t);
        }
        if (pte.huge) {
          if (hugeReusable(s, a.mm, a.vpn)) {
            reuseHuge(s, a.mm, vma, a.vpn);
            return leave(t);
          }
          splitBlock(s, a.mm, a.vpn);
        }
        if (reusable(s, pte.pfn)) {
          setFrame(s, pte.pfn, {
            anonExclusive: s.profile.anonExclusive,
            mapping: { kind: "anon", anonVma: known(vma.anonVma, "anon_vma") },
          });
          setPte(s, a, { ...pte, write: true, dirty: true, huge: false });
          return leave(t);
        }
        a.pte = { ...pte, huge: false };
        hold(s, pte.pfn, mine(t, "fault"));
      } else if (pte.kind === "zero" && pte.huge) {
        splitBlock(s, a.mm, a.vpn);
        a.pte = ZERO;
      }
      goto(a, "c4b");
    },
  },
  c4b: {
    spec: ["RCL-15", "FRM-4", "VMA-11", "CPU-5", "NTF-1", "NTF-6"],
    choices: () => ["page", "no-memory"],
    apply(s, t, a, choice) {
      if (choice === "no-memory") {
        if (a.pte.kind === "present") drop(s, a.pte.pfn, mine(t, "fault"));
        return leave(t, "oom");
      }
      prepareAnonVma(s, mmOf(s, a.mm), a.vpn);
      a.copy = allocSystem(s, [mine(t, "fault")]);
      // Nobody finds it on the LRU before it is mapped.
      setFrame(s, a.copy, { lru: false, ...(a.pte.kind === "present" && { contents: frameOf(s, a.pte.pfn).contents }) });
      enter(t, a, "c4c", invalidate(a.mm, a.vpn, a.vpn + 1, "CLEAR"));
    },
  },
  c4c: {
    spec: ["FRM-2", "FRM-5", "PTE-2", "CPU-5", "INV-2"],
    apply(s, _t, a) {
      const copy = known(a.copy, "copy");
      if (same(s, a)) {
        mapNew(s, a, copy);
        dropPte(s, a.mm, a.vpn, a.pte);
      }
      goto(a, "c4_end");
    },
  },
  c4_end: {
    spec: ["FRM-1", "CPU-5", "INV-6"],
    apply(s, t, a) {
      invalidateEnd(s, a.mm);
      if (a.pte.kind === "present") drop(s, a.pte.pfn, mine(t, "fault"));
      drop(s, known(a.copy, "copy"), mine(t, "fault"));
      leave(t);
    },
  },
  c5: {
    spec: ["RF-13", "MIG-41"],
    enabled: (s, _t, a) => s.profile.migrationWaitTakesReference || !same(s, a) || unlocked(s, a),
    apply(s, t, a) {
      if (!s.profile.migrationWaitTakesReference || a.pte.kind !== "migration" || !same(s, a)) return leave(t);
      hold(s, a.pte.pfn, mine(t, "wait"));
      goto(a, "c5_wait");
    },
  },
  c5_wait: {
    spec: ["MIG-41"],
    enabled: (s, _t, a) => unlocked(s, a),
    apply(s, t, a) {
      if (a.pte.kind === "migration") drop(s, a.pte.pfn, mine(t, "wait"));
      leave(t);
    },
  },
  c6: {
    spec: ["MEM-17", "MEM-18", "MEM-20", "MEM-22", "MEM-23", "MEM-26"],
    apply(s, t, a) {
      if (a.pte.kind !== "device_private") return leave(t);
      // v14 does not look again: the frame may be another page by now, or its memory gone.
      if (s.profile.faultTakesReference ? !same(s, a) : frameOf(s, a.pte.pfn).dev === null) return leave(t);
      if (s.profile.faultTakesReference) hold(s, a.pte.pfn, mine(t, "fault"));
      enter(t, a, "c6_put", cpuFaultMigration(s, a.mm, a.vpn, a.pte.pfn));
    },
  },
  c6_put: {
    spec: ["MEM-22", "MEM-24", "MEM-25"],
    apply(s, t, a) {
      const answer = a.got;
      if (a.pte.kind === "device_private" && s.profile.faultTakesReference) drop(s, a.pte.pfn, mine(t, "fault"));
      leave(t, answer);
    },
  },
  c7: {
    spec: ["EXC-17"],
    apply(s, t, a) {
      // The frame may be gone already: then the entry is, too, and the access is tried again.
      if (a.pte.kind !== "device_exclusive" || !same(s, a)) return leave(t);
      hold(s, a.pte.pfn, mine(t, "fault"));
      goto(a, "c7_lock");
    },
  },
  c7_lock: {
    spec: ["EXC-10", "EXC-17", "NTF-1"],
    enabled: (s, _t, a) => a.pte.kind === "device_exclusive" && frameOf(s, a.pte.pfn).locked === null,
    apply(s, t, a) {
      if (a.pte.kind === "device_exclusive") lockPage(s, a.pte.pfn, t.id);
      enter(t, a, "c7_restore", invalidate(a.mm, a.vpn, a.vpn + 1, "EXCLUSIVE"));
    },
  },
  c7_restore: {
    spec: ["PTE-2", "EXC-17", "EXC-18"],
    apply(s, _t, a) {
      if (same(s, a)) setPte(s, a, restored(a.pte, vmaAt(s, a)));
      goto(a, "c7_end");
    },
  },
  c7_end: {
    spec: ["FRM-1", "FRM-6", "EXC-17"],
    apply(s, t, a) {
      invalidateEnd(s, a.mm);
      if (a.pte.kind === "device_exclusive") {
        unlockPage(s, a.pte.pfn);
        drop(s, a.pte.pfn, mine(t, "fault"));
      }
      leave(t);
    },
  },
  c8: {
    spec: ["FRM-2", "FRM-5", "RCL-9", "RCL-10", "INV-3"],
    enabled: (s, _t, a) => !same(s, a) || a.pte.kind !== "swap" || !swapCacheLocked(s, a.pte),
    apply(s, t, a) {
      if (same(s, a) && a.pte.kind === "swap") swapIn(s, a.mm, vmaAt(s, a), a.vpn, a.pte, a.write);
      leave(t);
    },
  },
};

/** The present entry that a device-exclusive entry stood for. */
export function restored(pte: Pte, vma: Vma): Pte {
  if (pte.kind !== "device_exclusive") return pte;
  const write = pte.write && vma.flags.write;
  return { kind: "present", pfn: pte.pfn, write, dirty: pte.write, huge: false };
}

/** The entry already allows the access: a write marks it dirty. */
function spurious(s: Work, t: TaskWork, a: Fault): void {
  if (a.write && a.pte.kind === "present" && !a.pte.dirty) setPte(s, a, { ...a.pte, dirty: true });
  leave(t);
}

/**
 * Nobody else can have the page: it is marked so, or the only reference is this mapping (and the swap cache, which gives it up).
 * v14 has no marks and counts mappings instead of references.
 */
function reusable(s: Work, pfn: Pfn): boolean {
  const frame = frameOf(s, pfn);
  if (frame.anonExclusive) return true;
  const counted = frame.holders.filter((h) => (s.profile.anonExclusive ? h.kind !== "swap-cache" : h.kind === "map"));
  if (counted.length !== 1 || frame.locked !== null || frame.head !== null) return false;
  if (frame.slot !== null) {
    if (known(s.slots[frame.slot], "slot").count > 0) return false;
    freeSwapCache(s, pfn);
  }
  return true;
}

/** Nothing is mapped in a private mapping: the zero page for a read, a zeroed page for a write. */
function faultAnonymous(s: Work, t: TaskWork, a: Fault): void {
  const vma = vmaAt(s, a);
  if (hugeFits(s, a.mm, vma, a.vpn)) {
    // Also for a read, which maps the huge zero page: the mapping counts as faulted from now on.
    mapHuge(s, a.mm, known(prepareAnonVma(s, mmOf(s, a.mm), a.vpn), "vma"), a.vpn, a.write);
  } else if (!a.write) setPte(s, a, ZERO);
  else {
    prepareAnonVma(s, mmOf(s, a.mm), a.vpn);
    mapNew(s, a, allocSystem(s, []));
  }
  leave(t);
}

/** Maps a new anonymous page that only this mapping has. */
function mapNew(s: Work, a: Fault, pfn: Pfn): void {
  const vma = vmaAt(s, a);
  hold(s, pfn, mapHolder(a.mm, a.vpn));
  setFrame(s, pfn, {
    mapping: { kind: "anon", anonVma: known(vma.anonVma, "anon_vma") },
    index: vma.pgoff + a.vpn - vma.start,
    anonExclusive: s.profile.anonExclusive,
    lru: true,
  });
  setPte(s, a, { kind: "present", pfn, write: vma.flags.write, dirty: vma.flags.write, huge: false });
}
