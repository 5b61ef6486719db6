/** The write to a page that is mapped read-only, or to the zero page (c4): the page is reused where nobody else can have it, else copied. */
import { FRAME, MAP, MAPPING, PTE, STEP, pteKind, ptePayload } from "../../spec/words.ts";
import { CHOICE, PAGE_OR_NO_MEMORY } from "../choices.ts";
import { ImplBug } from "../arena.ts";
import type { Arena } from "../arena.ts";
import {
  allocSystem,
  contentsOf,
  flagsOf,
  getPage,
  headOf,
  lockerOf,
  mapPage,
  mapsOf,
  mark,
  putPage,
  refsOf,
  setContents,
  setMapping,
  indexOf,
  slotOf,
  unmark,
} from "../frames.ts";
import { hugeReusable, reuseHuge, splitBlock } from "../huge.ts";
import { OOM, R, VMA } from "../layout.ts";
import { EVENT, invalidate, invalidateEnd } from "../notifier.ts";
import { replicated } from "../replicas.ts";
import { dropPte, freeSwapCache, slotUsers } from "../swap.ts";
import { goto, leave } from "../tasks.ts";
import type { ImplSteps } from "../tasks.ts";
import { prepareAnonVma } from "../vmas.ts";
import { enterDropReplicas } from "./drop-replicas.ts";
import { mapAnonymous } from "./fault-anon.ts";
import { FAULT, same } from "./fault-record.ts";

const C2 = STEP["handle_mm_fault.c2"];
const C4B = STEP["handle_mm_fault.c4b"];
const C4C = STEP["handle_mm_fault.c4c"];
const C4_END = STEP["handle_mm_fault.c4_end"];

/**
 * Nobody else can have the page: it is marked so, or the only reference is this mapping (and the swap cache, which gives it up). v14 has no marks
 * and counts mappings instead of references.
 */
function reusable(h: Arena, pfn: number): boolean {
  if ((flagsOf(h, pfn) & FRAME.anon_exclusive) !== 0) return true;
  const slot = slotOf(h, pfn);
  const counted = h.profile.anonExclusive ? refsOf(h, pfn) - (slot >= 0 ? 1 : 0) : mapsOf(h, pfn);
  if (counted !== 1 || lockerOf(h, pfn) >= 0 || headOf(h, pfn) >= 0) return false;
  if (slot >= 0) {
    if (slotUsers(h, slot) > 0) return false;
    freeSwapCache(h, pfn);
  }
  return true;
}

/** Makes a page of a private mapping writable where it is. */
function reuse(h: Arena, mm: number, vma: number, vpn: number, pte: number): void {
  const pfn = ptePayload(pte);
  const anon = h.vma[vma + VMA.anon]!;
  if (anon === 0) throw new ImplBug(`no anon_vma for page ${vpn}`);
  if (h.profile.anonExclusive) mark(h, pfn, FRAME.anon_exclusive);
  setMapping(h, pfn, MAPPING.anon, anon - 1, indexOf(h, pfn));
  h.pt.set(mm, vpn, (pte & ~PTE.huge) | PTE.write | PTE.dirty);
}

/** c4a for a present page. */
function writePresent(h: Arena, t: number, r: number, pte: number): void {
  const mm = h.task[r + R.mm]!;
  const vpn = h.task[r + R.start]!;
  const pfn = ptePayload(pte);
  if (replicated(h, pfn)) return enterDropReplicas(h, t, r, C2, pfn);
  const vma = h.task[r + FAULT.vma]!;
  if (h.vma[vma + VMA.map] !== MAP.private) {
    h.pt.set(mm, vpn, pte | PTE.write | PTE.dirty);
    return leave(h, t);
  }
  if ((pte & PTE.huge) !== 0) {
    if (hugeReusable(h, mm, vpn)) {
      reuseHuge(h, mm, vma, vpn);
      return leave(h, t);
    }
    splitBlock(h, mm, vpn);
  }
  if (reusable(h, pfn)) {
    reuse(h, mm, vma, vpn, pte);
    return leave(h, t);
  }
  h.task[r + FAULT.pte] = pte & ~PTE.huge;
  getPage(h, pfn);
  goto(h, r, C4B);
}

/** The steps of a write that may have to copy (c4a to c4_end). */
export const faultCopySteps: ImplSteps = {
  c4a: {
    apply(h, t, r) {
      if (!same(h, r)) return leave(h, t);
      const pte = h.task[r + FAULT.pte]!;
      if (pteKind(pte) === PTE.present) return writePresent(h, t, r, pte);
      if ((pte & PTE.huge) !== 0) {
        splitBlock(h, h.task[r + R.mm]!, h.task[r + R.start]!);
        h.task[r + FAULT.pte] = PTE.zero;
      }
      goto(h, r, C4B);
    },
  },
  c4b: {
    choices: () => PAGE_OR_NO_MEMORY,
    apply(h, t, r, choice) {
      const mm = h.task[r + R.mm]!;
      const vpn = h.task[r + R.start]!;
      const pte = h.task[r + FAULT.pte]!;
      const present = pteKind(pte) === PTE.present;
      if (choice === CHOICE.noMemory) {
        if (present) putPage(h, ptePayload(pte));
        return leave(h, t, OOM);
      }
      prepareAnonVma(h, mm, vpn);
      const copy = allocSystem(h);
      h.task[r + FAULT.copy] = copy;
      // Nobody finds it on the LRU before it is mapped.
      unmark(h, copy, FRAME.lru);
      if (present) setContents(h, copy, contentsOf(h, ptePayload(pte)));
      invalidate(h, t, r, C4C, mm, vpn, vpn + 1, EVENT.CLEAR);
    },
  },
  c4c: {
    apply(h, _t, r) {
      if (same(h, r)) {
        const mm = h.task[r + R.mm]!;
        const vpn = h.task[r + R.start]!;
        const copy = h.task[r + FAULT.copy]!;
        mapPage(h, copy);
        mapAnonymous(h, mm, h.task[r + FAULT.vma]!, vpn, copy);
        dropPte(h, h.task[r + FAULT.pte]!);
      }
      goto(h, r, C4_END);
    },
  },
  c4_end: {
    apply(h, t, r) {
      invalidateEnd(h, h.task[r + R.mm]!);
      const pte = h.task[r + FAULT.pte]!;
      if (pteKind(pte) === PTE.present) putPage(h, ptePayload(pte));
      putPage(h, h.task[r + FAULT.copy]!);
      leave(h, t);
    },
  },
};
