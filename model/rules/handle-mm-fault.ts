/** The CPU fault: one call repairs one level; who faulted tries again until the access succeeds. */
import { match } from "ts-pattern";
import type { MmId, Pfn, Vpn } from "../../spec/vocabulary.ts";
import type { Of } from "../activation.ts";
import { allocSystem, drop, dropPte, frameOf, hold, lockPage, mapHolder, setFrame, unlockPage } from "../frames.ts";
import { hugeFits, mapHuge, splitBlock } from "../huge.ts";
import { mmOf } from "../locks.ts";
import { enter, goto, known, leave } from "../rule.ts";
import type { Steps } from "../rule.ts";
import { NONE, ZERO, ZEROES } from "../state.ts";
import type { Holder, Pte, TaskWork, Vma, Work } from "../state.ts";
import { findVma, prepareAnonVma } from "../vmas.ts";
import { invalidate, invalidateEnd } from "./invalidate.ts";
import { cpuFaultMigration } from "./migrate.ts";
import { faultShared } from "./shared-fault.ts";
import { swapIn } from "./swap-in.ts";

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

function setPte(s: Work, a: Fault, pte: Pte): void {
  mmOf(s, a.mm).ptes[a.vpn] = pte;
}

function vmaAt(s: Work, a: Fault): Vma {
  return known(findVma(mmOf(s, a.mm), a.vpn), "vma");
}

export const handleMmFaultSteps: Steps<"handle_mm_fault"> = {
  c2: {
    spec: [],
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
    spec: [],
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
    spec: [],
    apply(s, t, a) {
      if (!same(s, a)) return leave(t);
      const pte = a.pte;
      if (pte.kind === "present") {
        const vma = vmaAt(s, a);
        if (vma.map !== "private") {
          setPte(s, a, { ...pte, write: true, dirty: true });
          return leave(t);
        }
        if (pte.huge) splitBlock(s, a.mm, a.vpn);
        if (reusable(s, pte.pfn)) {
          setFrame(s, pte.pfn, { anonExclusive: true, mapping: { kind: "anon", anonVma: known(vma.anonVma, "anon_vma") } });
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
    spec: [],
    choices: () => ["page", "no-memory"],
    apply(s, t, a, choice) {
      if (choice === "no-memory") {
        if (a.pte.kind === "present") drop(s, a.pte.pfn, mine(t, "fault"));
        return leave(t, "oom");
      }
      prepareAnonVma(s, mmOf(s, a.mm), a.vpn);
      a.copy = allocSystem(s, [mine(t, "fault")]);
      if (a.pte.kind === "present") setFrame(s, a.copy, { contents: frameOf(s, a.pte.pfn).contents });
      enter(t, a, "c4c", invalidate(a.mm, a.vpn, a.vpn + 1, "CLEAR"));
    },
  },
  c4c: {
    spec: [],
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
    spec: [],
    apply(s, t, a) {
      invalidateEnd(s, a.mm);
      if (a.pte.kind === "present") drop(s, a.pte.pfn, mine(t, "fault"));
      drop(s, known(a.copy, "copy"), mine(t, "fault"));
      leave(t);
    },
  },
  c5: {
    spec: [],
    enabled: (s, _t, a) => !same(s, a) || (a.pte.kind === "migration" && frameOf(s, a.pte.pfn).locked === null),
    apply: (_s, t) => leave(t),
  },
  c6: {
    spec: [],
    apply(s, t, a) {
      if (a.pte.kind !== "device_private" || !same(s, a)) return leave(t);
      if (s.profile.faultTakesReference) hold(s, a.pte.pfn, mine(t, "fault"));
      enter(t, a, "c6_put", cpuFaultMigration(s, a.mm, a.vpn, a.pte.pfn));
    },
  },
  c6_put: {
    spec: [],
    apply(s, t, a) {
      const answer = a.got;
      if (a.pte.kind === "device_private" && s.profile.faultTakesReference) drop(s, a.pte.pfn, mine(t, "fault"));
      leave(t, answer);
    },
  },
  c7: {
    spec: [],
    apply(s, t, a) {
      // The frame may be gone already: then the entry is, too, and the access is tried again.
      if (a.pte.kind !== "device_exclusive" || !same(s, a)) return leave(t);
      hold(s, a.pte.pfn, mine(t, "fault"));
      goto(a, "c7_lock");
    },
  },
  c7_lock: {
    spec: [],
    enabled: (s, _t, a) => a.pte.kind === "device_exclusive" && frameOf(s, a.pte.pfn).locked === null,
    apply(s, t, a) {
      if (a.pte.kind === "device_exclusive") lockPage(s, a.pte.pfn, t.id);
      enter(t, a, "c7_restore", invalidate(a.mm, a.vpn, a.vpn + 1, "EXCLUSIVE"));
    },
  },
  c7_restore: {
    spec: [],
    apply(s, _t, a) {
      if (same(s, a)) setPte(s, a, restored(a.pte, vmaAt(s, a)));
      goto(a, "c7_end");
    },
  },
  c7_end: {
    spec: [],
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
    spec: [],
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

/** Nobody else can have the page: it is marked so, or the only reference is this mapping (and the swap cache, which gives it up). */
function reusable(s: Work, pfn: Pfn): boolean {
  const frame = frameOf(s, pfn);
  if (frame.anonExclusive) return true;
  const others = frame.holders.filter((h) => h.kind !== "swap-cache");
  if (others.length !== 1 || frame.locked !== null || frame.head !== null) return false;
  if (frame.slot !== null) {
    const slot = known(s.slots[frame.slot], "slot");
    if (slot.count > 0) return false;
    s.slots[frame.slot] = { ...slot, contents: ZEROES, cache: null };
    setFrame(s, pfn, { slot: null });
    drop(s, pfn, { kind: "swap-cache" });
  }
  return true;
}

/** Nothing is mapped in a private mapping: the zero page for a read, a zeroed page for a write. */
function faultAnonymous(s: Work, t: TaskWork, a: Fault): void {
  const vma = vmaAt(s, a);
  if (hugeFits(s, a.mm, vma, a.vpn)) {
    const prepared = a.write ? known(prepareAnonVma(s, mmOf(s, a.mm), a.vpn), "vma") : vma;
    mapHuge(s, a.mm, prepared, a.vpn, a.write);
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
    anonExclusive: true,
  });
  setPte(s, a, { kind: "present", pfn, write: vma.flags.write, dirty: vma.flags.write, huge: false });
}
