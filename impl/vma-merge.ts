/** Putting mappings in, where they join their neighbours if the rules allow. */
import { MAP } from "../spec/words.ts";
import type { Arena } from "./arena.ts";
import { VMA } from "./layout.ts";
import { copyVma, openRow, removeRows, vmaFrom, vmasEnd, vmasFirst } from "./vmas.ts";
import { splitAt } from "./vma-split.ts";
import { nextStamp } from "./vma-stamps.ts";

/** What a join has made, before it gets its row. */
const MERGED = new Int32Array(VMA.words);
/** A mapping whose flags change, between two rows. */
const CHANGED = new Int32Array(VMA.words);

/**
 * Whether two anon_vmas (+1) allow a join. Where one is missing, the mapping that is to grow (`links` of its chain) must have exactly one link:
 * mappings copied from a parent do not join, and neither does a faulted one an untouched neighbour.
 */
const mergeableAnon = (a: number, b: number, links: number): boolean => a === b || ((a === 0 || b === 0) && links === 1);

/** Whether a mapping may lie behind the one in a row as a part of it, the anon_vmas aside. */
function continues(h: Arena, row: number, region: Int32Array, at: number): boolean {
  const { vma } = h;
  return (
    vma[row + VMA.map] !== MAP.device &&
    vma[row + VMA.map] === region[VMA.map] &&
    vma[row + VMA.object] === region[VMA.object] &&
    vma[row + VMA.flags] === region[VMA.flags] &&
    vma[row + VMA.pgoff]! - vma[row + VMA.start]! === region[VMA.pgoff]! - at
  );
}

/** Whether the row at which a mapping grows may take `anon` (+1) in. */
const takesAnon = (h: Arena, row: number, anon: number): boolean => mergeableAnon(anon, h.vma[row + VMA.anon]!, h.vma[row + VMA.links]!);

/**
 * Gives a mapping that has joined all three the anon_vma of the right one, where it has none. In other joins nothing is to be taken over: who grows has
 * an anon_vma, or nobody has.
 */
function takeOver(h: Arena, next: number): void {
  if (MERGED[VMA.anon] !== 0) return;
  MERGED[VMA.anon] = h.vma[next + VMA.anon]!;
  for (let i = VMA.links; i < VMA.words; i++) MERGED[i] = h.vma[next + i]!;
}

/**
 * Puts a mapping where nothing is, joining its neighbours where the rules allow.
 *
 * @param fresh made by mmap, otherwise a moved or changed one
 */
export function insertVma(h: Arena, mm: number, region: Int32Array, fresh: boolean): void {
  const { vma } = h;
  const start = region[VMA.start]!;
  const anon = region[VMA.anon]!;
  const behind = vmaFrom(h, mm, start);
  const row = behind < 0 ? vmasEnd(h, mm) : behind;
  const prev = row - VMA.words;
  const touchesPrev = prev >= vmasFirst(h, mm) && vma[prev + VMA.end] === start && continues(h, prev, region, start);
  const touchesNext = behind >= 0 && vma[row + VMA.start] === region[VMA.end] && continues(h, row, region, start);
  const withNext = touchesNext && takesAnon(h, row, anon);
  let withPrev = touchesPrev && takesAnon(h, prev, anon);
  let both = withPrev && withNext;
  if (both && fresh && !h.profile.mmapJoinsUntouchedLeft) both = withPrev = takesAnon(h, prev, vma[row + VMA.anon]!);
  else if (both) both = vma[prev + VMA.anon] === 0 || vma[row + VMA.anon] === 0 || vma[prev + VMA.anon] === vma[row + VMA.anon];

  let at = row;
  copyVma(region, 0, MERGED, 0);
  if (withPrev) {
    at = prev;
    copyVma(vma, prev, MERGED, 0);
    MERGED[VMA.end] = both ? vma[row + VMA.end]! : region[VMA.end]!;
    if (both) takeOver(h, row);
    removeRows(h, mm, prev, both ? row + VMA.words : row);
  } else if (withNext) {
    copyVma(vma, row, MERGED, 0);
    MERGED[VMA.start] = start;
    MERGED[VMA.pgoff] = region[VMA.pgoff]!;
    removeRows(h, mm, row, row + VMA.words);
  }
  if (withPrev || withNext || fresh) MERGED[VMA.stamp] = nextStamp(h);
  openRow(h, mm, at);
  copyVma(MERGED, 0, vma, at);
}

/** Gives a range inside one mapping other flags: it joins a neighbour where the rules allow, else the mapping is split. */
export function changeFlags(h: Arena, mm: number, start: number, end: number, flags: number): void {
  splitAt(h, mm, start);
  splitAt(h, mm, end);
  const row = vmaFrom(h, mm, start);
  copyVma(h.vma, row, CHANGED, 0);
  CHANGED[VMA.flags] = flags;
  removeRows(h, mm, row, row + VMA.words);
  insertVma(h, mm, CHANGED, false);
}
