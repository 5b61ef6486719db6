/** Mutants of fork, mprotect, exit and reclaim. */
import { actorOf } from "../../model/files.ts";
import { frameOf, setFrame } from "../../model/frames.ts";
import { mmOf } from "../../model/locks.ts";
import { enter } from "../../model/rule.ts";
import type { Pfn } from "../../spec/vocabulary.ts";
import { changedEntries, entriesOf, poke, withoutPins } from "./memory.ts";
import type { Mutant } from "./mutant.ts";
import { scope } from "./scope.ts";
import { around } from "./tamper.ts";

/** Bugs in what changes an address space beside faults and migrations. */
export const ADDRESS_SPACE_MUTANTS: readonly Mutant[] = [
  {
    id: "T9",
    row: "T9",
    title: "The reverse map walk reads a bit of the entry after it has cleared it: a page that was written is taken for clean.",
    origin: "v14 11/16",
    breaks: ["FRM-7", "RCL-8"],
    killedBy: "dirty-tracking",
    scope: scope(["mmap", "cpu_read", "cpu_write", "reclaim"], { core: "v14" }),
    model: around("rmap_walk", "clear", (go, s) => {
      const before = s.frames.slice();
      go();
      for (const [n, was] of before.entries()) if (!was.dirty && s.frames[n]?.dirty) setFrame(s, n as Pfn, { dirty: false });
    }),
  },
  {
    id: "g5",
    row: "g5",
    title: "fork leaves device-private entries writable in parent and child.",
    origin: "ours",
    breaks: ["MIG-53", "PTE-2"],
    killedBy: "permission",
    scope: scope(["mmap", "migrate_to_device", "fork"], { actors_max: 2 }),
    model: around("fork", "copy", (go, s, t, a) => {
      const { mm } = actorOf(s, t.actor);
      const before = entriesOf(s)[mm] ?? [];
      go();
      for (const [v, was] of before.entries()) {
        const child = mmOf(s, a.childMm).ptes[v];
        if (was.kind !== "device_private" || !was.write || child?.kind !== "device_private") continue;
        poke(s, mm, v, was);
        poke(s, a.childMm, v, was);
      }
    }),
  },
  {
    id: "g6",
    row: "g6",
    title: "fork copies a device-private entry without a reference for the child.",
    origin: "ours",
    breaks: ["MIG-53", "FRM-2"],
    killedBy: "reference-conservation",
    scope: scope(["mmap", "migrate_to_device", "fork"], { actors_max: 2 }),
    model: around("fork", "copy", (go, s, _t, a) => {
      go();
      for (const pte of mmOf(s, a.childMm).ptes) {
        if (pte.kind !== "device_private") continue;
        const { holders } = frameOf(s, pte.pfn);
        setFrame(s, pte.pfn, { holders: holders.filter((h) => h.kind !== "map" || h.mm !== a.childMm) });
      }
    }),
  },
  {
    id: "g7",
    row: "g7",
    title: "mprotect passes over device-private entries: they stay writable in a read-only mapping.",
    origin: "ours",
    breaks: ["MIG-51", "VMA-14", "PTE-2"],
    killedBy: "permission",
    scope: scope(["mmap", "migrate_to_device", "mprotect"]),
    model: around("mprotect", "change", (go, s) => {
      const before = entriesOf(s);
      go();
      for (const { mm, vpn, was } of changedEntries(s, before)) if (was.kind === "device_private") poke(s, mm, vpn, was);
    }),
  },
  {
    id: "g20",
    row: "g20",
    title: "fork shares a page that is pinned for DMA instead of copying it for the child.",
    origin: "ours",
    breaks: ["FRK-6"],
    killedBy: "fork-leaves-pinned-pages",
    scope: scope(["mmap", "cpu_write", "pin", "fork"], { actors_max: 2 }),
    model: around("fork", "copy", (go, s) => withoutPins(s, go)),
  },
  {
    id: "g29",
    row: "g29",
    title: "The end of a process tears its address space down while a call through an inherited file still works on it.",
    origin: "ours",
    breaks: ["MIR-8", "MIR-11"],
    killedBy: "refines",
    scope: scope(["fork", "exit", "migrate_to_device"], { actors_max: 2 }),
    model: around("exit", "exit_mm", (go, s, t, a) => {
      const { mm } = actorOf(s, a.child);
      go();
      if (t.stack.at(-1) === a) enter(t, a, "exit_files", { op: "exit_mmap", pc: "release", mm, got: null });
    }),
  },
];
