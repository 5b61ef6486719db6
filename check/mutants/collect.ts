/** Mutants of the first half of a migration: collect, unmap, check (m1 to m6). */
import type { Of } from "../../model/activation.ts";
import { allocDevice, drop, frameOf, hold, lockPage, mappedPfn, setFrame, unlockPage } from "../../model/frames.ts";
import { mmOf } from "../../model/locks.ts";
import { ok } from "../../model/rule.ts";
import type { MigrateEntry } from "../../model/activation.ts";
import type { TaskWork, Work } from "../../model/state.ts";
import type { Pfn } from "../../spec/vocabulary.ts";
import { vpn as toVpn } from "../../spec/vocabulary.ts";
import { changedEntries, entriesOf, poke, taskHolder, withoutPins } from "./memory.ts";
import type { Mutant, Tampering } from "./mutant.ts";
import { scope } from "./scope.ts";
import { all, around } from "./tamper.ts";

type Migrate = Of<"migrate">;

/** Bugs in collecting, unmapping and refusing candidates. */
export const COLLECT_MUTANTS: readonly Mutant[] = [
  {
    id: "B4",
    row: "B4",
    title: "Collect drops the dirty bit of the entry that it replaces, so the page is clean when it is mapped again.",
    origin: "fd35ca3d12cc",
    breaks: ["MIG-17"],
    killedBy: "dirty-tracking",
    scope: scope(["mmap", "cpu_write", "migrate_to_device"]),
    model: around("migrate", "m2", (go, s) => {
      const before = s.frames.slice();
      go();
      for (const [n, was] of before.entries()) if (!was.dirty && s.frames[n]?.dirty) setFrame(s, n as Pfn, { dirty: false });
    }),
  },
  {
    id: "B6",
    row: "B6",
    title: "Collect flushes the TLB only after it has dropped the page table lock: until then a CPU goes on through the old translation.",
    origin: "60bae7370896",
    breaks: ["MIG-15", "MIG-26"],
    killedBy: "cpu-access",
    scope: scope(["mmap", "cpu_write", "migrate_to_device"]),
    model: around("cpu_access", "access", (go, s, t, a) => {
      const pfn = staleTranslation(s, a);
      if (pfn === null) return go();
      const { contents } = frameOf(s, pfn);
      if (a.write) setFrame(s, pfn, { contents: { ...contents, first: a.value } });
      ok(t, a.write ? {} : { value: contents.first as number });
    }),
  },
  {
    id: "B11",
    row: "B11",
    title: "Collect takes the write bit of a device-private entry from where a present one has it, so its migration entry is a read one.",
    origin: 'mail "mm/migrate: properly preserve write attribute in special migrate entry"',
    breaks: ["MIG-16", "MEM-19"],
    killedBy: "migration-keeps-permission",
    scope: scope(["mmap", "migrate_to_device", "migrate_to_system"]),
    model: around("migrate", "m2", (go, s) => {
      const before = entriesOf(s);
      go();
      for (const { mm, vpn, was, now } of changedEntries(s, before))
        if (was.kind === "device_private" && now.kind === "migration" && now.mode === "write") poke(s, mm, vpn, { ...now, mode: "read" });
    }),
  },
  {
    id: "B40",
    row: "B40",
    title: "Migration takes device memory of a kind that it was not asked for: a coherent page of another device is unmapped and moved.",
    origin: "6c855fce2e62",
    breaks: ["MIG-8"],
    killedBy: "refines",
    scope: scope(["mmap", "migrate_to_device"], { devices: ["private", "coherent"] }),
    model: around("migrate", "m2", (go, s, _t, a) => {
      const foreign = mappedFrames(s, a).filter((pfn) => frameOf(s, pfn).kind === "coherent" && frameOf(s, pfn).dev !== a.dev);
      if (a.purpose === "to_device") for (const pfn of foreign) setFrame(s, pfn, { kind: "system" });
      go();
      for (const pfn of foreign) setFrame(s, pfn, { kind: "coherent" });
    }),
  },
  {
    id: "T1",
    row: "T1",
    title: "The loop that restores refused pages begins behind the last one: they stay locked behind their migration entries.",
    origin: "v15 13/16",
    breaks: ["MIG-22", "MIG-42", "PTE-3"],
    killedBy: "lock-discipline",
    scope: scope(["mmap", "cpu_write", "migrate_to_device"]),
    model: all(leavesRefused("m4"), leavesRefused("m6")),
  },
  {
    id: "T3",
    row: "T3",
    title: "After a failed isolation the page is unlocked and put, falls through to the pin check, and is unlocked and put once more.",
    origin: "v15 13/16",
    breaks: ["FRM-1", "MIG-22"],
    killedBy: "reference-conservation",
    scope: scope(["mmap", "cpu_write", "migrate_to_device"]),
    model: around("migrate", "m4", (go, s, _t, a, choice) => {
      const src = a.entries[a.i]?.src ?? null;
      go();
      const holder = src === null ? undefined : frameOf(s, src).holders.find((h) => h.kind === "map");
      if (choice === "busy" && src !== null && holder) drop(s, src, holder);
    }),
  },
  {
    id: "U10",
    row: "U10",
    title: "A candidate whose lock is taken is skipped without putting the reference that collect has just taken.",
    origin: "reading mm/migrate_device.c of 6.1",
    breaks: ["MIG-42", "FRM-6"],
    killedBy: "reference-conservation",
    scope: scope(["mmap", "cpu_write", "migrate_to_device", "reclaim"], { tasks_max: 3 }),
    model: around("migrate", "m2", (go, s, t, a) => {
      const taken = mappedFrames(s, a).filter((pfn) => frameOf(s, pfn).locked !== null);
      go();
      for (const pfn of taken) hold(s, pfn, taskHolder(t, "collect"));
    }),
  },
  {
    id: "U12",
    row: "U12",
    title: "Collect, on meeting the migration entry of another migration, unlocks that page as if it was its own.",
    origin: "reading mm/migrate_device.c of 7.0-rc6",
    breaks: ["MIG-10", "PTE-3"],
    killedBy: "migration-entry-discipline",
    scope: scope(["mmap", "cpu_write", "migrate_to_device"]),
    model: around("migrate", "m2", (go, s, _t, a) => {
      for (const pte of mmOf(s, a.mm).ptes.slice(a.start, a.end)) if (pte.kind === "migration") unlockPage(s, pte.pfn);
      go();
    }),
  },
  {
    id: "g16",
    row: "g16",
    title: "The driver copies the pages before they are unmapped, so what a CPU writes until then is lost.",
    origin: "ours",
    breaks: ["MIG-23", "MIG-26", "MIG-44"],
    killedBy: "value-integrity",
    scope: scope(["mmap", "cpu_write", "migrate_to_device"]),
    model: all(
      around("migrate", "m1", (go, s, t, a) => {
        if (a.purpose === "to_device") a.entries = copiedEarly(s, t, a);
        go();
      }),
      around("migrate", "m2", (go, s, t, a) => {
        const early = a.entries;
        a.entries = [];
        go();
        for (const { vpn, dst } of early) useEarly(s, t, a, vpn, dst);
      }),
      around("migrate", "m7", (go, _s, _t, a) => {
        if ((a.entries[a.i]?.dst ?? null) === null) return go();
        a.i++;
        if (a.i < a.entries.length) return;
        a.i = 0;
        a.pc = "m8";
      }),
    ),
  },
  {
    id: "g19",
    row: "g19",
    title: "No check of a migration counts pins, so a page moves away under the device that was given its frame for DMA.",
    origin: "ours",
    breaks: ["MIG-21", "MIG-29"],
    killedBy: "moves-unheld-pages",
    scope: scope(["mmap", "cpu_write", "migrate_to_device", "pin"]),
    model: all(...(["m2", "m6", "m8"] as const).map((pc) => around("migrate", pc, (go, s) => withoutPins(s, go)))),
  },
];

/** The frame that the TLB still has for an access: its entry is replaced (m2), and the flush comes with m3. */
function staleTranslation(s: Work, a: Of<"cpu_access">): Pfn | null {
  for (const { stack } of s.tasks) {
    const top = stack.at(-1);
    if (top?.op !== "migrate" || top.pc !== "m3" || top.mm !== a.mm) continue;
    const entry = top.entries.find(({ vpn, src }) => vpn === a.vpn && src !== null && frameOf(s, src).kind !== "private");
    if (entry && (entry.write || !a.write)) return entry.src;
  }
  return null;
}

/** The frames that the entries of a migration's range map. */
function mappedFrames(s: Work, a: Migrate): Pfn[] {
  return mmOf(s, a.mm)
    .ptes.slice(a.start, a.end)
    .map(mappedPfn)
    .filter((pfn) => pfn !== null);
}

/** A refused page is not put back as it was. */
function leavesRefused(pc: "m4" | "m6"): Tampering {
  return around("migrate", pc, (go, s, t, a) => {
    const { i } = a;
    const src = a.entries[i]?.src ?? null;
    if (src === null) return go();
    const before = entriesOf(s);
    const frame = frameOf(s, src);
    go();
    if (a.entries[i]?.src !== null) return;
    for (const { mm, vpn, was } of changedEntries(s, before)) poke(s, mm, vpn, was);
    s.frames[src] = { ...frame, locked: t.id };
  });
}

/** A destination with the contents of each page as it is now, while its entry is still there. */
function copiedEarly(s: Work, t: TaskWork, a: Migrate): MigrateEntry[] {
  const { ptes } = mmOf(s, a.mm);
  const entries: MigrateEntry[] = [];
  for (let v = a.start; v < a.end; v++) {
    const pte = ptes[v];
    if (pte?.kind !== "present" || frameOf(s, pte.pfn).kind !== "system" || a.dev === null || a.file === null) continue;
    const dst = allocDevice(s, a.dev, a.file, [taskHolder(t, "alloc")]);
    if (dst === null) continue;
    lockPage(s, dst, t.id);
    setFrame(s, dst, { contents: frameOf(s, pte.pfn).contents });
    entries.push({ vpn: toVpn(v), src: null, hole: false, migrate: false, write: pte.write, dst, dstWrite: pte.write });
  }
  return entries;
}

/** Gives an early destination to the candidate of its page, or back where the page was not collected. */
function useEarly(s: Work, t: TaskWork, a: Migrate, vpn: number, dst: Pfn | null): void {
  if (dst === null) return;
  const i = a.entries.findIndex((entry) => entry.vpn === vpn && entry.src !== null);
  const entry = a.entries[i];
  if (entry) a.entries[i] = { ...entry, dst, dstWrite: entry.write };
  else {
    unlockPage(s, dst);
    drop(s, dst, taskHolder(t, "alloc"));
  }
}
