/** The driver's part of a migration: alloc_and_copy and finalize_and_map. */
import type { MigrateEntry, Of } from "../activation.ts";
import { allocDevice, allocSystem, frameOf, lockPage, setFrame } from "../frames.ts";
import { mmOf } from "../locks.ts";
import { known } from "../rule.ts";
import { ZEROES } from "../state.ts";
import type { Contents, Holder, TaskWork, Work } from "../state.ts";
import { findVma } from "../vmas.ts";

/** Takes a destination for one page, locked. A hole that goes home is declined: the CPU will fault it itself. */
export function allocDestination(s: Work, t: TaskWork, a: Of<"migrate">, entry: MigrateEntry): Pick<MigrateEntry, "dst" | "dstWrite"> {
  const alloc: Holder = { kind: "task", task: t.id, why: "alloc" };
  if (a.purpose !== "to_device" && entry.src === null) return { dst: null, dstWrite: false };
  const dst = a.purpose === "to_device" ? allocDevice(s, known(a.dev, "device"), known(a.file, "file"), [alloc]) : allocSystem(s, [alloc]);
  if (dst === null) return { dst, dstWrite: false };
  lockPage(s, dst, t.id);
  if (a.purpose !== "to_device") setFrame(s, dst, { lru: false });
  const hole = entry.src === null && known(findVma(mmOf(s, a.mm), entry.vpn), "vma").flags.write;
  return { dst, dstWrite: entry.write || hole };
}

/** The driver that brings a page home drops its own entry before it copies. */
export function dropOwnEntry(s: Work, a: Of<"migrate">, entry: MigrateEntry): void {
  const file = a.file === null ? undefined : s.files[a.file];
  if (file && (a.purpose === "to_system" || a.purpose === "cpu_fault")) file.dpt[entry.vpn] = null;
}

/** The bytes that a destination is to get: those of the source, or zeroes for a hole. */
function source(s: Work, entry: MigrateEntry): Contents {
  return entry.src === null ? ZEROES : frameOf(s, entry.src).contents;
}

/** The copy engine's first part: the first byte. */
export function copyFirst(s: Work, entry: MigrateEntry): void {
  const dst = known(entry.dst, "destination");
  setFrame(s, dst, { contents: { ...frameOf(s, dst).contents, first: source(s, entry).first } });
}

/** The copy engine's last part: all other bytes. */
export function copyRest(s: Work, entry: MigrateEntry): void {
  const dst = known(entry.dst, "destination");
  setFrame(s, dst, { contents: { ...frameOf(s, dst).contents, fill: source(s, entry).fill } });
}

/** Gives the migrated pages their entries at once, where the driver does that. */
export function finalizeAndMap(s: Work, a: Of<"migrate">): void {
  if (a.purpose !== "to_device" || !s.profile.driver.mapsAfterMigration) return;
  const file = known(s.files[known(a.file, "file")], "file");
  for (const entry of a.entries) {
    if (!entry.migrate || entry.dst === null) continue;
    file.dpt[entry.vpn] = { pfn: entry.dst, zero: false, tag: entry.dstWrite ? "write" : "read", unreachable: false };
  }
}
