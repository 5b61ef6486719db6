/** Questions that tests of migration and of exclusive access ask of a state. */
import { expect } from "vitest";
import type { Activation, State } from "../../model/index.ts";
import type { Pfn, Ret } from "../../spec/vocabulary.ts";
import type { System, Threads } from "./support.ts";

type Migrate = Extract<Activation, { op: "migrate" }>;
type MigrateEntry = Migrate["entries"][number];

/** The file through which an actor uses a device. */
function fileOf(s: System, dev: number, actor: number): State["files"][number] {
  const file = s.state.actors[actor]?.files[dev] ?? null;
  const open = file === null ? undefined : s.state.files[file];
  if (!open) throw new Error(`the test expects that actor ${actor} has device ${dev} open`);
  return open;
}

/** The entry of a device page table: `"none"`, or its tag. */
export function mirror(s: System, dev: number, page: number, actor = 0): string {
  return fileOf(s, dev, actor).dpt[page]?.tag ?? "none";
}

/** The entries of `npages` pages of a device page table. */
export function mirrors(s: System, dev: number, page: number, npages: number, actor = 0): string[] {
  return Array.from({ length: npages }, (_, i) => mirror(s, dev, page + i, actor));
}

/** The frame that a device reaches at a page, `null` for none. */
export function mirrored(s: System, dev: number, page: number, actor = 0): Pfn | null {
  return fileOf(s, dev, actor).dpt[page]?.pfn ?? null;
}

/** The sequence number of an open file's interval. */
export function sequence(s: System, dev: number, actor = 0): number {
  return fileOf(s, dev, actor).seq;
}

function migrationOf(s: System, task: number): Migrate {
  const found = s.state.tasks.find((t) => t.id === task)?.stack.find((a) => a.op === "migrate");
  if (!found) throw new Error(`the test expects that task ${task} migrates`);
  return found as Migrate;
}

/** The candidates of the migration that a task carries out. */
export function candidates(s: System, task: number): readonly MigrateEntry[] {
  return migrationOf(s, task).entries;
}

/** Which candidate the migration of a task works on. */
export function position(s: System, task: number): number {
  return migrationOf(s, task).i;
}

/** The candidates in words: `"page 3"`, `"hole 4"`. */
export function collected(s: System, task: number): string[] {
  return candidates(s, task).map((e) => `${e.hole ? "hole" : "page"} ${e.vpn}`);
}

/** The destination that the driver gave a candidate. */
export function destination(s: System, task: number, i = 0): Pfn {
  const dst = candidates(s, task)[i]?.dst ?? null;
  if (dst === null) throw new Error(`the test expects a destination for candidate ${i}`);
  return dst;
}

/** The state of a frame that the test knows by number. */
export function frameAt(s: System, pfn: number): State["frames"][number] {
  const frame = s.state.frames[pfn];
  if (!frame) throw new Error(`the test expects a frame ${pfn}`);
  return frame;
}

/** How many frames of a device are in use. */
export function used(s: System, dev: number): number {
  return s.state.frames.filter((f) => f.dev === dev && !f.free).length;
}

/** What names a frame, without the tasks: the kinds of its holders. */
export function holders(s: System, pfn: number): string[] {
  return frameAt(s, pfn).holders.map((h) => h.kind);
}

/** The steps of a task up to its end, by name; each may take another choice than its first. */
export function steps(t: Threads, task: number, choices: Readonly<Record<string, string>> = {}): { names: string[]; ret: Ret } {
  const names: string[] = [];
  for (;;) {
    const name = t.at(task) ?? "";
    names.push(name);
    const ret = t.step(task, choices[name]);
    if (ret !== null) return { names, ret };
  }
}

/** The steps of a migration among those of its call. */
export const ofMigration = (names: readonly string[]): string[] =>
  names.filter((name) => name.startsWith("migrate.")).map((name) => name.slice("migrate.".length));

/** Nothing of any operation is left: no lock, no migration entry, no reference, no notification. */
export function expectQuiet(s: System): void {
  const { state } = s;
  const entries = state.mms.flatMap((mm) => mm.ptes.filter((pte) => pte.kind === "migration"));
  const frames = state.frames.filter((f) => f.locked !== null || f.holders.some((h) => h.kind === "task"));
  const lost = state.frames.filter((f) => !f.free && f.holders.length === 0);
  const mms = state.mms.filter((mm) => mm.active !== 0 || mm.seq % 2 !== 0 || mm.lock.writer !== null || mm.lock.readers.length > 0);
  expect({ tasks: state.tasks, entries, frames, lost, mms }).toEqual({ tasks: [], entries: [], frames: [], lost: [], mms: [] });
}

/** The page goes to swap space: reclaim takes it, and nothing brings it back. */
export function swapOut(s: System, page: number): void {
  expect(s.as(0, { "reclaim.r1": "swap" }).madvise(page, 1, "pageout")).toBe("ok");
  expect(s.entry(page)).toMatch(/^swap/);
}

/** Replaces parts of one frame, for situations that no call leads to. */
export function editFrame(s: System, pfn: number, change: Partial<State["frames"][number]>): void {
  s.state = { ...s.state, frames: s.state.frames.map((f, n) => (n === pfn ? { ...f, ...change } : f)) };
}
