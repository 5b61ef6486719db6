/** How a migration finds its candidates: collect walks the page table (m2), eviction and the move of a page begin with frames (e2). */
import { FRAME, MAP, PTE, pteKind } from "../../spec/words.ts";
import { Full } from "../capacity.ts";
import type { Arena } from "../arena.ts";
import { allowsMigration, devOf, flagsOf, getPage, lockPage, lockerOf } from "../frames.ts";
import { splitBlock, splitCompound } from "../huge.ts";
import { CANDIDATE, F, FB, R, VMA } from "../layout.ts";
import { findVma } from "../vmas.ts";
import { CAND, MIGRATION, PURPOSE } from "./migrate-record.ts";
import { migrationEntry } from "./rmap-replace.ts";

const { mm: MM, start: START, end: END, dev: DEV } = R;
const { count: COUNT, purpose: PURPOSE_AT } = MIGRATION;
const { src: SRC, vpn: VPN, words: WORDS } = CANDIDATE;
const { hole: HOLE, migrate: MIGRATES, write: WRITE, alone: ALONE, src_shift: SRC_SHIFT } = CAND;
const MIGRATING_HOLE = HOLE | MIGRATES;
const { words: FRAME_WORDS, counts: COUNTS, contents: CONTENTS } = F;
const { head: HEAD, dev_mask: DEV_MASK, dev_shift: DEV_SHIFT, map: ONE_MAP, map_mask: MAPS, pin_mask: PINS } = FB;
const { locked_mask: LOCKED, locked_shift: LOCKED_SHIFT } = FB;
const { kind_mask: KIND, system: SYSTEM, mapping_mask: OWNER, anon_exclusive: ANON_EXCLUSIVE, dirty: FRAME_DIRTY } = FRAME;
const { kind_mask: PTE_KIND, payload_shift: PAYLOAD_SHIFT, write: PTE_WRITE, dirty: PTE_DIRTY, huge: HUGE } = PTE;
const { none: NONE, zero: ZERO, present: PRESENT, device_private: DEVICE_PRIVATE } = PTE;
const { to_device: TO_DEVICE } = PURPOSE;

/** Appends a candidate. */
function push(h: Arena, t: number, r: number, word: number, vpn: number): void {
  const { task } = h;
  const n = task[r + COUNT]!;
  if (n >= h.capacity.candidates) throw new Full("candidates");
  const c = t * h.taskWords + h.candidates + n * WORDS;
  task[c + SRC] = word;
  task[c + VPN] = vpn;
  task[r + COUNT] = n + 1;
}

/** Whether the call asks for pages like this one: system pages, or those of the device. v14 asks for all. */
function selected(h: Arena, r: number, src: number, toDevice: boolean): boolean {
  const flags = h.frame[src * FRAME_WORDS]!;
  // What belongs to nobody has no mapping, and is the number 0 of its kinds.
  if ((flags & OWNER) === 0 || (flags & HEAD) !== 0) return false;
  const host = ((flags & DEV_MASK) >>> DEV_SHIFT) - 1;
  if (host >= 0 && !allowsMigration(h, src)) return false;
  if (!toDevice) return host === h.task[r + DEV];
  return h.profile.ownerFilter ? (flags & KIND) === SYSTEM : host !== h.task[r + DEV];
}

/** A page becomes a candidate. One that somebody else has locked is skipped, or locked later by waiting. */
function take(h: Arena, t: number, r: number, mm: number, vpn: number, pte: number): void {
  const { frame } = h;
  const src = pte >>> PAYLOAD_SHIFT;
  const f = src * FRAME_WORDS;
  const flags = frame[f]!;
  const word = ((src + 1) << SRC_SHIFT) | MIGRATES | ((pte & PTE_WRITE) === 0 ? 0 : WRITE);
  if ((flags & LOCKED) !== 0) {
    if (!h.profile.collectWaitsForLock) return;
    getPage(h, src);
    return push(h, t, r, word, vpn);
  }
  // A page that is pinned for DMA stays.
  if ((frame[f + CONTENTS]! & PINS) !== 0 && (flags & ANON_EXCLUSIVE) !== 0) return;
  h.pt.set(mm, vpn, migrationEntry(h, src, pte, true));
  const dirty = (pte & PTE_KIND) === PRESENT && (pte & PTE_DIRTY) !== 0 ? FRAME_DIRTY : 0;
  frame[f] = (flags & ~ANON_EXCLUSIVE) | dirty | ((t + 1) << LOCKED_SHIFT);
  // The reference of the entry becomes that of the migration.
  const counts = frame[f + COUNTS]! - ONE_MAP;
  frame[f + COUNTS] = counts;
  push(h, t, r, (counts & MAPS) === 0 ? word | ALONE : word, vpn);
}

/** Splits the huge page around a page, where collect does that, and answers the entry that the page has then. */
function splitForCollect(h: Arena, mm: number, vpn: number, pte: number): number {
  if (pteKind(pte) === PTE.present && h.profile.collectSplitsHuge) splitCompound(h, mm, vpn);
  else splitBlock(h, mm, vpn);
  return h.pt.get(mm, vpn);
}

/** m2: looks at each entry of the range. A candidate is locked and becomes a migration entry, a hole is remembered, anything else is left alone. */
export function collect(h: Arena, t: number, r: number): void {
  const { pt, task } = h;
  const mm = task[r + MM]!;
  const first = task[r + START]!;
  const end = task[r + END]!;
  const toDevice = task[r + PURPOSE_AT] === TO_DEVICE;
  const { holesMigrate } = h.profile;
  // The range lies in one mapping.
  const holes = holesMigrate && h.vma[findVma(h, mm, first) + VMA.map] === MAP.private;
  for (let v = holes ? first : pt.next(mm, first, end); v < end; v = holes ? v + 1 : pt.next(mm, v + 1, end)) {
    const found = pt.get(mm, v);
    const pte = (found & HUGE) === 0 ? found : splitForCollect(h, mm, v, found);
    const kind = pte & PTE_KIND;
    if (kind === PRESENT || kind === DEVICE_PRIVATE) {
      if (selected(h, r, pte >>> PAYLOAD_SHIFT, toDevice)) take(h, t, r, mm, v, pte);
    } else if (kind === NONE ? holes : kind === ZERO && holesMigrate && toDevice) push(h, t, r, MIGRATING_HOLE, v);
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
    push(h, t, r, ((src + 1) << SRC_SHIFT) | MIGRATES, 0);
  }
}
