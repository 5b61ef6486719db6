/** The metadata step of a migration (m8): the destination becomes the page. */
import { FRAME, MAPPING, PTE, VM, pteKind } from "../../spec/words.ts";
import { ImplBug } from "../arena.ts";
import type { Arena } from "../arena.ts";
import {
  contentsOf,
  flagsOf,
  getPage,
  indexOf,
  mapPage,
  mappingKind,
  mappingOf,
  mark,
  putPage,
  setContents,
  setMapping,
  setSlot,
  slotOf,
} from "../frames.ts";
import { CANDIDATE, F, FB, R, VMA } from "../layout.ts";
import { freeSwapCache, setSlotCache, slotUsers } from "../swap.ts";
import { prepareAnonVma } from "../vmas.ts";
import { CAND, MIGRATION, PURPOSE, candidateDst } from "./migrate-record.ts";

/** Whether the page cache of its memory object holds a frame. */
export function inPageCache(h: Arena, pfn: number): boolean {
  return mappingKind(h, pfn) === MAPPING.shmem && h.shmem[mappingOf(h, pfn) * h.shmemWords + 1 + indexOf(h, pfn)] === pfn + 1;
}

const { pfn: FAULTED } = R;
const { purpose: PURPOSE_AT } = MIGRATION;
const { src: SRC, dst: DST } = CANDIDATE;
const { src_shift: SRC_SHIFT } = CAND;
const { words: FRAME_WORDS, counts: COUNTS, mapping: OWNER_AT, index: INDEX_AT } = F;
const { slot: HAS_SLOT, ref_mask: REFS } = FB;
const { kind_mask: KIND, system: SYSTEM, mapping_mask: OWNER } = FRAME;
const SHMEM = MAPPING.shmem << FRAME.mapping_shift;
const KEPT = FRAME.dirty | FRAME.swap_backed;
const { move: MOVE } = PURPOSE;

/** References that a page under migration has when nobody else wants it: ours, the faulting CPU's, the cache's. */
export function expectedRefs(h: Arena, r: number, src: number): number {
  const flags = h.frame[src * FRAME_WORDS]!;
  let n = 1;
  if ((flags & HAS_SLOT) !== 0) n++;
  if ((flags & OWNER) === SHMEM && inPageCache(h, src)) n++;
  if (h.task[r + FAULTED] === src && h.profile.faultTakesReference) n++;
  return n;
}

/** Whether a page whose destination is device memory is out of the swap cache, or can give its slot back now. */
function leavesSwapCache(h: Arena, src: number): boolean {
  const slot = slotOf(h, src);
  if (slot < 0) return true;
  if (!h.profile.swapCacheMigrates || slotUsers(h, slot) > 0) return false;
  freeSwapCache(h, src);
  return true;
}

/**
 * migratepage(): the page's owner moves what it knows about the page to the destination, unless somebody else holds the page.
 *
 * A driver has copied the contents before, so the owner must leave them alone; an owner that has not been looked at for that refuses: here shared
 * memory, which stands for all file-backed pages. In the ordinary migration the owner copies them itself.
 */
export function moveMetadata(h: Arena, r: number, c: number): boolean {
  const { task, frame } = h;
  const src = (task[c + SRC]! >>> SRC_SHIFT) - 1;
  const dst = task[c + DST]! - 1;
  if (dst < 0) return false;
  const from = src * FRAME_WORDS;
  const to = dst * FRAME_WORDS;
  const copy = task[r + PURPOSE_AT] === MOVE;
  if (!copy && (frame[from]! & OWNER) === SHMEM) return false;
  const device = (frame[to]! & KIND) !== SYSTEM;
  if (device && !leavesSwapCache(h, src)) return false;
  if ((frame[from + COUNTS]! & REFS) !== expectedRefs(h, r, src)) return false;
  // Marks are set on the destination and never taken off there: a device frame keeps those of its earlier pages.
  const own = device ? frame[to]! : frame[to]! & ~KEPT;
  frame[to] = own | (frame[from]! & (KEPT | OWNER));
  frame[to + OWNER_AT] = frame[from + OWNER_AT]!;
  frame[to + INDEX_AT] = frame[from + INDEX_AT]!;
  if (copy) {
    setContents(h, dst, contentsOf(h, src));
    moveCaches(h, src, dst);
  }
  return true;
}

/** The page cache and the swap cache hold the destination instead of the source. */
function moveCaches(h: Arena, src: number, dst: number): void {
  if (mappingKind(h, src) === MAPPING.shmem) {
    h.shmem[mappingOf(h, src) * h.shmemWords + 1 + indexOf(h, src)] = dst + 1;
    getPage(h, dst);
    putPage(h, src);
  }
  const slot = slotOf(h, src);
  if (slot < 0) return;
  setSlotCache(h, slot, dst);
  setSlot(h, dst, slot);
  setSlot(h, src, -1);
  getPage(h, dst);
  putPage(h, src);
}

/** Inserts a zero-filled device page where nothing is, if nothing is still there. */
export function insertPage(h: Arena, r: number, c: number): boolean {
  const mm = h.task[r + R.mm]!;
  const vpn = h.task[c + CANDIDATE.vpn]!;
  const kind = pteKind(h.pt.get(mm, vpn));
  if (kind !== PTE.none && kind !== PTE.zero) return false;
  const vma = prepareAnonVma(h, mm, vpn);
  const anon = h.vma[vma + VMA.anon]!;
  if (anon === 0) throw new ImplBug(`no anon_vma for page ${vpn}`);
  const dst = candidateDst(h, c);
  mapPage(h, dst);
  setMapping(h, dst, MAPPING.anon, anon - 1, h.vma[vma + VMA.pgoff]! + vpn - h.vma[vma + VMA.start]!);
  if (h.profile.anonExclusive) mark(h, dst, FRAME.anon_exclusive);
  const writable = (h.vma[vma + VMA.flags]! & VM.write) !== 0;
  const entry =
    (flagsOf(h, dst) & FRAME.kind_mask) === FRAME.private
      ? PTE.device_private | (writable ? PTE.write : 0)
      : PTE.present | (writable ? PTE.write | PTE.dirty : 0);
  h.pt.set(mm, vpn, entry | (dst << PTE.payload_shift));
  return true;
}
