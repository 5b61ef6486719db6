/** Whether one entry of a device page table agrees with the CPU page table entry that it mirrors. */
import { DPTE, INTERVAL, PTE, STEP, TAG } from "../spec/words.ts";
import type { Sweep } from "./sweep.ts";

const MIGRATE_M9 = STEP["migrate.m9"];

/** What is wrong with an entry of a mirror. */
export const FAULT = { none: 0, frame: 1, write: 2, tag: 3 } as const;

/** Whether notifications reach the mirror: one that has ended, or that v14 has taken off its list, only waits to be emptied. */
export function isListed(s: Sweep, file: number): boolean {
  const interval = s.fileInterval[file]!;
  return (
    interval === INTERVAL.inserted ||
    interval === INTERVAL.adding ||
    (interval === INTERVAL.removing && s.view.profile.rangeProtocol === "sequence")
  );
}

/** The CPU page table entry that a mirror's entry stands for. */
export function mirrored(s: Sweep, file: number, v: number): number {
  return s.pte[s.fileMm[file]! * s.pages + v] ?? 0;
}

/**
 * Compares the entry of a mirror with the CPU page table entry of the page. A number of `FAULT`.
 *
 * It must name the frame that the CPU entry maps, or a replica of it; it may write only where the CPU entry may; and the tag atomic belongs to
 * an exclusive entry. A driver that maps after a migration may name the destination before finalize, while both frames are locked.
 */
export function mirrorFault(s: Sweep, file: number, v: number): number {
  const dpte = s.dpte[file * s.pages + v]!;
  if ((dpte & DPTE.valid) === 0) return FAULT.none;
  const pte = mirrored(s, file, v);
  const kind = pte & PTE.kind_mask;
  if ((dpte & DPTE.zero) !== 0) return kind === PTE.zero ? FAULT.none : FAULT.frame;
  const pfn = dpte >>> DPTE.payload_shift;
  const at = pte >>> PTE.payload_shift;
  const tag = (dpte & DPTE.tag_mask) >>> DPTE.tag_shift;
  if (kind !== PTE.present && kind < PTE.device_private) return isBeingFinalized(s, pte, pfn) ? FAULT.none : FAULT.frame;
  if (at !== pfn) return s.copies[pfn]! > 0 && tag === TAG.read && isReplicaOf(s, pfn, at) ? FAULT.none : FAULT.frame;
  if (tag === TAG.write && (pte & PTE.write) === 0) return FAULT.write;
  return tag === TAG.atomic && kind !== PTE.device_exclusive ? FAULT.tag : FAULT.none;
}

function isReplicaOf(s: Sweep, pfn: number, page: number): boolean {
  for (let i = 0; i < s.replicas; i++) if (s.view.replicaPfn(i) === pfn) return s.view.replicaPage(i) === page;
  return false;
}

/** Between m8' and m9: the entry names the destination, the CPU entry still is the migration entry of the source, and one task has locked both. */
function isBeingFinalized(s: Sweep, pte: number, dst: number): boolean {
  if (!s.view.profile.driver.mapsAfterMigration || (pte & PTE.kind_mask) !== PTE.migration || dst >= s.frames) return false;
  const src = pte >>> PTE.payload_shift;
  const task = s.locked[dst]!;
  return task >= 0 && src !== dst && s.locked[src] === task && s.taskStep[task] === MIGRATE_M9;
}
