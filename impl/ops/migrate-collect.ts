/** How a migration finds its candidates: collect walks the page table (m2), eviction and the move of a page begin with frames (e2). */
import { FRAME, MAP, MAPPING, PTE, pteKind, ptePayload } from "../../spec/words.ts";
import { Full } from "../capacity.ts";
import type { Arena } from "../arena.ts";
import { allowsMigration, devOf, flagsOf, getPage, lockPage, lockerOf, mapsOf, mark, pinsOf, unlockPage } from "../frames.ts";
import { splitBlock, splitCompound } from "../huge.ts";
import { CANDIDATE, F, FB, R, VMA } from "../layout.ts";
import { findVma } from "../vmas.ts";
import { CAND, MIGRATION, PURPOSE, candidateAt } from "./migrate-record.ts";
import { migrationEntry } from "./rmap-replace.ts";

/** Appends a candidate. */
function push(h: Arena, t: number, r: number, word: number, vpn: number): void {
  const n = h.task[r + MIGRATION.count]!;
  if (n >= h.capacity.candidates) throw new Full("candidates");
  const c = candidateAt(h, t, n);
  h.task[c + CANDIDATE.src] = word;
  h.task[c + CANDIDATE.vpn] = vpn;
  h.task[r + MIGRATION.count] = n + 1;
}

/** Whether the call asks for pages like this one: system pages, or those of the device. v14 asks for all. */
function selected(h: Arena, r: number, src: number): boolean {
  const flags = flagsOf(h, src);
  if ((flags & FRAME.mapping_mask) === MAPPING.none || (flags & FB.head) !== 0 || !allowsMigration(h, src)) return false;
  const dev = h.task[r + R.dev]!;
  if (h.task[r + MIGRATION.purpose] !== PURPOSE.to_device) return devOf(h, src) === dev;
  return h.profile.ownerFilter ? (flags & FRAME.kind_mask) === FRAME.system : devOf(h, src) !== dev;
}

/** A page becomes a candidate. One that somebody else has locked is skipped, or locked later by waiting. */
function take(h: Arena, t: number, r: number, vpn: number, pte: number): void {
  const src = ptePayload(pte);
  const word = ((src + 1) << CAND.src_shift) | CAND.migrate | ((pte & PTE.write) === 0 ? 0 : CAND.write);
  if (!lockPage(h, src, t)) {
    if (!h.profile.collectWaitsForLock) return;
    getPage(h, src);
    return push(h, t, r, word, vpn);
  }
  const f = src * F.words;
  if (pinsOf(h, src) > 0 && (h.frame[f + F.flags]! & FRAME.anon_exclusive) !== 0) return unlockPage(h, src);
  h.pt.set(h.task[r + R.mm]!, vpn, migrationEntry(h, src, pte, true));
  if (pteKind(pte) === PTE.present && (pte & PTE.dirty) !== 0) mark(h, src, FRAME.dirty);
  h.frame[f + F.flags]! &= ~FRAME.anon_exclusive;
  // The reference of the entry becomes that of the migration.
  h.frame[f + F.counts]! -= FB.map;
  push(h, t, r, mapsOf(h, src) === 0 ? word | CAND.alone : word, vpn);
}

/** m2: looks at each entry of the range. A candidate is locked and becomes a migration entry, a hole is remembered, anything else is left alone. */
export function collect(h: Arena, t: number, r: number): void {
  const mm = h.task[r + R.mm]!;
  const end = h.task[r + R.end]!;
  const first = h.task[r + R.start]!;
  const { holesMigrate } = h.profile;
  // The range lies in one mapping.
  const holes = holesMigrate && h.vma[findVma(h, mm, first) + VMA.map] === MAP.private;
  const zeroes = holesMigrate && h.task[r + MIGRATION.purpose] === PURPOSE.to_device;
  for (let v = holes ? first : h.pt.next(mm, first, end); v < end; v = holes ? v + 1 : h.pt.next(mm, v + 1, end)) {
    let pte = h.pt.get(mm, v);
    if ((pte & PTE.huge) !== 0) {
      if (pteKind(pte) === PTE.present && h.profile.collectSplitsHuge) splitCompound(h, mm, v);
      else splitBlock(h, mm, v);
      pte = h.pt.get(mm, v);
    }
    switch (pteKind(pte)) {
      case PTE.none:
        if (holes) push(h, t, r, CAND.hole | CAND.migrate, v);
        break;
      case PTE.zero:
        if (zeroes) push(h, t, r, CAND.hole | CAND.migrate, v);
        break;
      case PTE.present:
      case PTE.device_private:
        if (selected(h, r, ptePayload(pte))) take(h, t, r, v, pte);
        break;
      default:
    }
  }
}

/** e2: every page of the device in the frames of the range that nobody has locked; for the move of one page that page. */
export function collectFrames(h: Arena, t: number, r: number): void {
  const dev = h.task[r + R.dev]!;
  // Device memory lies below system memory.
  const end = dev < 0 ? h.task[r + R.end]! : Math.min(h.task[r + R.end]!, h.firstSystem);
  for (let src = h.task[r + R.start]!; src < end; src++) {
    if (devOf(h, src) !== dev || (flagsOf(h, src) & (FRAME.free | FRAME.replica)) !== 0) continue;
    if (lockerOf(h, src) >= 0 || !allowsMigration(h, src)) continue;
    getPage(h, src);
    lockPage(h, src, t);
    push(h, t, r, ((src + 1) << CAND.src_shift) | CAND.migrate, 0);
  }
}
