/** The driver's part of a migration: alloc_and_copy and finalize_and_map. */
import { FRAME, TAG, VM } from "../../spec/words.ts";
import type { Arena } from "../arena.ts";
import { allocDevice, allocSystem, contentsOf, lockPage, makeDpte, setContents, setDpte, unmark } from "../frames.ts";
import { CANDIDATE, FB, R, VMA, ZEROES } from "../layout.ts";
import { findVma } from "../vmas.ts";
import { CAND, MIGRATION, PURPOSE, candidateAt, candidateDst, candidateHas, candidateSrc } from "./migrate-record.ts";

/** Takes a destination for one candidate, locked, if there is one. A hole that goes home is declined: the CPU will fault it itself. */
export function allocDestination(h: Arena, t: number, r: number, c: number): void {
  const toDevice = h.task[r + MIGRATION.purpose] === PURPOSE.to_device;
  const src = candidateSrc(h, c);
  if (!toDevice && src < 0) return;
  const dst = toDevice ? allocDevice(h, h.task[r + R.dev]!, h.task[r + R.file]!) : allocSystem(h);
  if (dst < 0) return;
  lockPage(h, dst, t);
  if (!toDevice) unmark(h, dst, FRAME.lru);
  h.task[c + CANDIDATE.dst] = dst + 1;
  const write =
    src < 0
      ? (h.vma[findVma(h, h.task[r + R.mm]!, h.task[c + CANDIDATE.vpn]!) + VMA.flags]! & VM.write) !== 0
      : candidateHas(h, c, CAND.write);
  if (write) h.task[c + CANDIDATE.src]! |= CAND.dst_write;
}

/** The driver that brings a page home drops its own entry before it copies. */
export function dropOwnEntry(h: Arena, r: number, c: number): void {
  const file = h.task[r + R.file]!;
  const purpose = h.task[r + MIGRATION.purpose];
  if (file >= 0 && (purpose === PURPOSE.to_system || purpose === PURPOSE.cpu_fault)) setDpte(h, file, h.task[c + CANDIDATE.vpn]!, 0);
}

/** The copy engine writes those bytes of the destination that a mask names: those of the source, or zeroes for a hole. */
function copyBytes(h: Arena, c: number, mask: number): void {
  const src = candidateSrc(h, c);
  const dst = candidateDst(h, c);
  const from = src < 0 ? ZEROES : contentsOf(h, src);
  setContents(h, dst, (contentsOf(h, dst) & ~mask) | (from & mask));
}

/** The copy engine's first part: the first byte. */
export function copyFirst(h: Arena, c: number): void {
  copyBytes(h, c, FB.byte_mask);
}

/** The copy engine's last part: all other bytes. */
export function copyRest(h: Arena, c: number): void {
  copyBytes(h, c, FB.contents_mask & ~FB.byte_mask);
}

/** Gives the migrated pages their entries at once, where the driver does that. */
export function finalizeAndMap(h: Arena, t: number, r: number): void {
  if (!h.profile.driver.mapsAfterMigration || h.task[r + MIGRATION.purpose] !== PURPOSE.to_device) return;
  const file = h.task[r + R.file]!;
  const end = candidateAt(h, t, h.task[r + MIGRATION.count]!);
  for (let c = candidateAt(h, t, 0); c < end; c += CANDIDATE.words) {
    const dst = candidateDst(h, c);
    if (dst < 0 || !candidateHas(h, c, CAND.migrate)) continue;
    const tag = candidateHas(h, c, CAND.dst_write) ? TAG.write : TAG.read;
    setDpte(h, file, h.task[c + CANDIDATE.vpn]!, makeDpte(dst, false, tag, false));
  }
}
