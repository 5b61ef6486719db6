/** The end of a migration for one page: every migration entry of it becomes a mapping again. */
import type { Pfn } from "../../spec/vocabulary.ts";
import { frameOf, hold, mapHolder, rmap, setFrame } from "../frames.ts";
import { mmOf } from "../locks.ts";
import type { Pte, Work } from "../state.ts";

/**
 * Maps `to` wherever a migration entry of `from` is found; the permission is what the entry remembers.
 *
 * @param ordinary in a migration without a driver, which restores nothing of a page that it has not found mapped
 */
export function restoreEverywhere(s: Work, from: Pfn, to: Pfn, ordinary: boolean): void {
  const { mapping, index } = frameOf(s, from);
  for (const { mm, vpn } of rmap(s, mapping, index)) {
    const { ptes } = mmOf(s, mm);
    const pte = ptes[vpn];
    // Eviction does not see that an exclusive entry maps the page: it cannot move it, and then takes the entry for one of its own.
    if (!ordinary && pte?.kind === "device_exclusive" && pte.pfn === from)
      ptes[vpn] = { kind: "present", pfn: from, write: false, dirty: false, huge: false };
    if (pte?.kind !== "migration" || pte.pfn !== from) continue;
    hold(s, to, mapHolder(mm, vpn));
    if (pte.mode !== "read" && mapping?.kind === "anon") setFrame(s, to, { anonExclusive: s.profile.anonExclusive });
    ptes[vpn] = mapping === null ? pte : mapped(s, to, pte);
  }
}

function mapped(s: Work, pfn: Pfn, pte: Extract<Pte, { kind: "migration" }>): Pte {
  const frame = frameOf(s, pfn);
  const write = pte.mode === "write";
  if (frame.kind === "private") return { kind: "device_private", pfn, write };
  return { kind: "present", pfn, write, dirty: pte.dirty && frame.dirty, huge: false };
}
