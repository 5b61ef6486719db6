/** Reclaim of one page: unmap everywhere, then swap, drop or keep. */
import { vpn as toVpn } from "../../spec/vocabulary.ts";
import type { Pfn, Vpn } from "../../spec/vocabulary.ts";
import type { Of } from "../activation.ts";
import { drop, frameOf, lockPage, mapCount, setFrame, unlockPage } from "../frames.ts";
import { enter, goto, known, leave } from "../rule.ts";
import type { Steps } from "../rule.ts";
import type { Work } from "../state.ts";
import { rmapWalk } from "./rmap-walk.ts";

/** Whether MADV_PAGEOUT takes a page: on the LRU, mapped once, unlocked, not part of a compound page. */
export function canReclaim(s: Work, pfn: Pfn): boolean {
  const frame = frameOf(s, pfn);
  return frame.kind === "system" && frame.lru && frame.locked === null && frame.head === null && mapCount(frame) === 1;
}

export function reclaimPage(pfn: Pfn, _at: Vpn = toVpn(0)): Of<"reclaim"> {
  return { op: "reclaim", pc: "r1", pfn, slot: null, got: null };
}

export const reclaimSteps: Steps<"reclaim"> = {
  r1: {
    spec: [],
    // With swap space an anonymous page gets a slot; the recorded kernels have none.
    choices: (s, _t, a) => (swappable(s, a) ? ["no-swap", "swap"] : ["go"]),
    apply(s, t, a, choice) {
      if (choice === "no-swap" || !lockPage(s, a.pfn, t.id)) return leave(t);
      setFrame(s, a.pfn, { lru: false });
      const { contents } = frameOf(s, a.pfn);
      if (choice === "swap") {
        const free = s.slots.findIndex((slot) => slot.count === 0 && slot.cache === null);
        a.slot = free < 0 ? s.slots.length : free;
        s.slots[a.slot] = { contents, count: 0, cache: a.pfn };
        const frame = frameOf(s, a.pfn);
        setFrame(s, a.pfn, { slot: a.slot, dirty: true, holders: [...frame.holders, { kind: "swap-cache" }] });
      }
      const lazyFree = frameOf(s, a.pfn).mapping?.kind === "anon" && a.slot === null;
      enter(t, a, "r2", rmapWalk(a.pfn, "unmap", { slot: a.slot, lazyFree }));
    },
  },
  r2: {
    spec: [],
    apply(s, t, a) {
      const frame = frameOf(s, a.pfn);
      if (frame.free) return leave(t);
      if (mapCount(frame) > 0) return keep(s, a, () => leave(t));
      goto(a, "r3");
    },
  },
  r3: {
    spec: [],
    apply(s, t, a) {
      const frame = frameOf(s, a.pfn);
      if (a.slot !== null) {
        const slot = known(s.slots[a.slot], "slot");
        unlockPage(s, a.pfn);
        if (frame.holders.length > 1) return keep(s, a, () => leave(t));
        s.slots[a.slot] = { ...slot, contents: frame.contents, cache: null };
        setFrame(s, a.pfn, { slot: null });
        drop(s, a.pfn, { kind: "swap-cache" });
        return leave(t);
      }
      // A dirty page of a shared memory object has nowhere to be written to; a clean one is dropped.
      if (frame.mapping?.kind === "shmem" && !frame.dirty && frame.holders.length === 1) {
        const object = known(s.shmems[frame.mapping.object], "object");
        object.pages[frame.index] = null;
        unlockPage(s, a.pfn);
        drop(s, a.pfn, { kind: "page-cache" });
        return leave(t);
      }
      keep(s, a, () => leave(t));
    },
  },
};

function swappable(s: Work, a: Of<"reclaim">): boolean {
  const frame = frameOf(s, a.pfn);
  return frame.mapping?.kind === "anon" && frame.swapBacked;
}

function keep(s: Work, a: Of<"reclaim">, then: () => void): void {
  setFrame(s, a.pfn, { lru: true, locked: null });
  then();
}
