/**
 * Migration of a range of pages, and eviction of the pages of a device: the same steps with another way to collect. Answers how many pages moved;
 * a CPU fault learns of a failure (SIGBUS) and of a lack of memory (OOM) instead. Record: `MIGRATION`.
 */
import { STEP } from "../../spec/words.ts";
import { ImplBug } from "../arena.ts";
import type { Arena } from "../arena.ts";
import { devOf, fileOfFrame } from "../frames.ts";
import { R, VMA } from "../layout.ts";
import { enter, push } from "../tasks.ts";
import type { ImplSteps } from "../tasks.ts";
import { findVma } from "../vmas.ts";
import { migrateCopySteps } from "./migrate-copy.ts";
import { migrateInstallSteps } from "./migrate-install.ts";
import { MIGRATION, PURPOSE } from "./migrate-record.ts";
import { migrateUnmapSteps } from "./migrate-unmap.ts";

const M1 = STEP["migrate.m1"];
const E2 = STEP["migrate.e2"];

function fill(h: Arena, r: number, purpose: number, start: number, end: number, dev: number): void {
  h.task[r + MIGRATION.purpose] = purpose;
  h.task[r + MIGRATION.faultAt] = -1;
  h.task[r + R.start] = start;
  h.task[r + R.end] = end;
  h.task[r + R.dev] = dev;
}

/** Enters the migration of `[start, end)`, inside one mapping, for a driver's call; `purpose` is `to_device` or `to_system`. */
export function enterMigrate(
  h: Arena,
  t: number,
  r: number,
  resume: number,
  mm: number,
  start: number,
  end: number,
  dev: number,
  file: number,
  purpose: number,
): void {
  const a = enter(h, t, r, resume, M1);
  fill(h, a, purpose, start, end, dev);
  h.task[a + R.mm] = mm;
  h.task[a + R.file] = file;
}

/** migrate_to_ram: the CPU fault on a device-private entry has its device bring the page home, and its neighbours where the driver does that. */
export function enterCpuFault(h: Arena, t: number, r: number, resume: number, mm: number, vpn: number, pfn: number): void {
  const vma = findVma(h, mm, vpn);
  if (vma < 0) throw new ImplBug(`no mapping for page ${vpn}`);
  const { faultAround } = h.profile.driver;
  const first = vpn - (vpn % faultAround);
  const a = enter(h, t, r, resume, M1);
  fill(
    h,
    a,
    PURPOSE.cpu_fault,
    Math.max(h.vma[vma + VMA.start]!, first),
    Math.min(h.vma[vma + VMA.end]!, first + faultAround),
    devOf(h, pfn),
  );
  h.task[a + R.mm] = mm;
  h.task[a + R.file] = fileOfFrame(h, pfn);
  h.task[a + R.pfn] = pfn;
  h.task[a + MIGRATION.faultAt] = vpn;
}

/** Enters the eviction of a device: every page of it in the frames `[first, end)` goes home, whoever maps it. */
export function enterEvict(h: Arena, t: number, r: number, resume: number, dev: number, first: number, end: number): void {
  fill(h, enter(h, t, r, resume, E2), PURPOSE.evict, first, end, dev);
}

/** Begins the ordinary migration of one page to another system frame, as a task of its own. */
export function beginMove(h: Arena, t: number, pfn: number): void {
  fill(h, push(h, t, E2), PURPOSE.move, pfn, pfn + 1, -1);
}

/** The steps of a migration (m1 to m9) and of the beginning of an eviction (e2). */
export const migrateSteps: ImplSteps = { ...migrateUnmapSteps, ...migrateCopySteps, ...migrateInstallSteps };
