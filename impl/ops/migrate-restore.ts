/** The end of a migration for one page: every migration entry of it becomes a mapping again. */
import { FRAME, MAPPING, MODE, PTE } from "../../spec/words.ts";
import type { Arena } from "../arena.ts";
import { indexOf, mapPage, mappingKind, mappingOf, setPte } from "../frames.ts";
import { CANDIDATE, F, R } from "../layout.ts";
import { rmapTargets } from "../rmap.ts";
import { taskRow } from "../tasks.ts";
import { CAND, MIGRATION, PURPOSE } from "./migrate-record.ts";

const { mm: MM } = R;
const { src: SRC, vpn: VPN } = CANDIDATE;
const { alone: ALONE } = CAND;
const { words: FRAME_WORDS } = F;
const { kind_mask: KIND, private: PRIVATE, dirty: FRAME_DIRTY, anon_exclusive: ANON_EXCLUSIVE, mapping_mask: OWNER } = FRAME;
const ANON = MAPPING.anon << FRAME.mapping_shift;
const {
  kind_mask: PTE_KIND,
  payload_shift: PAYLOAD_SHIFT,
  mode_mask: MODE_MASK,
  migration: MIGRATION_ENTRY,
  device_exclusive: DEVICE_EXCLUSIVE,
  device_private: DEVICE_PRIVATE,
  present: PRESENT,
  write: PTE_WRITE,
  dirty: PTE_DIRTY,
} = PTE;
const MODE_READ = MODE.read << PTE.mode_shift;
const MODE_WRITE = MODE.write << PTE.mode_shift;

/** Maps `to` at one place, if a migration entry of `from` is there; the permission is what the entry remembers. */
function restoreAt(h: Arena, r: number, from: number, to: number, mm: number, vpn: number): void {
  const { pt, frame } = h;
  const pte = pt.get(mm, vpn);
  if (pte >>> PAYLOAD_SHIFT !== from) return;
  if ((pte & PTE_KIND) !== MIGRATION_ENTRY) {
    // Eviction does not see that an exclusive entry maps the page: it cannot move it, and then takes the entry for one of its own. The ordinary
    // migration restores nothing of a page that it has not found mapped.
    if ((pte & PTE_KIND) === DEVICE_EXCLUSIVE && h.task[r + MIGRATION.purpose] !== PURPOSE.move)
      setPte(h, mm, vpn, PRESENT | (from << PAYLOAD_SHIFT));
    return;
  }
  mapPage(h, to);
  const mode = pte & MODE_MASK;
  const f = to * FRAME_WORDS;
  let flags = frame[f]!;
  if (mode !== MODE_READ && h.profile.anonExclusive && (frame[from * FRAME_WORDS]! & OWNER) === ANON) {
    flags |= ANON_EXCLUSIVE;
    frame[f] = flags;
  }
  const write = mode === MODE_WRITE ? PTE_WRITE : 0;
  const kind = (flags & KIND) === PRIVATE ? DEVICE_PRIVATE : (flags & FRAME_DIRTY) === 0 ? PRESENT : PRESENT | (pte & PTE_DIRTY);
  pt.set(mm, vpn, kind | write | (to << PAYLOAD_SHIFT));
}

/** Maps `to` wherever a migration entry of `from`, the source of candidate `c`, is found. */
export function restore(h: Arena, t: number, r: number, c: number, from: number, to: number): void {
  const { task } = h;
  if ((task[c + SRC]! & ALONE) !== 0) return restoreAt(h, r, from, to, task[r + MM]!, task[c + VPN]!);
  const first = taskRow(h, t) + h.targets;
  const n = rmapTargets(h, mappingKind(h, from), mappingOf(h, from), indexOf(h, from), task, first);
  for (let i = 0; i < n; i++) restoreAt(h, r, from, to, task[first + 2 * i]!, task[first + 2 * i + 1]!);
  task.fill(0, first, first + 2 * n);
}
