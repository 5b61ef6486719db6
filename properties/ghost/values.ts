/**
 * What every page must hold: the values that were written last, by the steps that write, fork, drop and move pages.
 *
 * A private page is known by address space and address, a shared one by memory object and index. The window of each effect is one step: a
 * store is `cpu_access.access`, a device write `device_access.a1` for the page that it has passed, a drop `do_munmap.zap`, `exit_mmap.zap`,
 * `madvise.page` and, for a page that was lazily freed, the `rmap_walk.clear` that takes its entry; a move `mremap.moved`, a copy `fork.copy`.
 */
import { DPTE, FRAME, LOCAL, MAPPING, PTE, STEP, STEPS } from "../../spec/words.ts";
import { FAULT, mirrorFault } from "../mirror-entry.ts";
import { MOVE } from "../move.ts";
import type { Move } from "../move.ts";
import { LOCALS } from "../sweep.ts";
import type { Sweep } from "../sweep.ts";
import { clear, grown } from "./grow.ts";

/** A byte that nobody can know: a device has written through an entry that a known defect has left behind. */
export const UNKNOWN = -2;

/** Marks of a page. */
export const SOFT = {
  /** It may be dropped: MADV_FREE. */
  lazily_freed: 1,
  /** A device that does not mark pages dirty has written it. */
  unmarked: 2,
} as const;

/** Codes of advices that drop pages. */
export const ADVICE = { other: 0, dontneed: 1, free: 2 } as const;

/** Expected contents. */
export interface Values {
  /** First byte and all other bytes of each page, at `mm * pages + vpn`. */
  first: Int32Array;
  fill: Int32Array;
  /** Marks of each page (`SOFT`). */
  soft: Int32Array;
  /** The same of memory objects, at `object * pages + index`. */
  objectFirst: Int32Array;
  objectFill: Int32Array;
  objectSoft: Int32Array;
  /** Marks of the contents that a swap slot has in its cache. */
  slotSoft: Int32Array;
  /** Frames that were written through an entry that a known defect has left behind. */
  spoiled: Int32Array;
  /** How many frames are. */
  spoiledCount: number;
  /** What each madvise in flight advises, by task. */
  advice: Int32Array;
  /** What each device call in flight must have read so far, at `task * (pages + 1)`: how many bytes, and they. */
  read: Int32Array;
}

const DEVICE_ACCESS = STEP["device_access.a1"];
/** Steps that change what a page holds, as small numbers: they are asked for at every step. */
const AT = {
  stored: 1,
  accessed: 2,
  unmapped: 3,
  reaped: 4,
  ended: 5,
  advised: 6,
  reclaimed: 7,
  swapped: 8,
  moved: 9,
  forked: 10,
} as const;
const AT_STEP = new Int8Array(STEPS.length);
AT_STEP[STEP["cpu_access.access"]] = AT.stored;
AT_STEP[STEP["device_access.a1"]] = AT.accessed;
AT_STEP[STEP["migrate_call.a1"]] = AT.accessed;
AT_STEP[STEP["make_exclusive.a1"]] = AT.accessed;
AT_STEP[STEP["do_munmap.zap"]] = AT.unmapped;
AT_STEP[STEP["do_munmap.end"]] = AT.reaped;
AT_STEP[STEP["exit_mmap.zap"]] = AT.ended;
AT_STEP[STEP["madvise.page"]] = AT.advised;
AT_STEP[STEP["rmap_walk.clear"]] = AT.reclaimed;
AT_STEP[STEP["reclaim.r1"]] = AT.swapped;
AT_STEP[STEP["mremap.moved"]] = AT.moved;
AT_STEP[STEP["fork.copy"]] = AT.forked;

const NONE = new Int32Array(0);

/** Nothing was written. */
export function newValues(): Values {
  return {
    first: NONE,
    fill: NONE,
    soft: NONE,
    objectFirst: NONE,
    objectFill: NONE,
    objectSoft: NONE,
    slotSoft: NONE,
    spoiled: NONE,
    spoiledCount: 0,
    advice: NONE,
    read: NONE,
  };
}

/** Follows one action. */
export function followValues(x: Values, was: Sweep, move: Move, now: Sweep): void {
  grow(x, now);
  if (move.kind === MOVE.call) {
    x.advice[move.task] = adviceOf(move);
    x.read[move.task * (now.pages + 1)] = 0;
  } else if (move.kind === MOVE.step) followStep(x, was, move, now);
  if (x.spoiledCount > 0) spreadSpoiled(x, now);
}

function adviceOf({ call }: Move): number {
  if (call?.op !== "madvise") return ADVICE.other;
  if (call.advice === "free") return ADVICE.free;
  return call.advice === "dontneed" ? ADVICE.dontneed : ADVICE.other;
}

function grow(x: Values, now: Sweep): void {
  if (now.mms * now.pages > x.first.length) {
    x.first = grown(x.first, now.mms * now.pages);
    x.fill = grown(x.fill, now.mms * now.pages);
    x.soft = grown(x.soft, now.mms * now.pages);
  }
  const objects = now.view.shmemCount() * now.pages;
  if (objects > x.objectFirst.length) {
    x.objectFirst = grown(x.objectFirst, objects);
    x.objectFill = grown(x.objectFill, objects);
    x.objectSoft = grown(x.objectSoft, objects);
  }
  if (now.slots > x.slotSoft.length) x.slotSoft = grown(x.slotSoft, now.slots);
  if (now.frames > x.spoiled.length) x.spoiled = grown(x.spoiled, now.frames);
  if (now.tasks > x.advice.length) {
    x.advice = grown(x.advice, now.tasks);
    x.read = grown(x.read, now.tasks * (now.pages + 1));
  }
}

function followStep(x: Values, was: Sweep, move: Move, now: Sweep): void {
  const { local } = move;
  const base = local[LOCAL.mm]! * now.pages;
  switch (AT_STEP[move.step]) {
    case AT.stored:
      if (move.ret?.status === "ok" && local[LOCAL.write] === 1) store(x, was, local[LOCAL.mm]!, local[LOCAL.start]!, local[LOCAL.value]!);
      return;
    case AT.accessed:
      if (hasPassed(move, now)) passed(x, was, move, now);
      return;
    case AT.unmapped:
      drop(x, base + local[LOCAL.start]!, local[LOCAL.end]! - local[LOCAL.start]!);
      return;
    case AT.reaped:
      return forgetObjects(x, now);
    case AT.ended:
      drop(x, base, now.pages);
      return forgetObjects(x, now);
    case AT.advised:
      return advised(x, was, move, now);
    case AT.reclaimed:
      return reclaimed(x, was, now);
    case AT.swapped:
      return swappedOut(x, was, now);
    case AT.moved:
      return moved(x, base, local);
    case AT.forked:
      return forked(x, move, now);
    default:
  }
}

/** Whether a device call that was at a1 has read or written a page in this step, and goes on behind it. */
export function hasPassed(move: Move, now: Sweep): boolean {
  const { task, step } = move;
  return move.ret === null && now.taskStep[task] === step && now.local[task * LOCALS + LOCAL.at] === move.local[LOCAL.at]! + 1;
}

function drop(x: Values, at: number, n: number): void {
  clear(x.first, at, n);
  clear(x.fill, at, n);
  clear(x.soft, at, n);
}

/** A store of the CPU to the frame that the entry maps: the first byte. */
function store(x: Values, was: Sweep, mm: number, v: number, value: number): void {
  const pfn = was.pte[mm * was.pages + v]! >>> PTE.payload_shift;
  write(x, was, mm, v, pfn, value, null);
}

/** What a write to a frame changes: a page of a memory object, a private page, or a page of the driver's own file, which its mappings share. */
function write(x: Values, was: Sweep, mm: number, v: number, pfn: number, first: number, fill: number | null): void {
  const kind = (was.frame[pfn]! & FRAME.mapping_mask) >>> FRAME.mapping_shift;
  if (kind === MAPPING.shmem) {
    const at = was.mapping[pfn]! * was.pages + was.index[pfn]!;
    x.objectFirst[at] = first;
    if (fill !== null) x.objectFill[at] = fill;
    return;
  }
  for (let at = 0; at < was.mms * was.pages; at++) {
    if (at !== mm * was.pages + v && (kind === MAPPING.anon || !names(was.pte[at]!, pfn))) continue;
    x.first[at] = first;
    if (fill !== null) x.fill[at] = fill;
    // A store is one byte: what a device has written to the others still may be lost.
    x.soft[at] = fill === null ? x.soft[at]! & SOFT.unmarked : 0;
  }
}

function names(pte: number, pfn: number): boolean {
  const kind = pte & PTE.kind_mask;
  return kind !== PTE.none && kind !== PTE.zero && kind !== PTE.swap && pte >>> PTE.payload_shift === pfn;
}

/** A device has read or written one page through its entry. */
function passed(x: Values, was: Sweep, move: Move, now: Sweep): void {
  const file = move.local[LOCAL.file]!;
  const v = move.local[LOCAL.at]!;
  const mm = was.fileMm[file]!;
  const dpte = was.dpte[file * was.pages + v]!;
  const right = mirrorFault(was, file, v) === FAULT.none && (dpte & DPTE.valid) !== 0;
  if (move.step !== DEVICE_ACCESS || move.local[LOCAL.write] !== 1) {
    const at = move.task * (was.pages + 1);
    const n = x.read[at]!++;
    x.read[at + 1 + n] = right ? expectedFirst(x, was, mm, v) : UNKNOWN;
    return;
  }
  const pfn = dpte >>> DPTE.payload_shift;
  const value = move.local[LOCAL.value]!;
  const marked = was.view.profile.driver.marksDirty || (was.frame[pfn]! & FRAME.dirty) !== 0 || was.dirtied[pfn]! > 0;
  if (!marked) unmark(x, was, pfn);
  const at = mm * was.pages + v;
  if (!right) return spoil(x, at, pfn, now);
  const soft = x.soft[at]!;
  write(x, was, mm, v, pfn, value, value);
  if (!marked) x.soft[at] = soft | SOFT.unmarked;
}

/** What a device has written to a frame without marking it may be lost, whatever the frame belongs to. */
function unmark(x: Values, was: Sweep, pfn: number): void {
  if ((was.frame[pfn]! & FRAME.free) !== 0) return;
  if (was.slot[pfn]! >= 0) x.slotSoft[was.slot[pfn]!] = SOFT.unmarked;
  if ((was.frame[pfn]! & FRAME.mapping_mask) >>> FRAME.mapping_shift === MAPPING.shmem)
    x.objectSoft[was.mapping[pfn]! * was.pages + was.index[pfn]!]! |= SOFT.unmarked;
}

/** The first byte that a load from a page must give; what a device has not marked may be lost. */
export function expectedFirst(x: Values, s: Sweep, mm: number, v: number): number {
  const pte = s.pte[mm * s.pages + v]!;
  const pfn = pte >>> PTE.payload_shift;
  if (names(pte, pfn) && (s.frame[pfn]! & FRAME.mapping_mask) >>> FRAME.mapping_shift === MAPPING.shmem) {
    const at = s.mapping[pfn]! * s.pages + s.index[pfn]!;
    return (x.objectSoft[at]! & SOFT.unmarked) === 0 ? x.objectFirst[at]! : UNKNOWN;
  }
  const at = mm * s.pages + v;
  return (x.soft[at]! & SOFT.unmarked) === 0 ? x.first[at]! : UNKNOWN;
}

/** A write through an entry that names another frame: neither that page nor what the frame holds is known from now on. */
function spoil(x: Values, at: number, pfn: number, now: Sweep): void {
  x.first[at] = UNKNOWN;
  x.fill[at] = UNKNOWN;
  if (pfn >= now.frames || (now.frame[pfn]! & FRAME.free) !== 0 || x.spoiled[pfn] === 1) return;
  x.spoiled[pfn] = 1;
  x.spoiledCount++;
}

/** Whatever a spoiled frame is mapped as is unknown, until the frame is free. */
function spreadSpoiled(x: Values, now: Sweep): void {
  for (let pfn = 0; pfn < now.frames; pfn++) {
    if (x.spoiled[pfn] !== 1) continue;
    if ((now.frame[pfn]! & FRAME.free) !== 0) {
      x.spoiled[pfn] = 0;
      x.spoiledCount--;
      continue;
    }
    for (let at = 0; at < now.mms * now.pages; at++) {
      if (!names(now.pte[at]!, pfn)) continue;
      x.first[at] = UNKNOWN;
      x.fill[at] = UNKNOWN;
    }
    if ((now.frame[pfn]! & FRAME.mapping_mask) >>> FRAME.mapping_shift !== MAPPING.shmem) continue;
    const at = now.mapping[pfn]! * now.pages + now.index[pfn]!;
    x.objectFirst[at] = UNKNOWN;
    x.objectFill[at] = UNKNOWN;
  }
}

/** A memory object that is gone holds nothing any more. */
function forgetObjects(x: Values, now: Sweep): void {
  const objects = now.view.shmemCount();
  for (let object = 0; object < objects; object++) {
    if (now.view.shmemPages(object) > 0) continue;
    clear(x.objectFirst, object * now.pages, now.pages);
    clear(x.objectFill, object * now.pages, now.pages);
    clear(x.objectSoft, object * now.pages, now.pages);
  }
}

function advised(x: Values, was: Sweep, move: Move, now: Sweep): void {
  const advice = x.advice[move.task]!;
  if (advice === ADVICE.other) return;
  const { local } = move;
  const mm = local[LOCAL.mm]!;
  const from = local[LOCAL.at]!;
  const to = Math.min(now.view.vmaEnd(mm, now.view.vmaAt(mm, from)), local[LOCAL.end]!);
  const base = mm * now.pages;
  if (advice === ADVICE.dontneed) return drop(x, base + from, to - from);
  for (let at = base + from; at < base + to; at++) {
    const pte = now.pte[at]!;
    if ((was.pte[at]! & PTE.kind_mask) === PTE.swap && pte === 0) drop(x, at, 1);
    else if ((pte & PTE.kind_mask) === PTE.present && isClean(now, pte)) x.soft[at]! |= SOFT.lazily_freed;
  }
}

/** Whether MADV_FREE has made the page clean and droppable. */
function isClean(now: Sweep, pte: number): boolean {
  return (pte & PTE.dirty) === 0 && (now.frame[pte >>> PTE.payload_shift]! & (FRAME.dirty | FRAME.swap_backed)) === 0;
}

/** Reclaim has dropped a page that was lazily freed and not written since. */
function reclaimed(x: Values, was: Sweep, now: Sweep): void {
  for (let at = 0; at < was.mms * was.pages; at++)
    if ((x.soft[at]! & SOFT.lazily_freed) !== 0 && now.pte[at] === 0 && (was.pte[at]! & PTE.kind_mask) === PTE.present) drop(x, at, 1);
}

/** A slot that has just been taken has nothing of what its last page was. */
function swappedOut(x: Values, was: Sweep, now: Sweep): void {
  for (let pfn = 0; pfn < was.frames; pfn++) if (now.slot[pfn]! >= 0 && now.slot[pfn] !== was.slot[pfn]) x.slotSoft[now.slot[pfn]!] = 0;
}

function moved(x: Values, base: number, local: Int32Array): void {
  const start = local[LOCAL.start]!;
  const n = local[LOCAL.end]! - start;
  const to = base + local[LOCAL.to]!;
  for (let i = 0; i < n; i++) {
    x.first[to + i] = x.first[base + start + i]!;
    x.fill[to + i] = x.fill[base + start + i]!;
    x.soft[to + i] = x.soft[base + start + i]!;
  }
  drop(x, base + start, n);
}

/** The child's copy of one mapping. Its address space is the other one that the task has locked for writing. */
function forked(x: Values, move: Move, now: Sweep): void {
  const { view, pages, mms } = now;
  const parent = move.local[LOCAL.mm]!;
  const vma = move.local[LOCAL.at]!;
  let child = 0;
  while (child < mms && (child === parent || view.mmWriter(child) !== move.task)) child++;
  if (child >= mms) return;
  for (let v = view.vmaStart(parent, vma); v < view.vmaEnd(parent, vma); v++) {
    x.first[child * pages + v] = x.first[parent * pages + v]!;
    x.fill[child * pages + v] = x.fill[parent * pages + v]!;
    x.soft[child * pages + v] = x.soft[parent * pages + v]!;
  }
}
