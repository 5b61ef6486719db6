/** fork: mapping by mapping. Private pages are shared read-only by both, shared memory is found again by faults. */
import { vpn as toVpn } from "../../spec/vocabulary.ts";
import type { MmId } from "../../spec/vocabulary.ts";
import type { Of } from "../activation.ts";
import { actorOf } from "../files.ts";
import { allocSystem, frameOf, hold, isPinned, mapHolder, mappedPfn, setFrame } from "../frames.ts";
import { canWrite, mmOf, writeLock, writeUnlock } from "../locks.ts";
import { enter, goto, known, ok } from "../rule.ts";
import type { Steps } from "../rule.ts";
import { NONE } from "../state.ts";
import type { Pte, TaskWork, Vma, Work } from "../state.ts";
import { newMmId } from "../reap.ts";
import { findVma, forkAnonVma, copyStamp } from "../vmas.ts";
import { restored } from "./handle-mm-fault.ts";
import { invalidate, invalidateEnd } from "./invalidate.ts";

type Fork = Of<"fork">;

const parentMm = (s: Work, t: TaskWork): MmId => actorOf(s, t.actor).mm;

const vmaOf = (s: Work, t: TaskWork, a: Fork): Vma => known(mmOf(s, parentMm(s, t)).vmas[a.at], "vma");

/** The steps of fork. */
export const forkSteps: Steps<"fork"> = {
  lock: {
    spec: ["MIR-4"],
    enabled: (s, t) => canWrite(s, parentMm(s, t)),
    apply(s, t, a) {
      writeLock(s, parentMm(s, t), t.id);
      a.childMm = newMmId(s);
      s.mms[a.childMm] = {
        users: 1,
        vmas: [],
        ptes: Array.from({ length: s.pages }, () => NONE),
        lock: { writer: t.id, readers: [] },
        hmm: false,
        active: 0,
        seq: 2,
      };
      goto(a, "vma");
    },
  },
  vma: {
    spec: ["INV-18", "FRK-1", "FRK-2", "FRK-7", "NTF-1"],
    apply(s, t, a) {
      const parent = mmOf(s, parentMm(s, t));
      const vma = parent.vmas[a.at];
      if (!vma) return goto(a, "files");
      const copied = { ...vma, ...forkAnonVma(s, vma), stamp: copyStamp(s, vma) };
      mmOf(s, a.childMm).vmas.push(copied);
      // Entries that a fault will fill again are not copied.
      if (vma.anonVma === null && vma.map !== "device") {
        a.at++;
        return;
      }
      if (vma.map === "private") return enter(t, a, "copy", invalidate(parentMm(s, t), vma.start, vma.end, "PROTECTION_PAGE"));
      goto(a, "copy");
    },
  },
  copy: {
    spec: ["FRM-2", "FRM-4", "FRM-5", "FRK-3", "FRK-4", "FRK-5", "FRK-6", "INV-2", "MIG-53", "MEM-39", "EXC-18", "EXC-22"],
    enabled: (s, t, a) => !exclusiveLocked(s, t, a),
    apply(s, t, a) {
      const vma = vmaOf(s, t, a);
      for (let v = vma.start; v < vma.end; v++) copyEntry(s, parentMm(s, t), a.childMm, vma, v);
      goto(a, "end");
    },
  },
  end: {
    spec: ["FRK-7", "INV-6"],
    apply(s, t, a) {
      if (vmaOf(s, t, a).map === "private") invalidateEnd(s, parentMm(s, t));
      a.at++;
      goto(a, "vma");
    },
  },
  files: {
    spec: ["FRM-6", "MIR-4", "MIR-5", "TRC-4"],
    apply(s, t, a) {
      const { files } = actorOf(s, t.actor);
      for (let n = s.actors.length; n < a.child; n++) s.actors[n] = null;
      s.actors[a.child] = { mm: a.childMm, alive: true, files: files.map((f) => (a.inherit ? f : null)) };
      if (a.inherit) for (const file of files) if (file !== null) known(s.files[file], `file ${file}`).users++;
      writeUnlock(s, parentMm(s, t));
      writeUnlock(s, a.childMm);
      ok(t);
    },
  },
};

/** A device-exclusive entry is restored first, which needs the page lock. */
function exclusiveLocked(s: Work, t: TaskWork, a: Fork): boolean {
  const vma = vmaOf(s, t, a);
  const { ptes } = mmOf(s, parentMm(s, t));
  for (let v = vma.start; v < vma.end; v++) {
    const pte = ptes[v];
    if (pte?.kind === "device_exclusive" && frameOf(s, pte.pfn).locked !== null) return true;
  }
  return false;
}

function copyEntry(s: Work, from: MmId, to: MmId, vma: Vma, v: number): void {
  const parent = mmOf(s, from).ptes;
  const child = mmOf(s, to).ptes;
  const cow = vma.map === "private";
  const pte = restored(known(parent[v], "pte"), vma);
  parent[v] = pte;
  const pfn = mappedPfn(pte);
  if (pfn !== null && pinned(s, pfn) && pte.kind === "present") {
    // The parent keeps what is pinned: the child gets a copy at once.
    const copy = allocSystem(s, [mapHolder(to, toVpn(v))]);
    const { contents, index } = frameOf(s, pfn);
    const own = known(findVma(mmOf(s, to), v)?.anonVma, "anon_vma of the child");
    setFrame(s, copy, { contents, mapping: { kind: "anon", anonVma: own }, index, anonExclusive: true });
    child[v] = { ...pte, pfn: copy, write: vma.flags.write, dirty: true };
    return;
  }
  const shared = cow ? shareable(pte) : pte;
  parent[v] = shared;
  child[v] = !cow && shared.kind === "present" ? { ...shared, dirty: false } : shared;
  if (pfn !== null) {
    hold(s, pfn, mapHolder(to, toVpn(v)));
    if (cow) setFrame(s, pfn, { anonExclusive: false });
  } else if (shared.kind === "swap") {
    const slot = known(s.slots[shared.slot], "slot");
    s.slots[shared.slot] = { ...slot, count: slot.count + 1 };
  }
}

function pinned(s: Work, pfn: number): boolean {
  const frame = known(s.frames[pfn], "frame");
  return frame.anonExclusive && isPinned(frame);
}

/** The entry that parent and child have after the copy: nobody may write without a fault. */
function shareable(pte: Pte): Pte {
  switch (pte.kind) {
    case "present":
    case "device_private":
      return pte.write ? { ...pte, write: false } : pte;
    case "migration":
      return pte.mode === "read" ? pte : { ...pte, mode: "read" };
    case "swap":
      return pte.exclusive ? { ...pte, exclusive: false } : pte;
    case "none":
    case "zero":
    case "device_exclusive":
      return pte;
  }
}
