/**
 * Device memory of a driver: adding a range, removing one, and giving all of them back.
 *
 * Record of `devmem_add`: `x0` pages, `x1` flags by the order of `DEVMEM_FLAGS`, `x2` dummy device or -1, `x3` parts that are lacking by the
 * order of `DEVMEM_PARTS`, `x4` range. Of `remove_chunk`: `x0` range. Of `devmem_remove`: `x0` range, `x1` whether all of them go.
 */
import { CHUNK, FRAME, STEP } from "../../spec/words.ts";
import { DEVMEM_FLAGS, DEVMEM_PARTS } from "../../spec/vocabulary.ts";
import type { Errno, ModelCall } from "../../spec/vocabulary.ts";
import { ImplBug, errnoIndex } from "../arena.ts";
import type { Arena } from "../arena.ts";
import { CHOICE, PAGE_OR_NO_MEMORY } from "../choices.ts";
import { chunkIn, chunkRow, enterChunk, findRoom, forgetChunk, liveChunk, resetFrame, withholdFrames } from "../chunks.ts";
import { ALLOW_MIGRATE, flagsOf, lockerOf, mapsOf, pushFree, refsOf } from "../frames.ts";
import { CHUNK_ROW, DEVICE, FB, NIL, R, errnoAnswer } from "../layout.ts";
import { MINOR, dummyState } from "../minors.ts";
import { replicatedTo } from "../replicas.ts";
import { enter, fail, goto, leave, ok, push } from "../tasks.ts";
import type { ImplSteps } from "../tasks.ts";
import { enterDropReplicas } from "./drop-replicas.ts";
import { failWith } from "./fail-with.ts";
import { enterEvict } from "./migrate.ts";

const ENOENT = errnoAnswer(errnoIndex("ENOENT"));
const FLAG_DEVICE = 1;
const FLAG_UNADDRESSABLE = 4;
const PART_OWNER = 1;
const PART_PAGE_FREE = 2;
const PART_MIGRATE_TO_RAM = 4;

/** Begins the addition of device memory. */
export function beginDevmemAdd(h: Arena, t: number, call: Extract<ModelCall, { op: "devmem_add" }>): void {
  const r = push(h, t, STEP["devmem_add.check"]);
  h.task[r + R.dev] = call.dev;
  h.task[r + R.x0] = call.npages;
  for (const flag of call.flags) h.task[r + R.x1]! |= 1 << DEVMEM_FLAGS.indexOf(flag);
  h.task[r + R.x2] = call.minor ?? -1;
  for (const part of call.lacks ?? []) h.task[r + R.x3]! |= 1 << DEVMEM_PARTS.indexOf(part);
}

/** Begins the removal of one range, or of all. */
export function beginDevmemRemove(h: Arena, t: number, call: Extract<ModelCall, { op: "devmem_remove" | "devmem_release" }>): void {
  const r = push(h, t, STEP["devmem_remove.next"]);
  h.task[r + R.dev] = call.dev;
  if (call.op === "devmem_remove") h.task[r + R.x0] = call.chunk;
  else h.task[r + R.x1] = 1;
}

/** Enters the removal of one range; it answers `NIL`, or an error number where there is no such range. */
export function enterRemoveChunk(h: Arena, t: number, r: number, resume: number, dev: number, chunk: number): void {
  const a = enter(h, t, r, resume, STEP["remove_chunk.e1"]);
  h.task[a + R.dev] = dev;
  h.task[a + R.x0] = chunk;
}

/** The flags of device memory that the architecture knows. */
function archFlags(h: Arena): number {
  let bits = 0;
  for (const flag of h.setup.bounds.archFlags ?? DEVMEM_FLAGS) bits |= 1 << DEVMEM_FLAGS.indexOf(flag);
  return bits;
}

/** Why a range of this kind cannot be added. */
function refusalOf(h: Arena, r: number): Errno | null {
  const dev = h.task[r + R.dev]!;
  if (dev < 0 || dev >= h.devices) return "ENODEV";
  const kind = h.device[dev * DEVICE.words + DEVICE.kind]!;
  if (kind === FRAME.coherent && !h.profile.coherent) return "ENODEV";
  const flags = h.task[r + R.x1]!;
  const unaddressable = (flags & FLAG_UNADDRESSABLE) !== 0;
  const migrates = (flags & ALLOW_MIGRATE) !== 0;
  const supported = (flags & FLAG_DEVICE) !== 0 && (flags & ~archFlags(h)) === 0;
  // Memory that pages are to move to must be what the device's kind says; other memory is addressable.
  const fits = migrates ? unaddressable === (kind === FRAME.private) : !unaddressable;
  if (h.task[r + R.x0]! <= 0 || !supported || !fits) return "EINVAL";
  // Only private memory is faulted on, and v14 has no owners.
  let needed = PART_PAGE_FREE;
  if (h.profile.ownerFilter) needed |= PART_OWNER;
  if (unaddressable) needed |= PART_MIGRATE_TO_RAM;
  return migrates && (h.task[r + R.x3]! & needed) !== 0 ? "EINVAL" : null;
}

/** Makes the frames of a range, all of them free; those that allow migration are the driver's to hand out. */
function bringOnline(h: Arena, dev: number, row: number): void {
  const flags = h.chunk[row + CHUNK_ROW.flags]!;
  const first = h.chunk[row + CHUNK_ROW.first]!;
  const unaddressable = (flags & FLAG_UNADDRESSABLE) !== 0;
  const kind = unaddressable ? FRAME.private : FRAME.coherent;
  const marks = kind | FRAME.free | FRAME.swap_backed | ((dev + 1) << FB.dev_shift);
  for (let pfn = first + h.chunk[row + CHUNK_ROW.npages]! - 1; pfn >= first; pfn--) {
    resetFrame(h, pfn, marks);
    if ((flags & ALLOW_MIGRATE) !== 0) pushFree(h, dev, pfn);
  }
  h.chunk[row + CHUNK_ROW.linear] = unaddressable ? 0 : 1;
  h.chunk[row + CHUNK_ROW.state] = CHUNK.online;
}

/** The steps of adding a range. */
export const devmemAddSteps: ImplSteps = {
  check: {
    apply(h, t, r) {
      const errno = refusalOf(h, r);
      if (errno === null) goto(h, r, STEP["devmem_add.reserve"]);
      else fail(h, t, errno);
    },
  },
  reserve: {
    apply(h, t, r) {
      const minor = h.task[r + R.x2]!;
      if (minor >= 0 && dummyState(h, minor) !== MINOR.there) return fail(h, t, "ENODEV");
      const section = h.setup.bounds.sectionPages ?? 1;
      const npages = Math.ceil(h.task[r + R.x0]! / section) * section;
      const first = findRoom(h, npages);
      if (first < 0) return fail(h, t, "ERANGE");
      h.task[r + R.x4] = enterChunk(h, h.task[r + R.dev]!, first, npages, h.task[r + R.x1]!, minor);
      goto(h, r, STEP["devmem_add.online"]);
    },
  },
  online: {
    choices: () => PAGE_OR_NO_MEMORY,
    apply(h, t, r, choice) {
      const dev = h.task[r + R.dev]!;
      const value = h.task[r + R.x4]!;
      if (choice === CHOICE.noMemory) {
        forgetChunk(h, dev, value);
        return fail(h, t, "ENOMEM");
      }
      const row = chunkRow(h, dev, value);
      bringOnline(h, dev, row);
      const first = h.chunk[row + CHUNK_ROW.first]!;
      ok(h, t, { status: "ok", value, data: [first, first + h.chunk[row + CHUNK_ROW.npages]!] });
    },
  },
};

/** The row of the range that is being removed. */
function removedRow(h: Arena, r: number): number {
  const row = liveChunk(h, h.task[r + R.dev]!, h.task[r + R.x0]!);
  if (row < 0) throw new ImplBug(`no range ${h.task[r + R.x0]}`);
  return row;
}

const firstOf = (h: Arena, row: number): number => h.chunk[row + CHUNK_ROW.first]!;
const endOf = (h: Arena, row: number): number => h.chunk[row + CHUNK_ROW.first]! + h.chunk[row + CHUNK_ROW.npages]!;

/** Whether no frame of a range is in use. */
function unused(h: Arena, row: number): boolean {
  const end = endOf(h, row);
  for (let pfn = firstOf(h, row); pfn < end; pfn++) if ((flagsOf(h, pfn) & FRAME.free) === 0) return false;
  return true;
}

/** Whether another pass could free a frame: a replica, or a page that nothing but its mappings holds. One pass is all that dmirror makes. */
function worthAnotherPass(h: Arena, row: number): boolean {
  const first = firstOf(h, row);
  const end = endOf(h, row);
  if (replicatedTo(h, first, end) >= 0) return true;
  if (!h.profile.evicts || h.profile.driver.evictsOnce || (h.chunk[row + CHUNK_ROW.flags]! & ALLOW_MIGRATE) === 0) return false;
  for (let pfn = first; pfn < end; pfn++)
    if ((flagsOf(h, pfn) & FRAME.free) === 0 && lockerOf(h, pfn) < 0 && refsOf(h, pfn) === mapsOf(h, pfn)) return true;
  return false;
}

/** The steps of removing one range (e1 to e8). */
export const removeChunkSteps: ImplSteps = {
  e1: {
    apply(h, t, r) {
      const dev = h.task[r + R.dev]!;
      const row = liveChunk(h, dev, h.task[r + R.x0]!);
      if (row < 0 || h.chunk[row + CHUNK_ROW.state] !== CHUNK.online) return leave(h, t, ENOENT);
      h.chunk[row + CHUNK_ROW.state] = CHUNK.removing;
      withholdFrames(h, dev, firstOf(h, row), endOf(h, row));
      goto(h, r, STEP["remove_chunk.replicas"]);
    },
  },
  replicas: {
    apply(h, t, r) {
      const row = removedRow(h, r);
      const page = replicatedTo(h, firstOf(h, row), endOf(h, row));
      if (page >= 0) enterDropReplicas(h, t, r, STEP["remove_chunk.replicas"], page);
      else goto(h, r, h.profile.evicts ? STEP["remove_chunk.evict"] : STEP["remove_chunk.e7"]);
    },
  },
  evict: {
    apply(h, t, r) {
      const row = removedRow(h, r);
      enterEvict(h, t, r, STEP["remove_chunk.e7"], h.task[r + R.dev]!, firstOf(h, row), endOf(h, row));
    },
  },
  e7: {
    enabled(h, _t, r) {
      const row = removedRow(h, r);
      return unused(h, row) || worthAnotherPass(h, row);
    },
    apply: (h, _t, r) => goto(h, r, unused(h, removedRow(h, r)) ? STEP["remove_chunk.e8"] : STEP["remove_chunk.replicas"]),
  },
  e8: {
    apply(h, t, r) {
      const row = removedRow(h, r);
      const end = endOf(h, row);
      for (let pfn = firstOf(h, row); pfn < end; pfn++) resetFrame(h, pfn, FRAME.absent | FRAME.free | FRAME.swap_backed);
      // The flags say what there is to take down: un-addressable memory was never in the linear map.
      if ((h.chunk[row + CHUNK_ROW.flags]! & FLAG_UNADDRESSABLE) === 0) h.chunk[row + CHUNK_ROW.linear] = 0;
      if (h.chunk[row + CHUNK_ROW.linear] === 0) forgetChunk(h, h.task[r + R.dev]!, h.task[r + R.x0]!);
      leave(h, t);
    },
  },
};

/** The steps of the call that removes one range, or all of a device. */
export const devmemRemoveSteps: ImplSteps = {
  next: {
    apply(h, t, r) {
      const dev = h.task[r + R.dev]!;
      if (dev < 0 || dev >= h.devices) return fail(h, t, "ENODEV");
      const all = h.task[r + R.x1] !== 0;
      const chunk = all ? chunkIn(h, dev, CHUNK.online) : h.task[r + R.x0]!;
      if (all && chunk < 0) return ok(h, t);
      enterRemoveChunk(h, t, r, STEP["devmem_remove.removed"], dev, chunk);
    },
  },
  removed: {
    apply(h, t, r) {
      const got = h.task[r + R.got]!;
      if (h.task[r + R.x1] !== 0) goto(h, r, STEP["devmem_remove.next"]);
      else if (got === NIL) ok(h, t);
      else failWith(h, t, got);
    },
  },
};
