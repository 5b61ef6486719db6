/**
 * Unmapping a page everywhere: for each mapping that could hold it the mirrors of that address space are told, whether the page is
 * mapped there or not; then the entry, if it is there, becomes a migration entry, a swap entry, a device-exclusive entry, or nothing.
 */
import type { MmId, Pfn } from "../../spec/vocabulary.ts";
import type { Of } from "../activation.ts";
import { drop, frameOf, isPinned, mapCount, mapHolder, mappedPfn, rmap, setFrame } from "../frames.ts";
import { PTRS_PER_PTE } from "../huge.ts";
import { mmOf } from "../locks.ts";
import { enter, goto, known, leave } from "../rule.ts";
import type { Steps } from "../rule.ts";
import { NONE } from "../state.ts";
import type { Pte, Work } from "../state.ts";
import { findVma } from "../vmas.ts";
import { invalidate, invalidateEnd } from "./invalidate.ts";

type Walk = Of<"rmap_walk">;

/** A walk over all mappings that could hold a page; `more` is what its mode needs. */
export function rmapWalk(pfn: Pfn, mode: Walk["mode"], more: Partial<Pick<Walk, "slot" | "only" | "owner" | "lazyFree">> = {}): Walk {
  return {
    op: "rmap_walk",
    pc: "next",
    pfn,
    mode,
    slot: null,
    targets: [],
    only: null,
    owner: null,
    lazyFree: false,
    started: false,
    valid: false,
    got: null,
    ...more,
  };
}

/** The steps of a reverse map walk, once for each mapping. */
export const rmapWalkSteps: Steps<"rmap_walk"> = {
  next: {
    spec: ["INV-15", "MIG-19", "MIG-20", "EXC-6", "NTF-1"],
    apply(s, t, a) {
      if (!a.started) {
        const frame = frameOf(s, a.pfn);
        a.targets = [...rmap(s, frame.mapping, frame.index)];
        a.started = true;
      }
      const target = a.targets[0];
      if (!target) return leave(t, a.valid ? 1 : 0);
      enter(t, a, "clear", invalidate(target.mm, target.vpn, endOf(s, a, target), a.mode === "exclusive" ? "EXCLUSIVE" : "CLEAR", a.owner));
    },
  },
  clear: {
    spec: [
      "EXC-25",
      "FRM-2",
      "FRM-7",
      "PTE-3",
      "RCL-3",
      "RCL-4",
      "RCL-5",
      "RCL-8",
      "INV-2",
      "MIG-15",
      "MIG-16",
      "MIG-17",
      "MIG-39",
      "EXC-8",
      "EXC-9",
    ],
    apply(s, _t, a) {
      const { mm, vpn } = known(a.targets[0], "target");
      const { ptes } = mmOf(s, mm);
      const pte = known(ptes[vpn], "pte");
      if (mappedPfn(pte) === a.pfn && !(pte.kind === "device_exclusive" && a.mode === "exclusive")) {
        const next = replaced(s, a, pte);
        // A page that stays mapped ends the walk.
        if (next === null) a.targets = a.targets.slice(0, 1);
        else {
          ptes[vpn] = next;
          if (a.mode === "exclusive") a.valid ||= a.only?.mm === mm && a.only.vpn === vpn && pte.kind === "present" && pte.write;
          else if (a.mode !== "protect") drop(s, a.pfn, mapHolder(mm, vpn));
        }
      }
      if (a.mode === "exclusive" && frameOf(s, a.pfn).head === a.pfn) takeCompound(s, a.pfn, mm, vpn);
      goto(a, "end");
    },
  },
  end: {
    spec: ["INV-6", "INV-15", "MIG-20"],
    apply(s, _t, a) {
      const { mm } = known(a.targets[0], "target");
      invalidateEnd(s, mm);
      // The walk ends as soon as the page is mapped nowhere: who comes later is not told.
      a.targets = mapCount(frameOf(s, a.pfn)) > (a.mode === "exclusive" && a.valid ? 1 : 0) ? a.targets.slice(1) : [];
      goto(a, "next");
    },
  },
};

/** Where the notification for one mapping ends: a compound page that is taken for exclusive use is taken as a whole. */
function endOf(s: Work, a: Walk, { mm, vpn }: Walk["targets"][number]): number {
  if (a.mode !== "exclusive" || frameOf(s, a.pfn).head !== a.pfn) return vpn + 1;
  return Math.min(vpn + PTRS_PER_PTE, findVma(mmOf(s, mm), vpn)?.end ?? vpn + 1);
}

/** The other pages of a compound page whose first one was taken become exclusive, too, although nobody has asked for them. */
function takeCompound(s: Work, head: Pfn, mm: MmId, vpn: number): void {
  const { ptes } = mmOf(s, mm);
  for (let v = vpn + 1; v < vpn + PTRS_PER_PTE; v++) {
    const pte = ptes[v];
    if (pte?.kind !== "present" || frameOf(s, pte.pfn).head !== head) continue;
    if (pte.dirty) setFrame(s, pte.pfn, { dirty: true });
    ptes[v] = { kind: "device_exclusive", pfn: pte.pfn, write: pte.write };
  }
}

/** What the entry becomes; `null` where the page stays mapped. */
function replaced(s: Work, a: Walk, pte: Pte): Pte | null {
  const dirty = pte.kind === "present" && pte.dirty;
  const write = "write" in pte && pte.write;
  const frame = frameOf(s, a.pfn);
  if (dirty && !frame.dirty) setFrame(s, a.pfn, { dirty: true });
  switch (a.mode) {
    case "migrate": {
      const entry = migrationEntry(s, a.pfn, pte);
      return unmark(s, a.pfn) ? entry : null;
    }
    case "exclusive":
      return { kind: "device_exclusive", pfn: a.pfn, write };
    case "protect":
      return write ? { ...pte, write: false } : pte;
    case "unmap":
      if (a.slot !== null) {
        if (!unmark(s, a.pfn)) return null;
        const slot = known(s.slots[a.slot], "slot");
        s.slots[a.slot] = { ...slot, count: slot.count + 1 };
        return { kind: "swap", slot: a.slot, exclusive: frame.anonExclusive };
      }
      if (!a.lazyFree) return NONE;
      // Written again since, or wanted by others (v14 does not look): it stays, and is an ordinary page once more.
      if (frameOf(s, a.pfn).dirty || (s.profile.anonExclusive && frame.holders.length > mapCount(frame) + 1)) {
        setFrame(s, a.pfn, { swapBacked: true });
        return null;
      }
      return NONE;
  }
}

/** The entry remembers from now on that one process has the page alone. A page that is pinned for DMA keeps its mark, and its mapping. */
function unmark(s: Work, pfn: Pfn): boolean {
  const frame = frameOf(s, pfn);
  if (!frame.anonExclusive) return true;
  if (isPinned(frame)) return false;
  setFrame(s, pfn, { anonExclusive: false });
  return true;
}

/** The migration entry that remembers how a page was mapped. v14's rmap walk forgets the write permission of device-private entries. */
export function migrationEntry(s: Work, pfn: Pfn, pte: Pte, collect = false): Pte {
  const dirty = pte.kind === "present" && pte.dirty;
  const write = "write" in pte && pte.write && (collect || pte.kind !== "device_private" || s.profile.rmapKeepsWrite);
  const exclusive = frameOf(s, pfn).anonExclusive;
  return { kind: "migration", pfn, mode: write ? "write" : exclusive ? "read_exclusive" : "read", dirty };
}
