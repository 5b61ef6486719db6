/** The end of a migration for one page: every migration entry of it becomes a mapping again. */
import { FRAME, MAPPING, MODE, PTE, pteKind, ptePayload } from "../../spec/words.ts";
import type { Arena } from "../arena.ts";
import { flagsOf, indexOf, mapPage, mappingKind, mappingOf, mark, setPte } from "../frames.ts";
import { rmapTargets } from "../rmap.ts";
import { taskRow } from "../tasks.ts";
import { CAND, candidateHas } from "./migrate-record.ts";
import { CANDIDATE, R } from "../layout.ts";

/** Maps `to` at one place, if a migration entry of `from` is there; the permission is what the entry remembers. */
function restoreAt(h: Arena, from: number, to: number, mm: number, vpn: number): void {
  const pte = h.pt.get(mm, vpn);
  if ((pte & PTE.kind_mask) !== PTE.migration || ptePayload(pte) !== from) {
    // Eviction does not see that an exclusive entry maps the page: it cannot move it, and then takes the entry for one of its own.
    if (pteKind(pte) === PTE.device_exclusive && ptePayload(pte) === from) setPte(h, mm, vpn, PTE.present | (from << PTE.payload_shift));
    return;
  }
  mapPage(h, to);
  const mode = (pte & PTE.mode_mask) >>> PTE.mode_shift;
  if (mode !== MODE.read && h.profile.anonExclusive && mappingKind(h, from) === MAPPING.anon) mark(h, to, FRAME.anon_exclusive);
  const flags = flagsOf(h, to);
  const write = mode === MODE.write ? PTE.write : 0;
  const entry =
    (flags & FRAME.kind_mask) === FRAME.private
      ? PTE.device_private | write
      : PTE.present | write | ((flags & FRAME.dirty) === 0 ? 0 : pte & PTE.dirty);
  h.pt.set(mm, vpn, entry | (to << PTE.payload_shift));
}

/** Maps `to` wherever a migration entry of `from`, the source of candidate `c`, is found. */
export function restore(h: Arena, t: number, r: number, c: number, from: number, to: number): void {
  if (candidateHas(h, c, CAND.alone)) return restoreAt(h, from, to, h.task[r + R.mm]!, h.task[c + CANDIDATE.vpn]!);
  const kind = mappingKind(h, from);
  if (kind === MAPPING.none) return;
  const first = taskRow(h, t) + h.targets;
  const n = rmapTargets(h, kind, mappingOf(h, from), indexOf(h, from), h.task, first);
  for (let i = 0; i < n; i++) restoreAt(h, from, to, h.task[first + 2 * i]!, h.task[first + 2 * i + 1]!);
  h.task.fill(0, first, first + 2 * n);
}
