/** What tests of mirrors look at beyond `support.ts`: device page tables, the walk of a range fault, and who is told of which change. */
import { describe } from "vitest";
import { decodeHmmPfn, hmmPfnOf, QUIET, run } from "../../model/index.ts";
import type { Activation, Dpte, Frame, Observer, Pte, State } from "../../model/index.ts";
import { actorId } from "../../spec/vocabulary.ts";
import type { Core, DriverName, ModelCall } from "../../spec/vocabulary.ts";
import { LINUX_CORES, system, threads } from "./support.ts";
import type { Choices, System } from "./support.ts";

/** A core with a driver, to be handed to `system`. */
export interface ProfileName {
  readonly core: Core;
  readonly driver: DriverName;
}

const across = (drivers: readonly DriverName[]): ProfileName[] =>
  LINUX_CORES.flatMap((core) => drivers.map((driver) => ({ core, driver })));

/** v14, which was driven by an ideal driver only. */
export const V14: ProfileName = { core: "v14", driver: "ideal" };
/** Linux with each driver. */
export const LINUX = across(["dmirror", "dmirror-fixed", "ideal"]);
/** Linux with the driver that keeps its duties. */
export const LINUX_IDEAL = across(["ideal"]);
/** Linux with its test driver, as shipped and repaired. */
export const LINUX_DMIRROR = across(["dmirror", "dmirror-fixed"]);
/** Every profile. */
export const ALL = [V14, ...LINUX];
/** Every profile with the driver that keeps its duties. */
export const IDEAL = [V14, ...LINUX_IDEAL];

/** Describes the same tests for each profile. */
export function eachProfile(profiles: readonly ProfileName[], tests: (profile: ProfileName) => void): void {
  describe.each(profiles)("$core with $driver", (profile) => {
    tests(profile);
  });
}

function there<T>(value: T | null | undefined, what: string): T {
  if (value === null || value === undefined) throw new Error(`the test expects ${what}`);
  return value;
}

type File = State["files"][number];

/** Files that mirror the address space of an actor, of one device if that is named. */
export function mirrors(s: System, actor = 0, dev?: number): readonly File[] {
  const mm = there(s.state.actors[actor], `actor ${actor}`).mm;
  return s.state.files.filter((f) => f.mm === mm && f.interval !== "none" && (dev === undefined || f.dev === dev));
}

/** The file that an actor has open of a device. */
export function fileOf(s: System, dev: number, actor = 0): File {
  const file = there(s.state.actors[actor]?.files[dev], `device ${dev} to be open`);
  return there(s.state.files[file], `file ${file}`);
}

/** The device page table entry that an actor's file has for a page. */
export function dpte(s: System, dev: number, page: number, actor = 0): Dpte | null {
  return fileOf(s, dev, actor).dpt[page] ?? null;
}

const letter = (entry: Dpte | null): string => (entry === null ? "-" : entry.tag.slice(0, 1));

/** A device page table in letters, a page each: `-` no entry, `r`, `w` and `a` for the tags read, write and atomic. */
export function table(s: System, dev: number, actor = 0): string {
  return fileOf(s, dev, actor).dpt.map(letter).join("");
}

/** The frame behind a device page table entry. */
export function frameBehind(s: System, dev: number, page: number, actor = 0): Frame {
  return there(s.state.frames[there(dpte(s, dev, page, actor), "an entry").pfn], "a frame");
}

/** The address space of an actor. */
export function mmOf(s: System, actor = 0): State["mms"][number] {
  return there(s.state.mms[there(s.state.actors[actor], `actor ${actor}`).mm], "an address space");
}

type Walk = Extract<Activation, { op: "hmm_range_fault" }>;

/** The range fault that a task is in. */
export function walkOf(s: System, task: number): Walk {
  const stack = there(
    s.state.tasks.find((t) => t.id === task),
    `task ${task}`,
  ).stack as readonly Activation[];
  return there(
    stack.find((a): a is Walk => a.op === "hmm_range_fault"),
    "a range fault",
  );
}

/** The words of v14 that a range fault has found, a page each: names of flags with bars between them, `0` for none. */
export function words(s: System, task: number): readonly string[] {
  return walkOf(s, task).pfns.map((found) => {
    const { flags } = decodeHmmPfn(hmmPfnOf(s.state, found));
    return flags.length === 0 ? "0" : flags.join("|");
  });
}

/** How a step has changed an entry. */
export interface Change {
  readonly step: string;
  /** The page, with the address space before it where that is not the first. */
  readonly page: string;
  /** The frame, the presence or the write permission has gone; otherwise the step has only added. */
  readonly takes: boolean;
  /** Whether the step lies between the last callback and the end of a notification that covers the page, with the sequence odd if a mirror is hit. */
  readonly covered: boolean;
  /** Whether a mirror still had an entry of the page. */
  readonly mirrored: boolean;
}

const frameNumber = (pte: Pte): string | null => {
  if (pte.kind === "zero") return "zero";
  return "pfn" in pte && pte.kind !== "migration" ? String(pte.pfn) : null;
};
const canWrite = (pte: Pte): boolean => "write" in pte && pte.write;
const takes = (old: Pte, now: Pte): boolean =>
  (frameNumber(old) !== null && (frameNumber(old) !== frameNumber(now) || (old.kind === "present" && now.kind !== "present"))) ||
  (canWrite(old) && !canWrite(now));
const adds = (old: Pte, now: Pte): boolean =>
  frameNumber(old) !== frameNumber(now) || (!canWrite(old) && canWrite(now)) || old.kind !== now.kind;

/** Takes a call step by step, alone, and tells every change of an entry. Dirty bits are no change. */
export function changes(s: System, actor: number, call: ModelCall, choices: Choices = {}): readonly Change[] {
  const t = threads(s);
  const task = t.start(actor, call);
  const found: Change[] = [];
  const open: { mm: number; start: number; end: number }[] = [];
  while (t.at(task) !== null) {
    const before = s.state;
    const name = there(t.at(task), "a step");
    const top = before.tasks.find((other) => other.id === task)?.stack.at(-1) as Activation;
    t.step(task, choices[name]);
    found.push(...compare(before, s.state, name, open));
    follow(before, s.state, task, top, open);
  }
  return found;
}

function compare(before: State, after: State, step: string, open: readonly { mm: number; start: number; end: number }[]): Change[] {
  return after.mms.flatMap((mm, m) =>
    mm.ptes.flatMap((now, page) => {
      const old = before.mms[m]?.ptes[page] ?? ({ kind: "none" } as const);
      if (!takes(old, now) && !adds(old, now)) return [];
      const hit = after.files.some((f) => f.mm === m && f.interval === "inserted");
      const ended = mm.active < (before.mms[m]?.active ?? 0);
      const marked = after.profile.rangeProtocol === "valid" || !hit || ended || mm.seq % 2 === 1;
      const covered = marked && open.some((n) => n.mm === m && n.start <= page && page < n.end);
      const mirrored = before.files.some((f) => f.mm === m && f.interval !== "none" && (f.dpt[page] ?? null) !== null);
      return [{ step, page: m === 0 ? `${page}` : `${m}:${page}`, takes: takes(old, now), covered, mirrored }];
    }),
  );
}

/** Keeps the list of notifications between i2 and i4: one that has called everybody is added, an end removes the last of its address space. */
function follow(before: State, after: State, task: number, top: Activation, open: { mm: number; start: number; end: number }[]): void {
  const depth = (state: State): number => state.tasks.find((other) => other.id === task)?.stack.length ?? 0;
  if (top.op === "invalidate" && depth(after) < depth(before)) open.push({ mm: top.mm, start: top.start, end: top.end });
  after.mms.forEach(({ active }, m) => {
    if (active < (before.mms[m]?.active ?? 0))
      open.splice(
        open.findLastIndex((n) => n.mm === m),
        1,
      );
  });
}

/** Carries a call out, alone, and shows each step before it is taken. */
export function watch(s: System, actor: number, call: ModelCall, see: Observer): void {
  s.state = there(run(s.state, actorId(actor), call, QUIET, 1, see).runs[0], "an outcome").state;
}

/** Carries a call out, alone, and tells the pages at which it enters the CPU fault, in order. */
export function faulted(s: System, actor: number, call: ModelCall): readonly number[] {
  const pages: number[] = [];
  watch(s, actor, call, (a) => {
    if (a.op === "handle_mm_fault" && a.pc === "c2") pages.push(a.vpn);
  });
  return pages;
}

/** Pages 0 to 3 of one mapping, of which page 0 is written with 7. Devices 0 and 1, which are private, are open; device 2, where there can be one, is coherent. */
export function onePage(profile: ProfileName, pages = 6): System {
  const coherent = profile.core === "v14" ? ([] as const) : (["coherent"] as const);
  const s = system({ ...profile, pages, devices: ["private", "private", ...coherent] });
  s.mmap(0, 4);
  s.write(0, 7);
  for (const dev of [0, 1]) s.open(dev);
  return s;
}

/** Pages 0 to 3 of one mapping, of which 0 to 2 are written with 10 and more; device 1 mirrors page 3, which nobody has touched before. */
export function threePages(profile: ProfileName): System {
  const s = system({ ...profile, pages: 8 });
  s.mmap(0, 4);
  for (const page of [0, 1, 2]) s.write(page, 10 + page);
  s.devRead(1, 3);
  return s;
}

/** Pages 0 to 5 of one mapping, each written with its own number, and all of them in the table of device 0. */
export function sixPages(profile: ProfileName): System {
  const s = system({ ...profile, pages: 6 });
  s.mmap(0, 6);
  for (let page = 0; page < 6; page++) s.write(page, page);
  s.devRead(0, 0, 6);
  return s;
}
