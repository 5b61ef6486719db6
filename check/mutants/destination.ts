/** Mutants of the driver's part of a migration: destinations, their contents, and the device's entries (m7, m8_map). */
import type { Of } from "../../model/activation.ts";
import { chunkOf } from "../../model/chunks.ts";
import { frameOf, hold, lockPage, setFrame } from "../../model/frames.ts";
import { leave } from "../../model/rule.ts";
import type { Work } from "../../model/state.ts";
import type { DevId, Pfn } from "../../spec/vocabulary.ts";
import { taskHolder } from "./memory.ts";
import type { Mutant, Tampering } from "./mutant.ts";
import { scope } from "./scope.ts";
import { all, around, driverWith, under } from "./tamper.ts";

/** Bugs in filling destinations and in mapping them for the device. */
export const DESTINATION_MUTANTS: readonly Mutant[] = [
  {
    id: "B15",
    row: "B15",
    title: "A copy that fails is taken for done: the page is mapped to a destination with whatever was in it before.",
    origin: 'CVE-2024-50096, "nouveau/dmem: Fix vulnerability in migrate_to_ram upon copy error"',
    breaks: ["MIG-55", "FRM-4", "MEM-24"],
    killedBy: "no-leaked-contents",
    scope: scope(["mmap", "cpu_write", "cpu_read", "migrate_to_device"]),
    model: around("migrate", "m7_copy", (go, _s, _t, a, choice) => {
      if (choice !== "failed") return go();
      a.i++;
      a.pc = a.i < a.entries.length ? "m7" : "m8";
      if (a.pc === "m8") a.i = 0;
    }),
  },
  {
    id: "B18",
    row: "B18",
    title: "A reference is still given out for memory that is being removed: an allocation finds its free frames.",
    origin: "1e57ffb6e3fd",
    breaks: ["MEM-33"],
    killedBy: "refines",
    scope: scope(["mmap", "migrate_to_device", "devmem_remove", "devmem_release"], { tasks_max: 3 }),
    model: around("migrate", "m7", (go, s, _t, a, choice) => {
      const free = a.dev === null ? undefined : s.devices[a.dev]?.freeList;
      const dying = s.frames.findIndex((f, n) => f.free && f.dev === a.dev && chunkOf(s, n as Pfn)?.state === "removing");
      if (a.purpose === "to_device" && choice === "page" && free?.length === 0 && dying >= 0) free.push(dying as Pfn);
      go();
    }),
  },
  {
    id: "B47",
    row: "B47",
    title: "After a migration that moved only some pages the driver maps the destinations of all of them.",
    origin: 'b5f022fe8ec5 "drm/amdkfd: Fix partial migrate issue"',
    breaks: ["MIG-36", "DEV-6"],
    killedBy: "mirror-consistency",
    scope: scope(["mmap", "cpu_write", "migrate_to_device"], { driver: "dmirror-fixed" }),
    model: around("migrate", "m8_map", (go, _s, _t, a) => {
      const { entries } = a;
      a.entries = entries.map((entry) => ({ ...entry, migrate: true }));
      go();
      a.entries = entries;
    }),
  },
  {
    id: "B60",
    row: "B60",
    title: "migrate_to_system that finds no memory for a page returns without finalize, and leaves migration entries and locks behind.",
    origin: '"lib/test_hmm: fix error path in dmirror_devmem_fault()", "fix memory leak in dmirror_migrate_to_system()"',
    breaks: ["MIG-42", "MIG-43", "FRM-6"],
    killedBy: "lock-discipline",
    scope: scope(["mmap", "migrate_to_device", "migrate_to_system"]),
    model: leavesUnfinished("to_system", 0),
  },
  {
    id: "B61",
    row: "B61",
    title: "Every coherent device takes its memory from the physical range of the first one.",
    origin: '"lib: test_hmm: use device devt for coherent device range selection"',
    breaks: ["MEM-45"],
    killedBy: "ownership",
    scope: scope(["mmap", "migrate_to_device"], { devices: ["coherent", "coherent"] }),
    model: around("migrate", "m7", (go, _s, _t, a) => {
      const { dev } = a;
      if (a.purpose === "to_device") a.dev = 0 as DevId;
      go();
      a.dev = dev;
    }),
  },
  {
    id: "T15",
    row: "T15",
    title: "The words for destinations are not cleared: where the driver writes none, an old frame number is taken for one.",
    origin: "v14 13/16",
    breaks: ["MIG-22", "MEM-10", "MIG-44"],
    killedBy: "device-frame-life-cycle",
    scope: scope(["mmap", "cpu_write", "migrate_to_device"]),
    model: around("migrate", "m7", (go, s, t, a, choice) => {
      const { i } = a;
      go();
      const entry = a.entries[i];
      const stale = s.frames.findIndex((f) => f.dev === a.dev && f.locked === null);
      if (a.purpose !== "to_device" || choice !== "no-memory" || !entry || stale < 0) return;
      hold(s, stale as Pfn, taskHolder(t, "alloc"));
      lockPage(s, stale as Pfn, t.id);
      a.entries[i] = { ...entry, dst: stale as Pfn, dstWrite: entry.write };
    }),
  },
  {
    id: "U5",
    row: "U5",
    title: "The CPU fault handler that finds no memory returns without finalize: the page stays behind its migration entry for ever.",
    origin: "reading lib/test_hmm.c of 5.8 to 7.0",
    breaks: ["MIG-42", "MEM-24", "PTE-3"],
    killedBy: "migration-entry-discipline",
    scope: scope(["mmap", "cpu_read", "migrate_to_device"]),
    model: leavesUnfinished("cpu_fault", "oom"),
  },
  {
    id: "U7",
    row: "U7",
    title: "The driver maps what it has migrated without a look at the sequence, so an entry may name a page that was dropped meanwhile.",
    origin: "reading lib/test_hmm.c of 5.8 to 7.0",
    breaks: ["MIG-37", "IDL-4"],
    killedBy: "no-entry-after-callback",
    scope: scope(["mmap", "migrate_to_device", "madvise"]),
    model: under("migrate", "m8_map", driverWith({ mapsAfterMigration: true })),
  },
  {
    id: "U15",
    row: "U15",
    title: "The device's entry of a hole that was filled lacks the write permission that the CPU entry has.",
    origin: "reading lib/test_hmm.c of 7.0",
    breaks: ["MIG-36"],
    killedBy: "refines",
    scope: scope(["mmap", "migrate_to_device"], { driver: "dmirror-fixed" }),
    model: around("migrate", "m7", (go, _s, _t, a) => {
      const { i } = a;
      go();
      const entry = a.entries[i];
      if (entry?.hole) a.entries[i] = { ...entry, dstWrite: false };
    }),
  },
  {
    id: "g14",
    row: "g14",
    title: "The destination of a hole is not filled with zeroes: it shows what the device frame held before.",
    origin: "ours",
    breaks: ["MIG-25", "FRM-4"],
    killedBy: "no-leaked-contents",
    scope: scope(["mmap", "migrate_to_device"]),
    model: all(leavesHole("m7_copy"), leavesHole("m7_rest")),
  },
];

/** A lack of memory ends the migration where it is. */
function leavesUnfinished(purpose: Of<"migrate">["purpose"], answer: string | number): Tampering {
  return around("migrate", "m7", (go, _s, t, a, choice) => {
    if (a.purpose === purpose && choice === "no-memory") leave(t, answer);
    else go();
  });
}

/** A step of the copy engine leaves the destination of a hole as it is. */
function leavesHole(pc: "m7_copy" | "m7_rest"): Tampering {
  return around("migrate", pc, (go, s, _t, a) => {
    const entry = a.entries[a.i];
    const dst = entry?.src === null ? entry.dst : null;
    const before = contentsOf(s, dst);
    go();
    if (dst !== null && before !== null && !frameOf(s, dst).free) setFrame(s, dst, { contents: before });
  });
}

function contentsOf(s: Work, pfn: Pfn | null): Work["frames"][number]["contents"] | null {
  return pfn === null ? null : frameOf(s, pfn).contents;
}
