/** Migration of a range of pages, and eviction of the pages of a device: the same steps with another way to collect. */
import { match } from "ts-pattern";
import { vpn as toVpn } from "../../spec/vocabulary.ts";
import type { DevId, FileId, MmId, Pfn, Vpn } from "../../spec/vocabulary.ts";
import type { MigrateEntry, Of } from "../activation.ts";
import { drop, dropSlot, frameOf, hold, lockPage, mapCount, mapHolder, mappedPfn, setFrame, unlockPage } from "../frames.ts";
import { splitBlock, splitCompound } from "../huge.ts";
import { mmOf } from "../locks.ts";
import { enter, goto, known, leave } from "../rule.ts";
import type { Steps } from "../rule.ts";
import type { Frame, Holder, Pte, TaskWork, Work } from "../state.ts";
import { findVma, prepareAnonVma } from "../vmas.ts";
import { invalidate, invalidateEnd } from "./invalidate.ts";
import { allocDestination, copyPage, finalizeAndMap } from "./migrate-driver.ts";
import { restoreEverywhere } from "./migrate-restore.ts";
import { migrationEntry, rmapWalk } from "./rmap-walk.ts";

export type Migrate = Of<"migrate">;

const BLANK = { op: "migrate", i: 0, notified: false, oom: false, entries: [], faultPage: null, got: null } as const;

/** Migration of `[start, end)`, inside one mapping, for a driver's call. */
export function migrateRange(mm: MmId, start: number, end: number, dev: DevId, file: FileId, purpose: "to_device" | "to_system"): Migrate {
  return { ...BLANK, pc: "m1", mm, start, end, purpose, dev, file, entries: [] };
}

/** migrate_to_ram: the CPU fault on a device-private entry has its device bring the page home. */
export function cpuFaultMigration(s: Work, mm: MmId, at: Vpn, faultPage: Pfn): Migrate {
  const { dev, driverWord } = frameOf(s, faultPage);
  return {
    ...BLANK,
    pc: "m1",
    mm,
    start: at,
    end: at + 1,
    purpose: "cpu_fault",
    dev: known(dev, "device"),
    file: driverWord,
    faultPage,
    entries: [],
  };
}

/** Every page of a device goes home, whoever maps it. */
export function evict(dev: DevId): Migrate {
  return { ...BLANK, pc: "e1", mm: 0 as MmId, start: 0, end: 0, purpose: "evict", dev, file: null, entries: [] };
}

const mine = (t: TaskWork, why: Extract<Holder, { kind: "task" }>["why"]): Holder => ({ kind: "task", task: t.id, why });

const entryAt = (a: Migrate): MigrateEntry => known(a.entries[a.i], "entry");

function amend(a: Migrate, change: Partial<MigrateEntry>): void {
  a.entries[a.i] = { ...entryAt(a), ...change };
}

/** Goes on with the next entry, or with step `then` after the last. */
function advance(a: Migrate, pc: Migrate["pc"], then: Migrate["pc"]): void {
  a.i++;
  if (a.i < a.entries.length) return goto(a, pc);
  a.i = 0;
  goto(a, a.entries.length > 0 ? then : "m9");
}

export const migrateSteps: Steps<"migrate"> = {
  m1: { spec: [], apply: (_s, t, a) => enter(t, a, "m2", invalidate(a.mm, a.start, a.end, "MIGRATE", a.dev)) },
  m2: {
    spec: [],
    apply(s, t, a) {
      for (let v = a.start; v < a.end; v++) collect(s, t, a, v);
      goto(a, "m3");
    },
  },
  m3: {
    spec: [],
    apply(s, t, a) {
      invalidateEnd(s, a.mm);
      if (a.entries.length === 0) return leave(t, 0);
      goto(a, "m4");
    },
  },
  e1: { spec: [], apply: (_s, _t, a) => goto(a, "e2") },
  e2: {
    spec: [],
    apply(s, t, a) {
      s.frames.forEach((frame, n) => {
        if (frame.dev !== a.dev || frame.free || frame.locked !== null) return;
        const src = n as Pfn;
        hold(s, src, mine(t, "collect"));
        lockPage(s, src, t.id);
        a.entries.push({ vpn: toVpn(0), src, hole: false, migrate: true, write: false, dst: null, dstWrite: false });
      });
      if (a.entries.length === 0) return leave(t, 0);
      goto(a, "m4");
    },
  },
  m4: {
    spec: [],
    choices: (s, _t, a) => (isolates(s, entryAt(a)) ? ["isolated", "busy"] : ["go"]),
    apply(s, t, a, choice) {
      const { src } = entryAt(a);
      if (src === null) return advance(a, "m4", "m7");
      if (choice === "busy") return reject(s, t, a);
      if (choice === "isolated") setFrame(s, src, { lru: false });
      goto(a, "m5");
    },
  },
  m5: {
    spec: [],
    apply(s, t, a) {
      const src = known(entryAt(a).src, "source");
      if (mapCount(frameOf(s, src)) === 0) return goto(a, "m6");
      enter(t, a, "m6", rmapWalk(src, "migrate"));
    },
  },
  m6: {
    spec: [],
    apply(s, t, a) {
      const src = known(entryAt(a).src, "source");
      const frame = frameOf(s, src);
      // A reference too many on a device page passes here (it is seen again in m8).
      const slack = frame.kind === "system" ? 0 : 1;
      if (mapCount(frame) > 0 || frame.holders.length > expected(a, frame) + slack) return reject(s, t, a);
      advance(a, "m4", "m7");
    },
  },
  m7: {
    spec: [],
    choices: (_s, _t, a) => (entryAt(a).migrate ? ["page", "no-memory"] : ["go"]),
    apply(s, t, a, choice) {
      if (!entryAt(a).migrate) return advance(a, "m7", "m8");
      if (choice === "no-memory") a.oom = true;
      else amend(a, allocDestination(s, t, a, entryAt(a)));
      if (entryAt(a).dst === null) return advance(a, "m7", "m8");
      goto(a, "m7_copy");
    },
  },
  m7_copy: {
    spec: [],
    apply(s, _t, a) {
      copyPage(s, a, entryAt(a));
      advance(a, "m7", "m8");
    },
  },
  m8: {
    spec: [],
    apply(s, t, a) {
      const entry = entryAt(a);
      if (entry.hole && entry.migrate && entry.dst !== null) {
        if (a.notified) return goto(a, "m8_insert");
        a.notified = true;
        return enter(t, a, "m8_insert", invalidate(a.mm, entry.vpn, a.end, "MIGRATE", a.dev));
      }
      if (entry.migrate && !moveMetadata(s, a, entry)) amend(a, { migrate: false });
      advance(a, "m8", "m8_end");
    },
  },
  m8_insert: {
    spec: [],
    apply(s, _t, a) {
      if (!insertPage(s, a, entryAt(a))) amend(a, { migrate: false });
      advance(a, "m8", "m8_end");
    },
  },
  m8_end: {
    spec: [],
    apply(s, _t, a) {
      if (a.notified) invalidateEnd(s, a.mm);
      goto(a, "m8_map");
    },
  },
  m8_map: {
    spec: [],
    enabled: (s, _t, a) => a.file === null || s.files[a.file]?.mutex === null,
    apply(s, _t, a) {
      finalizeAndMap(s, a);
      a.i = 0;
      goto(a, "m9");
    },
  },
  m9: {
    spec: [],
    apply(s, t, a) {
      const entry = a.entries[a.i];
      if (entry) {
        finalize(s, t, entry);
        a.i++;
      }
      if (a.i >= a.entries.length) leave(t, answer(a));
    },
  },
};

/** How many pages moved; the CPU fault learns of a lack of memory. */
function answer(a: Migrate): number | string | null {
  if (a.purpose === "cpu_fault") return a.oom ? "oom" : null;
  return a.entries.filter((e) => e.src !== null && e.migrate).length;
}

/** References that a page under migration has when nobody else wants it: ours, the faulting CPU's, the cache's. */
function expected(a: Migrate, frame: Frame): number {
  const cached = frame.holders.filter((h) => h.kind === "page-cache" || h.kind === "swap-cache").length;
  const fault = a.faultPage !== null && frame.holders.some((h) => h.kind === "task" && h.why === "fault") ? 1 : 0;
  return 1 + cached + fault;
}

function isolates(s: Work, entry: MigrateEntry): boolean {
  return entry.src !== null && frameOf(s, entry.src).lru;
}

/** Puts a page back as it was. */
function reject(s: Work, t: TaskWork, a: Migrate): void {
  const src = known(entryAt(a).src, "source");
  restoreEverywhere(s, src, src);
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
  if (huge.kind === "present" && huge.huge) splitCompound(s, a.mm, v);
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
  if (frame.mapping === null || frame.head !== null || (a.faultPage !== null && a.faultPage !== src)) return false;
  if (!s.profile.ownerFilter && a.purpose === "to_device") return frame.dev !== a.dev;
  return a.purpose === "to_device" ? frame.kind === "system" : frame.dev === a.dev;
}

function take(s: Work, t: TaskWork, a: Migrate, v: number, pte: Pte): void {
  const src = known(mappedPfn(pte), "frame");
  if (!lockPage(s, src, t.id)) return;
  const pinned = frameOf(s, src).anonExclusive && frameOf(s, src).holders.some((h) => h.kind === "pin");
  if (pinned) return unlockPage(s, src);
  hold(s, src, mine(t, "collect"));
  mmOf(s, a.mm).ptes[v] = migrationEntry(s, src, pte, true);
  if (pte.kind === "present" && pte.dirty) setFrame(s, src, { dirty: true });
  setFrame(s, src, { anonExclusive: false });
  drop(s, src, mapHolder(a.mm, toVpn(v)));
  a.entries.push({ vpn: toVpn(v), src, hole: false, migrate: true, write: "write" in pte && pte.write, dst: null, dstWrite: false });
}

/** The destination becomes the page, unless the source may not move: it is cached, or somebody else holds it. */
function moveMetadata(s: Work, a: Migrate, entry: MigrateEntry): boolean {
  if (entry.dst === null || entry.src === null) return false;
  const src = frameOf(s, entry.src);
  const toDevice = frameOf(s, entry.dst).kind !== "system";
  if (toDevice && src.mapping?.kind === "shmem") return false;
  if (toDevice && src.slot !== null) {
    if (!s.profile.swapCacheMigrates || (s.slots[src.slot]?.count ?? 0) > 0) return false;
    s.slots[src.slot] = { ...known(s.slots[src.slot], "slot"), count: 1 };
    dropSlot(s, src.slot);
    setFrame(s, entry.src, { dirty: true });
  }
  const now = frameOf(s, entry.src);
  if (now.holders.length !== expected(a, now)) return false;
  setFrame(s, entry.dst, { mapping: now.mapping, index: now.index, dirty: now.dirty, swapBacked: now.swapBacked });
  return true;
}

/** Inserts a zero-filled device page where nothing is, if nothing is still there. */
function insertPage(s: Work, a: Migrate, entry: MigrateEntry): boolean {
  const mm = mmOf(s, a.mm);
  const pte = known(mm.ptes[entry.vpn], "pte");
  if (pte.kind !== "none" && pte.kind !== "zero") return false;
  const vma = prepareAnonVma(s, mm, entry.vpn);
  if (vma === null || vma.map !== "private") return false;
  const dst = known(entry.dst, "destination");
  hold(s, dst, mapHolder(a.mm, entry.vpn));
  setFrame(s, dst, {
    mapping: { kind: "anon", anonVma: known(vma.anonVma, "anon_vma") },
    index: vma.pgoff + entry.vpn - vma.start,
    anonExclusive: true,
  });
  const { write } = vma.flags;
  mm.ptes[entry.vpn] =
    frameOf(s, dst).kind === "private"
      ? { kind: "device_private", pfn: dst, write }
      : { kind: "present", pfn: dst, write, dirty: write, huge: false };
  return true;
}

/** Maps the destination, or the source again, wherever the page was; then both are unlocked and our references go. */
function finalize(s: Work, t: TaskWork, entry: MigrateEntry): void {
  const { src, dst } = entry;
  if (src !== null) {
    const moved = entry.migrate && dst !== null;
    restoreEverywhere(s, src, moved ? dst : src);
    unlockPage(s, src);
    const frame = frameOf(s, src);
    if (!moved && frame.kind === "system") setFrame(s, src, { lru: true });
    drop(s, src, mine(t, "collect"));
  }
  if (dst !== null) {
    unlockPage(s, dst);
    if (frameOf(s, dst).kind === "system") setFrame(s, dst, { lru: true });
    drop(s, dst, mine(t, "alloc"));
  }
}
