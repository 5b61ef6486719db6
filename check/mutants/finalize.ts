/** Mutants of the end of a migration: mapping pages again, and what the caller is told (m9). */
import type { MigrateEntry, Of } from "../../model/activation.ts";
import { drop, frameOf, hold, setFrame, unlockPage } from "../../model/frames.ts";
import { mmOf } from "../../model/locks.ts";
import { findVma } from "../../model/vmas.ts";
import { changedEntries, entriesOf, poke, taskHolder } from "./memory.ts";
import type { Mutant, Tampering } from "./mutant.ts";
import { scope } from "./scope.ts";
import { around } from "./tamper.ts";

type Migrate = Of<"migrate">;

/** Bugs in mapping pages again after a migration, and in giving back what it held. */
export const FINALIZE_MUTANTS: readonly Mutant[] = [
  {
    id: "B13",
    row: "B13",
    title: "Finalize puts a declined destination on the LRU before it frees it, so a free frame is left there.",
    origin: "41cddf83d8b0, CVE-2025-21861",
    breaks: ["MIG-40", "FRM-6"],
    killedBy: "refines",
    scope: scope(["mmap", "migrate_to_device", "migrate_to_system", "get"]),
    model: around("migrate", "m9", (go, s, _t, a) => {
      const entry = a.entries[a.i];
      go();
      if (!entry || entry.src === null || entry.migrate || entry.dst === null) return;
      if (frameOf(s, entry.dst).kind === "system") setFrame(s, entry.dst, { lru: true });
    }),
  },
  {
    id: "B22",
    row: "B22",
    title: "Finalize maps with the permission of the mapping and not with that of the migration entry: shared pages become writable.",
    origin: 'mail "mm/migrate: fix read-only page got writable when recover pte"',
    breaks: ["MIG-39", "PTE-2"],
    killedBy: "permission",
    scope: scope(["mmap", "cpu_write", "fork", "migrate_to_device"], { actors_max: 2 }),
    model: around("migrate", "m9", (go, s) => {
      const before = entriesOf(s);
      go();
      for (const { mm, vpn, now } of changedEntries(s, before))
        if ("write" in now && findVma(mmOf(s, mm), vpn)?.flags.write) poke(s, mm, vpn, { ...now, write: true });
    }),
  },
  {
    id: "B24",
    row: "B24",
    title: "Making a device-private entry from a migration entry loses a bit that this has carried, here that the page is exclusive.",
    origin: "ebdf8321eeeb, 3d321bf82c4b",
    breaks: ["MIG-16", "MIG-38"],
    killedBy: "permission",
    scope: scope(["mmap", "cpu_write", "migrate_to_device"]),
    model: around("migrate", "m9", (go, s, _t, a) => {
      const dst = a.entries[a.i]?.dst ?? null;
      go();
      if (dst !== null && frameOf(s, dst).kind === "private" && !frameOf(s, dst).free) setFrame(s, dst, { anonExclusive: false });
    }),
  },
  {
    id: "B38",
    row: "B38",
    title: "cpages counts the pages that were collected instead of those that have moved.",
    origin: "44af0b45d58d",
    breaks: ["MIG-48"],
    killedBy: "refines",
    scope: scope(["mmap", "migrate_to_device", "migrate_to_system"]),
    model: answers((a) => a.entries.filter((entry) => !entry.hole).length),
  },
  {
    id: "B59",
    row: "B59",
    title: "A hole that is no longer empty is given up on a path that skips the unlock: its destination stays locked and held.",
    origin: '"mm/migrate_device: fix spinlock leak in migrate_vma_insert_huge_pmd_page"',
    breaks: ["MIG-34", "MIG-42", "FRM-6"],
    killedBy: "lock-discipline",
    scope: scope(["mmap", "cpu_write", "migrate_to_device"]),
    model: forgets((entry) => entry.hole && !entry.migrate),
  },
  {
    id: "B62",
    row: "B62",
    title: "A destination is put before it is mapped, and used after that.",
    origin: 'df72e55e754c "drm/pagemap: Fix folio allocation fallback and use-after-put"',
    breaks: ["MEM-9", "MEM-13", "MIG-38"],
    killedBy: "device-frame-life-cycle",
    scope: scope(["mmap", "cpu_write", "migrate_to_device"]),
    model: around("migrate", "m9", (go, s, t, a) => {
      const dst = a.entries[a.i]?.dst ?? null;
      if (dst !== null) {
        unlockPage(s, dst);
        // What is still mapped, as a filled hole, keeps its frame.
        drop(s, dst, taskHolder(t, "alloc"));
        hold(s, dst, taskHolder(t, "alloc"));
      }
      go();
    }),
  },
  {
    id: "T2",
    row: "T2",
    title: "Finalize maps a destination wherever there is one, also if the page was refused and the destination knows nothing of it.",
    origin: "v15 13/16",
    breaks: ["MIG-22", "FILE-2", "MIG-30"],
    killedBy: "memory-objects",
    scope: scope(["mmap", "cpu_write", "migrate_to_device"]),
    model: around("migrate", "m9", (go, _s, _t, a) => {
      const { i } = a;
      const entry = a.entries[i];
      if (!entry || entry.src === null || entry.dst === null) return go();
      a.entries[i] = { ...entry, migrate: true };
      go();
      a.entries[i] = entry;
    }),
  },
  {
    id: "T4",
    row: "T4",
    title: "The release loop steps by PAGE_SHIFT bytes: only the first page of a migration is mapped, unlocked and put.",
    origin: "v15 14/16",
    breaks: ["MIG-42", "PTE-3"],
    killedBy: "lock-discipline",
    scope: scope(["mmap", "cpu_write", "migrate_to_device"], { pages: 2 }),
    model: forgets((_entry, i) => i > 0),
  },
  {
    id: "g24",
    row: "g24",
    title: "cpages counts holes and declined pages as well.",
    origin: "ours",
    breaks: ["MIG-48"],
    killedBy: "refines",
    scope: scope(["mmap", "migrate_to_system"]),
    model: answers((a) => a.entries.length),
  },
  {
    id: "g26",
    row: "g26",
    title: "A page that stays is not put back on the LRU, so nothing reclaims or migrates it any more.",
    origin: "ours",
    breaks: ["MIG-22"],
    killedBy: "quiescence",
    scope: scope(["mmap", "cpu_write", "migrate_to_device"]),
    model: around("migrate", "m9", (go, s, _t, a) => {
      const entry = a.entries[a.i];
      go();
      if (!entry || entry.src === null || (entry.migrate && entry.dst !== null)) return;
      if (!frameOf(s, entry.src).free) setFrame(s, entry.src, { lru: false });
    }),
  },
];

/** migrate_to_system is told another number of pages. */
function answers(count: (a: Migrate) => number): Tampering {
  return around("migrate", "m9", (go, _s, t, a) => {
    go();
    const caller = t.stack.at(-1);
    if (caller?.op === "migrate_call" && a.purpose === "to_system") caller.got = count(a);
  });
}

/** Finalize passes over some entries. */
function forgets(passes: (entry: MigrateEntry, i: number) => boolean): Tampering {
  return around("migrate", "m9", (go, _s, _t, a) => {
    const { i } = a;
    const entry = a.entries[i];
    if (!entry || !passes(entry, i)) return go();
    a.entries[i] = { ...entry, src: null, dst: null };
    go();
    a.entries[i] = entry;
  });
}
