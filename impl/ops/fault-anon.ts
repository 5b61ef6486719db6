/** The fault where nothing is mapped (c3): private memory gets the zero page or a new page, shared memory a page of its object. */
import { FRAME, MAP, MAPPING, PTE, VM } from "../../spec/words.ts";
import { ImplBug } from "../arena.ts";
import type { Arena } from "../arena.ts";
import { allocSystem } from "../frames.ts";
import { hugeFits, mapHuge } from "../huge.ts";
import { F, FB, R, SIGBUS, VMA } from "../layout.ts";
import { leave } from "../tasks.ts";
import type { ImplStep } from "../tasks.ts";
import { prepareAnonVma } from "../vmas.ts";
import { FAULT, same } from "./fault-record.ts";
import { faultShared, sharedPageLocked } from "./shared-fault.ts";

const { mm: MM, start: START, write: WRITE } = R;
const { vma: VMA_AT } = FAULT;
const { start: VMA_START, pgoff: PGOFF, anon: ANON_VMA, flags: VM_FLAGS, map: MAP_AT } = VMA;
const { words: FRAME_WORDS, counts: COUNTS, mapping: OWNER_AT, index: INDEX_AT } = F;
const { map: ONE_MAP } = FB;
const { write: VM_WRITE, hugepage: VM_HUGEPAGE } = VM;
const { shared: SHARED, device: DEVICE } = MAP;
const { zero: ZERO, payload_shift: PAYLOAD_SHIFT } = PTE;
const READ_ENTRY = PTE.present;
const WRITE_ENTRY = PTE.present | PTE.write | PTE.dirty;
const { anon_exclusive: ANON_EXCLUSIVE } = FRAME;
/** An anonymous page comes on the LRU with its first mapping. */
const ANON = (MAPPING.anon << FRAME.mapping_shift) | FRAME.lru;

/** Makes a new frame, whose map and reference are counted already, an anonymous page of this mapping alone, and maps it as far as the mapping allows. */
export function mapAnonymous(h: Arena, mm: number, vma: number, vpn: number, pfn: number): void {
  const { frame } = h;
  const words = h.vma;
  const anon = words[vma + ANON_VMA]!;
  if (anon === 0) throw new ImplBug(`no anon_vma for page ${vpn}`);
  const f = pfn * FRAME_WORDS;
  frame[f]! |= h.profile.anonExclusive ? ANON | ANON_EXCLUSIVE : ANON;
  frame[f + OWNER_AT] = anon - 1;
  frame[f + INDEX_AT] = words[vma + PGOFF]! + vpn - words[vma + VMA_START]!;
  h.pt.set(mm, vpn, ((words[vma + VM_FLAGS]! & VM_WRITE) === 0 ? READ_ENTRY : WRITE_ENTRY) | (pfn << PAYLOAD_SHIFT));
}

function faultAnonymous(h: Arena, mm: number, vma: number, vpn: number, write: boolean): void {
  if ((h.vma[vma + VM_FLAGS]! & VM_HUGEPAGE) !== 0 && hugeFits(h, mm, vma, vpn)) {
    // Also for a read, which maps the huge zero page: the mapping counts as faulted from now on.
    mapHuge(h, mm, prepareAnonVma(h, mm, vpn), vpn, write);
  } else if (write) {
    if (h.vma[vma + ANON_VMA] === 0) prepareAnonVma(h, mm, vpn);
    const pfn = allocSystem(h);
    // The reference of the new page becomes that of its entry.
    h.frame[pfn * FRAME_WORDS + COUNTS]! += ONE_MAP;
    mapAnonymous(h, mm, vma, vpn, pfn);
  } else h.pt.set(mm, vpn, ZERO);
}

/** c3. */
export const emptyFault: ImplStep = {
  enabled(h, _t, r) {
    const vma = h.task[r + VMA_AT]!;
    return h.vma[vma + MAP_AT] !== SHARED || !sharedPageLocked(h, vma, h.task[r + START]!) || !same(h, r);
  },
  apply(h, t, r) {
    if (!same(h, r)) return leave(h, t);
    const { task } = h;
    const vma = task[r + VMA_AT]!;
    const map = h.vma[vma + MAP_AT];
    if (map === DEVICE) return leave(h, t, SIGBUS);
    const mm = task[r + MM]!;
    const write = task[r + WRITE] !== 0;
    if (map === SHARED) faultShared(h, mm, vma, task[r + START]!, write);
    else faultAnonymous(h, mm, vma, task[r + START]!, write);
    leave(h, t);
  },
};
