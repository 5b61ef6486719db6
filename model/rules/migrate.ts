/** Migration of a range of pages, and eviction of the pages of a device: the same steps with another way to collect. */
import { match } from "ts-pattern";
import { vpn as toVpn } from "../../spec/vocabulary.ts";
import type { DevId, FileId, MmId, Pfn, Vpn } from "../../spec/vocabulary.ts";
import { allowsMigration } from "../chunks.ts";
import type { MigrateEntry, Of } from "../activation.ts";
import { drop, frameOf, hold, lockPage, mapHolder, mappedCount, mappedPfn, setFrame, unlockPage } from "../frames.ts";
import { splitBlock, splitCompound } from "../huge.ts";
import { mmOf } from "../locks.ts";
import { enter, goto, known, leave } from "../rule.ts";
import type { Steps } from "../rule.ts";
import type { Holder, Pte, TaskWork, Work } from "../state.ts";
import { findVma } from "../vmas.ts";
import { invalidate, invalidateEnd } from "./invalidate.ts";
import { allocDestination, copyFirst, copyRest, dropOwnEntry, finalizeAndMap } from "./migrate-driver.ts";
import { expected, insertPage, moveMetadata } from "./migrate-metadata.ts";
import { restoreEverywhere } from "./migrate-restore.ts";
import { migrationEntry, rmapWalk } from "./rmap-walk.ts";

/** The activation of a migration or an eviction. */
export type Migrate = Of<"migrate">;

const BLANK = {
  op: "migrate",
  i: 0,
  notified: false,
  oom: false,
  failed: false,
  entries: [],
  file: null,
  faultPage: null,
  faultAt: null,
  got: null,
} as const;

/** Migration of `[start, end)`, inside one mapping, for a driver's call. */
export function migrateRange(mm: MmId, start: number, end: number, dev: DevId, file: FileId, purpose: "to_device" | "to_system"): Migrate {
  return { ...BLANK, pc: "m1", mm, start, end, purpose, dev, file, entries: [] };
}

/** migrate_to_ram: the CPU fault on a device-private entry has its device bring the page home, and its neighbours where the driver does that. */
export function cpuFaultMigration(s: Work, mm: MmId, at: Vpn, faultPage: Pfn): Migrate {
  const { dev, driverWord } = frameOf(s, faultPage);
  const vma = known(findVma(mmOf(s, mm), at), "vma");
  const { faultAround } = s.profile.driver;
  const first = at - (at % faultAround);
  return {
    ...BLANK,
    pc: "m1",
    mm,
    start: Math.max(vma.start, first),
    end: Math.min(vma.end, first + faultAround),
    purpose: "cpu_fault",
    dev: known(dev, "device"),
    file: driverWord,
    faultPage,
    faultAt: at,
    entries: [],
  };
}

/** Every page of a device in the frames `[first, end)` goes home, whoever maps it. */
export function evict(dev: DevId, first: number, end: number): Migrate {
  return { ...BLANK, pc: "e2", mm: 0 as MmId, start: first, end, purpose: "evict", dev, entries: [] };
}

/** The ordinary migration of one page to another system frame. */
export function movePage(pfn: Pfn): Migrate {
  return { ...BLANK, pc: "e2", mm: 0 as MmId, start: pfn, end: pfn + 1, purpose: "move", dev: null, entries: [] };
}

const mine = (t: TaskWork, why: Extract<Holder, { kind: "task" }>["why"]): Holder => ({ kind: "task", task: t.id, why });

const entryAt = (a: Migrate): MigrateEntry => known(a.entries[a.i], "entry");

function amend(a: Migrate, change: Partial<MigrateEntry>): void {
  a.entries[a.i] = { ...entryAt(a), ...change };
}

/** The device that a MIGRATE event names, if the core has owners. */
const owner = (s: Work, a: Migrate): DevId | null => (s.profile.ownerFilter ? a.dev : null);

/** Goes on with the next entry, or with step `then` after the last. The driver is not called when no candidate is left. */
function advance(a: Migrate, pc: Migrate["pc"], then: Migrate["pc"]): void {
  a.i++;
  if (a.i < a.entries.length) return goto(a, pc);
  a.i = 0;
  goto(a, then === "m7" && !a.entries.some((entry) => entry.migrate) ? "m9" : then);
}

/** The steps of a migration (m1 to m9) and of the beginning of an eviction (e2). */
export const migrateSteps: Steps<"migrate"> = {
  m1: {
    spec: ["MIG-5", "MIG-46", "NTF-1"],
    apply: (s, t, a) => enter(t, a, "m2", invalidate(a.mm, a.start, a.end, "MIGRATE", owner(s, a))),
  },
  m2: {
    spec: [
      "PTE-3",
      "INV-2",
      "MIG-6",
      "MIG-7",
      "MIG-8",
      "MIG-9",
      "MIG-10",
      "MIG-11",
      "MIG-12",
      "MIG-13",
      "MIG-14",
      "MIG-15",
      "MIG-16",
      "MIG-17",
      "MIG-18",
      "MEM-25",
      "MEM-45",
      "FILE-3",
    ],
    apply(s, t, a) {
      for (let v = a.start; v < a.end; v++) collect(s, t, a, v);
      goto(a, "m3");
    },
  },
  m3: {
    spec: ["MIG-5", "MIG-23"],
    apply(s, t, a) {
      invalidateEnd(s, a.mm);
      if (a.entries.length === 0) return leave(t, answer(a));
      goto(a, "m4");
    },
  },
  e2: {
    spec: ["MIG-33", "MEM-4", "MEM-34", "MEM-35", "MEM-36"],
    apply(s, t, a) {
      s.frames.slice(a.start, a.end).forEach((frame, n) => {
        const src = (a.start + n) as Pfn;
        if (frame.dev !== a.dev || frame.free || frame.locked !== null || !allowsMigration(s, src)) return;
        if (frame.holders.some((h) => h.kind === "replica")) return;
        hold(s, src, mine(t, "collect"));
        lockPage(s, src, t.id);
        a.entries.push({ vpn: toVpn(0), src, hole: false, migrate: true, write: false, dst: null, dstWrite: false });
      });
      if (a.entries.length === 0) return leave(t, 0);
      goto(a, "m4");
    },
  },
  m4: {
    spec: ["MIG-12", "MIG-21", "MIG-23"],
    // Only a candidate that collect could not lock is still to be locked here.
    enabled: (s, t, a) => ours(s, t, entryAt(a)) || !lockedByAny(s, entryAt(a)),
    choices: (s, _t, a) => (isolates(s, entryAt(a)) ? ["isolated", "busy"] : ["go"]),
    apply(s, t, a, choice) {
      const { src } = entryAt(a);
      if (src === null) return advance(a, "m4", "m7");
      lockPage(s, src, t.id);
      if (choice === "busy") return reject(s, t, a);
      if (choice === "isolated") setFrame(s, src, { lru: false });
      goto(a, "m5");
    },
  },
  m5: {
    spec: ["MIG-19", "MIG-23", "FILE-4"],
    apply(s, t, a) {
      const src = known(entryAt(a).src, "source");
      if (mappedCount(s, src) === 0) return goto(a, "m6");
      enter(t, a, "m6", rmapWalk(src, "migrate"));
    },
  },
  m6: {
    spec: ["MIG-21", "MIG-22", "MIG-23"],
    apply(s, t, a) {
      const src = known(entryAt(a).src, "source");
      const frame = frameOf(s, src);
      // A reference too many on a device page passes here (it is seen again in m8).
      const slack = frame.kind === "system" ? 0 : 1;
      if (mappedCount(s, src) > 0 || frame.holders.length > expected(s, a, src) + slack) return reject(s, t, a);
      advance(a, "m4", "m7");
    },
  },
  m7: {
    spec: ["MIG-23", "MIG-24", "MIG-33", "MEM-4", "MEM-9", "MEM-10", "MEM-11", "MEM-24", "MEM-26", "MEM-45"],
    choices: (_s, _t, a) => (entryAt(a).migrate ? ["page", "no-memory", ...(a.purpose === "cpu_fault" ? ["error"] : [])] : ["go"]),
    apply(s, t, a, choice) {
      if (!entryAt(a).migrate) return advance(a, "m7", "m8");
      const faulted = a.faultAt === null || a.faultAt === entryAt(a).vpn;
      if (choice === "no-memory") a.oom ||= faulted;
      else if (choice === "error") a.failed ||= faulted;
      else amend(a, allocDestination(s, t, a, entryAt(a)));
      // Without a driver there is nobody to copy before the metadata: the page's owner copies then.
      if (entryAt(a).dst === null || a.purpose === "move") return advance(a, "m7", "m8");
      goto(a, "m7_copy");
    },
  },
  m7_copy: {
    spec: ["MIG-25", "MIG-26", "MIG-55", "MEM-21", "MEM-24", "DMR-8"],
    choices: () => ["copied", "failed"],
    apply(s, t, a, choice) {
      dropOwnEntry(s, a, entryAt(a));
      if (choice === "copied") {
        copyFirst(s, entryAt(a));
        return goto(a, "m7_rest");
      }
      a.failed ||= a.faultAt === entryAt(a).vpn;
      giveBack(s, t, known(entryAt(a).dst, "destination"));
      amend(a, { dst: null, dstWrite: false });
      advance(a, "m7", "m8");
    },
  },
  m7_rest: {
    spec: ["FRM-4", "MIG-26", "MIG-27", "MIG-44"],
    apply(s, _t, a) {
      copyRest(s, entryAt(a));
      advance(a, "m7", "m8");
    },
  },
  m8: {
    spec: ["MEM-47", "INV-14", "MIG-23", "MIG-29", "MIG-30", "MIG-31", "MIG-32", "MIG-33", "FILE-1"],
    apply(s, t, a) {
      const entry = entryAt(a);
      if (entry.hole && entry.migrate && entry.dst !== null) {
        if (a.notified) return goto(a, "m8_insert");
        a.notified = true;
        return enter(t, a, "m8_insert", invalidate(a.mm, entry.vpn, a.end, "MIGRATE", owner(s, a)));
      }
      if (entry.migrate && !moveMetadata(s, a, entry)) amend(a, { migrate: false });
      advance(a, "m8", "m8_end");
    },
  },
  m8_insert: {
    spec: ["VMA-11", "INV-14", "MIG-34", "MIG-35", "MIG-54"],
    apply(s, _t, a) {
      if (!insertPage(s, a, entryAt(a))) amend(a, { migrate: false });
      advance(a, "m8", "m8_end");
    },
  },
  m8_end: {
    spec: ["INV-14"],
    apply(s, _t, a) {
      if (a.notified) invalidateEnd(s, a.mm);
      goto(a, "m8_map");
    },
  },
  m8_map: {
    spec: ["MIG-23", "MIG-24", "MIG-36", "MIG-37", "IDL-4", "DMR-7"],
    enabled: (s, _t, a) => a.file === null || s.files[a.file]?.mutex === null,
    apply(s, _t, a) {
      finalizeAndMap(s, a);
      a.i = 0;
      goto(a, "m9");
    },
  },
  m9: {
    spec: [
      "MEM-46",
      "FRM-2",
      "FRM-5",
      "FRM-6",
      "PTE-2",
      "PTE-3",
      "INV-3",
      "MIG-22",
      "MIG-38",
      "MIG-39",
      "MIG-40",
      "MIG-42",
      "MIG-44",
      "MIG-48",
      "MIG-49",
      "MIG-54",
      "MEM-9",
      "MEM-12",
      "MEM-13",
      "MEM-14",
      "MEM-18",
      "MEM-19",
      "MEM-36",
      "MEM-37",
      "FILE-2",
    ],
    apply(s, t, a) {
      const entry = a.entries[a.i];
      if (entry) {
        finalize(s, t, a, entry);
        a.i++;
      }
      if (a.i >= a.entries.length) leave(t, answer(a));
    },
  },
};

/** How many pages moved; the CPU fault learns of a failure and of a lack of memory. */
function answer(a: Migrate): number | string | null {
  if (a.purpose === "cpu_fault" && a.failed) return "sigbus";
  if (a.purpose === "cpu_fault") return a.oom ? "oom" : null;
  return a.entries.filter((e) => e.src !== null && e.migrate).length;
}

function lockedByAny(s: Work, entry: MigrateEntry): boolean {
  return entry.src !== null && frameOf(s, entry.src).locked !== null;
}

function ours(s: Work, t: TaskWork, entry: MigrateEntry): boolean {
  return entry.src !== null && frameOf(s, entry.src).locked === t.id;
}

function isolates(s: Work, entry: MigrateEntry): boolean {
  return entry.src !== null && frameOf(s, entry.src).lru;
}

/** Puts a page back as it was. */
function reject(s: Work, t: TaskWork, a: Migrate): void {
  const src = known(entryAt(a).src, "source");
  restoreEverywhere(s, src, src, a.purpose === "move");
  unlockPage(s, src);
  if (frameOf(s, src).kind === "system" && frameOf(s, src).head === null) setFrame(s, src, { lru: true });
  drop(s, src, mine(t, "collect"));
  amend(a, { src: null, hole: false, migrate: false });
  advance(a, "m4", "m7");
}

/** Looks at one entry: a candidate is locked and becomes a migration entry, a hole is remembered, anything else is left alone. */
function collect(s: Work, t: TaskWork, a: Migrate, v: number): void {
  const { ptes } = mmOf(s, a.mm);
  const vma = known(findVma(mmOf(s, a.mm), v), "vma");
  const huge = known(ptes[v], "pte");
  if (huge.kind === "present" && huge.huge && s.profile.collectSplitsHuge) splitCompound(s, a.mm, v);
  else splitBlock(s, a.mm, v);
  const pte = known(ptes[v], "pte");
  const system = a.purpose === "to_device";
  const hole: MigrateEntry = { vpn: toVpn(v), src: null, hole: true, migrate: true, write: false, dst: null, dstWrite: false };
  match(pte)
    .with({ kind: "none" }, () => vma.map === "private" && s.profile.holesMigrate && a.entries.push(hole))
    .with({ kind: "zero" }, () => system && s.profile.holesMigrate && a.entries.push(hole))
    .with({ kind: "present" }, { kind: "device_private" }, (found) => selected(s, a, found.pfn) && take(s, t, a, v, found))
    .with({ kind: "swap" }, { kind: "migration" }, { kind: "device_exclusive" }, () => false)
    .exhaustive();
}

/** Whether the call asks for pages like this one: system pages, or those of the device. v14 asks for all. */
function selected(s: Work, a: Migrate, src: Pfn): boolean {
  const frame = frameOf(s, src);
  if (frame.mapping === null || frame.head !== null || !allowsMigration(s, src)) return false;
  if (!s.profile.ownerFilter && a.purpose === "to_device") return frame.dev !== a.dev;
  return a.purpose === "to_device" ? frame.kind === "system" : frame.dev === a.dev;
}

function take(s: Work, t: TaskWork, a: Migrate, v: number, pte: Pte): void {
  const src = known(mappedPfn(pte), "frame");
  const write = "write" in pte && pte.write;
  const entry: MigrateEntry = { vpn: toVpn(v), src, hole: false, migrate: true, write, dst: null, dstWrite: false };
  if (!lockPage(s, src, t.id)) {
    if (!s.profile.collectWaitsForLock) return;
    hold(s, src, mine(t, "collect"));
    a.entries.push(entry);
    return;
  }
  const pinned = frameOf(s, src).anonExclusive && frameOf(s, src).holders.some((h) => h.kind === "pin");
  if (pinned) return unlockPage(s, src);
  hold(s, src, mine(t, "collect"));
  mmOf(s, a.mm).ptes[v] = migrationEntry(s, src, pte, true);
  if (pte.kind === "present" && pte.dirty) setFrame(s, src, { dirty: true });
  setFrame(s, src, { anonExclusive: false });
  drop(s, src, mapHolder(a.mm, toVpn(v)));
  a.entries.push(entry);
}

/** Maps the destination, or the source again, wherever the page was; then both are unlocked and our references go. */
function finalize(s: Work, t: TaskWork, a: Migrate, entry: MigrateEntry): void {
  const { src, dst } = entry;
  if (src !== null) {
    const moved = entry.migrate && dst !== null;
    restoreEverywhere(s, src, moved ? dst : src, a.purpose === "move");
    unlockPage(s, src);
    const frame = frameOf(s, src);
    if (!moved && frame.kind === "system") setFrame(s, src, { lru: true });
    drop(s, src, mine(t, "collect"));
  }
  if (dst !== null) giveBack(s, t, dst);
}

/** Unlocks a destination and drops the reference that its allocation gave us: one that nobody maps is free again. */
function giveBack(s: Work, t: TaskWork, dst: Pfn): void {
  unlockPage(s, dst);
  if (frameOf(s, dst).kind === "system") setFrame(s, dst, { lru: true });
  drop(s, dst, mine(t, "alloc"));
}
