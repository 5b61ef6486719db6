/** The driver's part of a migration: destinations, its own entries, and what it maps at the end (finalize_and_map). */
import { DPTE, FRAME, TAG, VM } from "../../spec/words.ts";
import type { Arena } from "../arena.ts";
import { allocDevice, allocSystem, setDpte } from "../frames.ts";
import { CANDIDATE, F, FB, R, VMA } from "../layout.ts";
import { findVma } from "../vmas.ts";
import { CAND, MIGRATION, PURPOSE, candidateAt } from "./migrate-record.ts";

const { mm: MM, dev: DEV, file: FILE } = R;
const { purpose: PURPOSE_AT, count: COUNT } = MIGRATION;
const { src: SRC, dst: DST, vpn: VPN, words: WORDS } = CANDIDATE;
const { migrate: MIGRATES, write: WRITE, dst_write: DST_WRITE, src_shift: SRC_SHIFT } = CAND;
const { words: FRAME_WORDS } = F;
const { locked_shift: LOCKED_SHIFT } = FB;
const { lru: LRU } = FRAME;
const { to_device: TO_DEVICE, to_system: TO_SYSTEM, cpu_fault: CPU_FAULT } = PURPOSE;
const { payload_shift: PAYLOAD_SHIFT } = DPTE;
const READ_ENTRY = DPTE.valid | (TAG.read << DPTE.tag_shift);
const WRITE_ENTRY = DPTE.valid | (TAG.write << DPTE.tag_shift);

/** Whether the mapping of a hole may be written. */
const holeWrites = (h: Arena, r: number, c: number): boolean =>
  (h.vma[findVma(h, h.task[r + MM]!, h.task[c + VPN]!) + VMA.flags]! & VM.write) !== 0;

/** Takes a destination for one candidate, locked, if there is one. A hole that goes home is declined: the CPU will fault it itself. */
export function allocDestination(h: Arena, t: number, r: number, c: number): void {
  const { task, frame } = h;
  const toDevice = task[r + PURPOSE_AT] === TO_DEVICE;
  const word = task[c + SRC]!;
  const hole = word >>> SRC_SHIFT === 0;
  if (hole && !toDevice) return;
  const dst = toDevice ? allocDevice(h, task[r + DEV]!, task[r + FILE]!) : allocSystem(h);
  if (dst < 0) return;
  const f = dst * FRAME_WORDS;
  frame[f] = (toDevice ? frame[f]! : frame[f]! & ~LRU) | ((t + 1) << LOCKED_SHIFT);
  task[c + DST] = dst + 1;
  if (hole ? holeWrites(h, r, c) : (word & WRITE) !== 0) task[c + SRC] = word | DST_WRITE;
}

/** The driver that brings a page home drops its own entry before it copies. */
export function dropOwnEntry(h: Arena, r: number, c: number): void {
  const { task } = h;
  const file = task[r + FILE]!;
  const purpose = task[r + PURPOSE_AT];
  if (file >= 0 && (purpose === TO_SYSTEM || purpose === CPU_FAULT)) setDpte(h, file, task[c + VPN]!, 0);
}

/** Gives the migrated pages their entries at once, where the driver does that. */
export function finalizeAndMap(h: Arena, t: number, r: number): void {
  const { task } = h;
  if (!h.profile.driver.mapsAfterMigration || task[r + PURPOSE_AT] !== TO_DEVICE) return;
  const file = task[r + FILE]!;
  const end = candidateAt(h, t, task[r + COUNT]!);
  for (let c = candidateAt(h, t, 0); c < end; c += WORDS) {
    const dst = task[c + DST]! - 1;
    const word = task[c + SRC]!;
    if (dst < 0 || (word & MIGRATES) === 0) continue;
    setDpte(h, file, task[c + VPN]!, ((word & DST_WRITE) === 0 ? READ_ENTRY : WRITE_ENTRY) | (dst << PAYLOAD_SHIFT));
  }
}
