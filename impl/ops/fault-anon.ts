/** The fault where nothing is mapped (c3): private memory gets the zero page or a new page, shared memory a page of its object. */
import { FRAME, MAP, MAPPING, PTE, VM } from "../../spec/words.ts";
import { ImplBug } from "../arena.ts";
import type { Arena } from "../arena.ts";
import { allocSystem, setMapping } from "../frames.ts";
import { hugeFits, mapHuge } from "../huge.ts";
import { F, FB, R, SIGBUS, VMA } from "../layout.ts";
import { leave } from "../tasks.ts";
import type { ImplStep } from "../tasks.ts";
import { findVma, prepareAnonVma } from "../vmas.ts";
import { same } from "./fault-record.ts";
import { faultShared, sharedPageLocked } from "./shared-fault.ts";

/** Makes a frame, whose map and reference are counted already, an anonymous page of this mapping alone, and maps it as far as the mapping allows. */
export function mapAnonymous(h: Arena, mm: number, vma: number, vpn: number, pfn: number): void {
  const anon = h.vma[vma + VMA.anon]!;
  if (anon === 0) throw new ImplBug(`no anon_vma for page ${vpn}`);
  setMapping(h, pfn, MAPPING.anon, anon - 1, h.vma[vma + VMA.pgoff]! + vpn - h.vma[vma + VMA.start]!);
  if (h.profile.anonExclusive) h.frame[pfn * F.words + F.flags]! |= FRAME.anon_exclusive;
  const access = (h.vma[vma + VMA.flags]! & VM.write) === 0 ? 0 : PTE.write | PTE.dirty;
  h.pt.set(mm, vpn, PTE.present | access | (pfn << PTE.payload_shift));
}

function faultAnonymous(h: Arena, mm: number, vma: number, vpn: number, write: boolean): void {
  if ((h.vma[vma + VMA.flags]! & VM.hugepage) !== 0 && hugeFits(h, mm, vma, vpn)) {
    // Also for a read, which maps the huge zero page: the mapping counts as faulted from now on.
    mapHuge(h, mm, prepareAnonVma(h, mm, vpn), vpn, write);
  } else if (!write) h.pt.set(mm, vpn, PTE.zero);
  else {
    const row = h.vma[vma + VMA.anon] === 0 ? prepareAnonVma(h, mm, vpn) : vma;
    const pfn = allocSystem(h);
    // The reference of the new page becomes that of its entry.
    h.frame[pfn * F.words + F.counts]! += FB.map;
    mapAnonymous(h, mm, row, vpn, pfn);
  }
}

/** c3. */
export const emptyFault: ImplStep = {
  enabled(h, _t, r) {
    const mm = h.task[r + R.mm]!;
    const vpn = h.task[r + R.start]!;
    const vma = findVma(h, mm, vpn);
    return h.vma[vma + VMA.map] !== MAP.shared || !same(h, r) || !sharedPageLocked(h, vma, vpn);
  },
  apply(h, t, r) {
    if (!same(h, r)) return leave(h, t);
    const mm = h.task[r + R.mm]!;
    const vpn = h.task[r + R.start]!;
    const vma = findVma(h, mm, vpn);
    const write = h.task[r + R.write] !== 0;
    const map = h.vma[vma + VMA.map];
    if (map === MAP.device) return leave(h, t, SIGBUS);
    if (map === MAP.shared) faultShared(h, mm, vma, vpn, write);
    else faultAnonymous(h, mm, vma, vpn, write);
    leave(h, t);
  },
};
