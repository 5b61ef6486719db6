/** Mutants of the metadata step of a migration: who the destination becomes, and how holes are filled (m8). */
import { frameOf, hold, mapHolder, setFrame } from "../../model/frames.ts";
import { mmOf } from "../../model/locks.ts";
import { NONE } from "../../model/state.ts";
import { vpn as toVpn } from "../../spec/vocabulary.ts";
import { changedEntries, entriesOf, poke } from "./memory.ts";
import type { Mutant } from "./mutant.ts";
import { scope } from "./scope.ts";
import { around } from "./tamper.ts";

/** Bugs in moving metadata and in filling holes. */
export const METADATA_MUTANTS: readonly Mutant[] = [
  {
    id: "B32",
    row: "B32",
    title: "Filling a hole with device memory that is not private installs an entry of which nobody has set the kind.",
    origin: "34f5e9b9d199",
    breaks: ["MEM-37", "MIG-35"],
    killedBy: "un-addressability",
    scope: scope(["mmap", "migrate_to_device"], { devices: ["coherent"] }),
    model: around("migrate", "m8_insert", (go, s, _t, a) => {
      const before = entriesOf(s);
      go();
      for (const { vpn, now } of changedEntries(s, before))
        if (now.kind === "present") poke(s, a.mm, vpn, { kind: "device_private", pfn: now.pfn, write: now.write });
    }),
  },
  {
    id: "U11",
    row: "U11",
    title: "A hole that cannot be filled any more jumps past the end of the notification, which then stays active for ever.",
    origin: "reading mm/migrate_device.c of 7.0-rc6",
    breaks: ["INV-14", "INV-6"],
    killedBy: "refines",
    scope: scope(["mmap", "cpu_write", "migrate_to_device"]),
    model: around("migrate", "m8_insert", (go, _s, _t, a) => {
      const { i } = a;
      go();
      if (a.entries[i]?.migrate === false) a.notified = false;
    }),
  },
  {
    id: "g13",
    row: "g13",
    title: "A hole is filled without a second look at its entry: what a CPU has just faulted in and written is overwritten.",
    origin: "ours",
    breaks: ["MIG-34"],
    killedBy: "reference-conservation",
    scope: scope(["mmap", "cpu_write", "migrate_to_device"]),
    model: around("migrate", "m8_insert", (go, s, _t, a) => {
      const entry = a.entries[a.i];
      if (entry) poke(s, a.mm, entry.vpn, NONE);
      go();
    }),
  },
  {
    id: "g15",
    row: "g15",
    title: "The zero page is migrated like a page of its own: every address that maps it follows it to the one destination.",
    origin: "ours",
    breaks: ["MIG-6", "MIG-35", "FRM-3"],
    killedBy: "permission",
    scope: scope(["mmap", "cpu_read", "migrate_to_device"], { pages: 2 }),
    model: around("migrate", "m8_insert", (go, s, _t, a) => {
      const before = entriesOf(s);
      go();
      const filled = changedEntries(s, before).find(({ was }) => was.kind === "zero");
      if (filled?.now.kind !== "device_private") return;
      for (const [v, pte] of mmOf(s, a.mm).ptes.entries()) {
        if (pte.kind !== "zero") continue;
        poke(s, a.mm, v, filled.now);
        hold(s, filled.now.pfn, mapHolder(a.mm, toVpn(v)));
      }
    }),
  },
  {
    id: "g17",
    row: "g17",
    title: "A page in the swap cache moves to the device and leaves its slot behind with the old frame.",
    origin: "ours",
    breaks: ["MIG-31"],
    killedBy: "moves-unheld-pages",
    scope: scope(["mmap", "cpu_write", "cpu_read", "reclaim", "migrate_to_device"]),
    model: around("migrate", "m8", (go, s, _t, a) => {
      const src = a.entries[a.i]?.src ?? null;
      const slot = src === null ? null : frameOf(s, src).slot;
      if (src === null || slot === null) return go();
      setFrame(s, src, { slot: null });
      go();
      setFrame(s, src, { slot });
    }),
  },
  {
    id: "g18",
    row: "g18",
    title: "A page of the page cache moves to device memory: who maps it gets the copy, the page cache keeps the old page.",
    origin: "ours",
    breaks: ["MIG-30", "MIG-32", "FILE-1"],
    killedBy: "moves-unheld-pages",
    scope: scope(["mmap", "cpu_write", "migrate_to_device"]),
    model: around("migrate", "m8", (go, s, _t, a) => {
      const entry = a.entries[a.i];
      if (!entry || entry.src === null) return go();
      const { mapping } = frameOf(s, entry.src);
      if (mapping?.kind !== "shmem") return go();
      setFrame(s, entry.src, { mapping: { kind: "anon", anonVma: 0 } });
      go();
      setFrame(s, entry.src, { mapping });
      if (entry.dst !== null && frameOf(s, entry.dst).mapping !== null) setFrame(s, entry.dst, { mapping });
    }),
  },
  {
    id: "g25",
    row: "g25",
    title: "One page that cannot move makes the migration take all others back.",
    origin: "ours",
    breaks: ["MIG-43"],
    killedBy: "refines",
    scope: scope(["mmap", "cpu_write", "migrate_to_device"], { pages: 2 }),
    model: around("migrate", "m8_end", (go, _s, _t, a) => {
      go();
      if (a.entries.some((entry) => !entry.migrate))
        a.entries = a.entries.map((entry) => (entry.src === null ? entry : { ...entry, migrate: false }));
    }),
  },
];
