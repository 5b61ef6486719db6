/** Reclaim of one page: unmap everywhere, then swap, drop or keep. */
import { vpn as toVpn } from "../../spec/vocabulary.ts";
import type { Pfn, Vpn } from "../../spec/vocabulary.ts";
import type { Of } from "../activation.ts";
import { drop, frameOf, hold, isPinned, lockPage, mapCount, setFrame, unlockPage } from "../frames.ts";
import { enter, goto, known, leave } from "../rule.ts";
import type { Steps } from "../rule.ts";
import { UNKNOWN } from "../state.ts";
import type { Frame, Holder, TaskWork, Work } from "../state.ts";
import { rmapWalk } from "./rmap-walk.ts";

/** Whether MADV_PAGEOUT takes a page: on the LRU, mapped once, unlocked, not part of a compound page. */
export function canReclaim(s: Work, pfn: Pfn): boolean {
  const frame = frameOf(s, pfn);
  return frame.kind === "system" && frame.lru && frame.locked === null && frame.head === null && mapCount(frame) === 1;
}

/** The reclaim of one page. */
export function reclaimPage(pfn: Pfn, _at: Vpn = toVpn(0)): Of<"reclaim"> {
  return { op: "reclaim", pc: "r1", pfn, slot: null, got: null };
}

const isolated = (t: TaskWork): Holder => ({ kind: "task", task: t.id, why: "isolate" });

/** The steps of reclaim. */
export const reclaimSteps: Steps<"reclaim"> = {
  r1: {
    spec: ["RCL-7", "RCL-8"],
    // With swap space an anonymous page gets a slot; the recorded kernels have none.
    choices: (s, _t, a) => (needsSlot(frameOf(s, a.pfn)) ? ["no-swap", "swap"] : ["go"]),
    apply(s, t, a, choice) {
      const frame = frameOf(s, a.pfn);
      if (choice === "no-swap" || frame.free || !frame.lru || frame.head !== null) return leave(t);
      // A page that is pinned for DMA is not even unmapped.
      if (needsSlot(frame) && s.profile.anonExclusive && isPinned(frame)) return leave(t);
      if (!lockPage(s, a.pfn, t.id)) return leave(t);
      hold(s, a.pfn, isolated(t));
      setFrame(s, a.pfn, { lru: false });
      if (choice === "swap") a.slot = frame.slot ?? addToSwap(s, a.pfn);
      const lazyFree = frame.mapping?.kind === "anon" && a.slot === null;
      enter(t, a, "r2", rmapWalk(a.pfn, "unmap", { slot: a.slot, lazyFree }));
    },
  },
  r2: {
    spec: ["RCL-4", "RCL-11"],
    apply(s, t, a) {
      if (mapCount(frameOf(s, a.pfn)) > 0) return keep(s, t, a);
      goto(a, "r3");
    },
  },
  r3: {
    spec: ["RCL-3", "RCL-5", "RCL-8", "RCL-11"],
    apply(s, t, a) {
      const frame = frameOf(s, a.pfn);
      const held = frame.holders.filter((h) => h.kind !== "swap-cache" && h.kind !== "page-cache").length > 1;
      // A dirty page of a shared memory object has nowhere to be written to; a clean one is dropped.
      if (held || (frame.mapping?.kind === "shmem" && frame.dirty)) return keep(s, t, a);
      if (a.slot !== null) swapOut(s, a.pfn, a.slot);
      else if (frame.mapping?.kind === "shmem") {
        known(s.shmems[frame.mapping.object], "object").pages[frame.index] = null;
        drop(s, a.pfn, { kind: "page-cache" });
      }
      unlockPage(s, a.pfn);
      drop(s, a.pfn, isolated(t));
      leave(t);
    },
  },
};

/** A private page whose contents must outlive its frame: not a lazily freed one. */
function needsSlot(frame: Frame): boolean {
  return frame.mapping?.kind === "anon" && frame.swapBacked;
}

/** Puts a page into the swap cache, with a slot that its contents still have to be written to. */
function addToSwap(s: Work, pfn: Pfn): number {
  const free = s.slots.findIndex((slot) => slot.count === 0 && slot.cache === null);
  const slot = free < 0 ? s.slots.length : free;
  s.slots[slot] = { contents: UNKNOWN, count: 0, cache: pfn };
  setFrame(s, pfn, { slot, dirty: true });
  hold(s, pfn, { kind: "swap-cache" });
  return slot;
}

/** Writes a dirty page to its slot, and takes it out of the swap cache. */
function swapOut(s: Work, pfn: Pfn, at: number): void {
  const frame = frameOf(s, pfn);
  const slot = known(s.slots[at], "slot");
  const written = frame.dirty ? frame.contents : slot.contents;
  s.slots[at] = { contents: slot.count > 0 ? written : UNKNOWN, count: slot.count, cache: null };
  setFrame(s, pfn, { slot: null });
  drop(s, pfn, { kind: "swap-cache" });
}

function keep(s: Work, t: TaskWork, a: Of<"reclaim">): void {
  setFrame(s, a.pfn, { lru: true, locked: null });
  drop(s, a.pfn, isolated(t));
  leave(t);
}
