/** Mappings of one address space: find, split, merge. Sorted by `start`, never overlapping. */
import { mmId } from "../spec/vocabulary.ts";
import { blockOf, PTRS_PER_PTE, splitBlock } from "./huge.ts";
import { known } from "./rule.ts";
import { notifyNow } from "./rules/invalidate.ts";
import type { MmWork, Vma, VmFlags, Work } from "./state.ts";

/** The mapping that `at` lies in, or `null`. */
export function findVma(mm: MmWork, at: number): Vma | null {
  return mm.vmas.find((v) => v.start <= at && at < v.end) ?? null;
}

/** The first mapping that ends behind `at`. */
export function vmaFrom(mm: MmWork, at: number): Vma | null {
  return mm.vmas.find((v) => at < v.end) ?? null;
}

/** Whether the CPU may load: also from a mapping that is only writable, but not from one that is only executable (protection keys). */
export function loadable(flags: VmFlags): boolean {
  return flags.read || flags.write;
}

function sameFlags(a: VmFlags, b: VmFlags): boolean {
  return a.read === b.read && a.write === b.write && a.exec === b.exec && a.account === b.account && a.hugepage === b.hugepage;
}

/**
 * Whether two anon_vmas allow a merge. Where one is missing, the mapping that is to grow must have a chain of exactly one link:
 * mappings copied from a parent do not merge, and neither does a faulted one into a neighbour that was never faulted.
 */
function mergeableAnon(a: number | null, b: number | null, grows: Vma | null): boolean {
  if ((a === null || b === null) && (grows === null || grows.chain.length === 1)) return true;
  return a === b;
}

function offset(vma: Vma, by: number): number {
  return vma.pgoff + by;
}

/** `region` may join the mapping before it. */
function joinsPrev(prev: Vma, region: Vma, anonVma: number | null): boolean {
  return (
    prev.end === region.start &&
    prev.map === region.map &&
    prev.map !== "device" &&
    prev.object === region.object &&
    sameFlags(prev.flags, region.flags) &&
    offset(prev, prev.end - prev.start) === region.pgoff &&
    mergeableAnon(anonVma, prev.anonVma, prev)
  );
}

/** `region` may join the mapping behind it. */
function joinsNext(next: Vma, region: Vma, anonVma: number | null): boolean {
  return (
    region.end === next.start &&
    next.map === region.map &&
    next.map !== "device" &&
    next.object === region.object &&
    sameFlags(next.flags, region.flags) &&
    offset(region, region.end - region.start) === next.pgoff &&
    mergeableAnon(anonVma, next.anonVma, next)
  );
}

/** The anon_vma of a mapping that absorbs others: its own, else that of the first absorbed one that has any. */
function absorb(into: Vma, absorbed: readonly Vma[]): Pick<Vma, "anonVma" | "chain"> {
  const from = [into, ...absorbed].find((v) => v.anonVma !== null) ?? into;
  return { anonVma: from.anonVma, chain: from.chain };
}

/** A stamp behind all others, after they were numbered anew so that they stay small. */
export function nextStamp(s: Work): number {
  const stamps = [...new Set(s.mms.flatMap((mm) => mm.vmas.map((v) => v.stamp)))].toSorted((a, b) => a - b);
  if (stamps.some((stamp, rank) => stamp !== rank)) {
    for (const mm of s.mms) mm.vmas = mm.vmas.map((v) => ({ ...v, stamp: stamps.indexOf(v.stamp) }));
  }
  return stamps.length;
}

/** The stamp of fork's copy: behind all others, but right behind its parent where the memory is shared. */
export function copyStamp(s: Work, parent: Vma): number {
  if (parent.map === "private") return nextStamp(s);
  for (const mm of s.mms) mm.vmas = mm.vmas.map((v) => (v.stamp > parent.stamp ? { ...v, stamp: v.stamp + 1 } : v));
  return parent.stamp + 1;
}

/**
 * A mapping is about to be split inside a block of 512 pages that lies wholly in it: the block can no longer be mapped as a whole, so its mapping is
 * split, and the mirrors are told about all of it, whether it is a huge page or not.
 */
function splitBlockInside(s: Work, mm: MmWork, at: number): void {
  const first = blockOf(at);
  const vma = findVma(mm, at);
  if (at === first || vma === null || first < vma.start || first + PTRS_PER_PTE > vma.end) return;
  const id = mmId(s.mms.indexOf(mm));
  const pte = mm.ptes[at];
  if (pte && "huge" in pte && pte.huge) splitBlock(s, id, at);
  else notifyNow(s, id, first, first + PTRS_PER_PTE);
}

/** Splits the mapping that `at` lies inside of, so that one begins at `at`. */
export function splitAt(s: Work, mm: MmWork, at: number): void {
  const i = mm.vmas.findIndex((v) => v.start < at && at < v.end);
  if (i < 0) return;
  splitBlockInside(s, mm, at);
  const stamp = nextStamp(s);
  const vma = known(mm.vmas[i], "vma");
  mm.vmas.splice(i, 1, { ...vma, end: at, stamp }, { ...vma, start: at, pgoff: offset(vma, at - vma.start), stamp });
}

/** Takes the mappings of a range out, splitting those at its ends. */
export function detach(s: Work, mm: MmWork, start: number, end: number): Vma[] {
  splitAt(s, mm, start);
  splitAt(s, mm, end);
  const out = mm.vmas.filter((v) => start <= v.start && v.end <= end);
  mm.vmas = mm.vmas.filter((v) => !(start <= v.start && v.end <= end));
  return out;
}

/** Puts a mapping where nothing is, joining its neighbours where the rules allow. `fresh`: by mmap, otherwise a moved or changed one. */
export function insert(s: Work, mm: MmWork, region: Vma, fresh: boolean): void {
  const prev = mm.vmas.find((v) => v.end === region.start) ?? null;
  const next = mm.vmas.find((v) => v.start === region.end) ?? null;
  const withNext = next !== null && joinsNext(next, region, region.anonVma);
  let withPrev = prev !== null && joinsPrev(prev, region, region.anonVma);
  let both = withNext;
  if (withPrev && withNext && prev && next) {
    if (fresh && !s.profile.mmapJoinsUntouchedLeft) withPrev = joinsPrev(prev, region, next.anonVma);
    else both = mergeableAnon(prev.anonVma, next.anonVma, null);
  }
  mm.vmas = mm.vmas.filter((v) => !(withPrev && v === prev) && !((withPrev ? both : withNext) && v === next));
  let merged = region;
  if (withPrev && prev) {
    const joined = both && next ? [region, next] : [region];
    merged = { ...prev, end: both && next ? next.end : region.end, ...absorb(prev, joined) };
  } else if (withNext && next) merged = { ...next, start: region.start, pgoff: region.pgoff, ...absorb(next, [region]) };
  if (merged !== region || fresh) merged = { ...merged, stamp: nextStamp(s) };
  const i = mm.vmas.findIndex((v) => v.start > merged.start);
  mm.vmas.splice(i < 0 ? mm.vmas.length : i, 0, merged);
}

/** Gives a range inside one mapping other flags: it joins a neighbour where the rules allow, else the mapping is split. */
export function changeFlags(s: Work, mm: MmWork, start: number, end: number, flags: VmFlags): void {
  for (const vma of detach(s, mm, start, end)) insert(s, mm, { ...vma, flags }, false);
}

/** Whether two neighbours may share one anon_vma. */
function compatible(a: Vma, b: Vma): boolean {
  return (
    a.end === b.start &&
    a.map === b.map &&
    a.object === b.object &&
    a.flags.account === b.flags.account &&
    a.flags.hugepage === b.flags.hugepage &&
    b.pgoff === offset(a, b.start - a.start)
  );
}

/** Gives the mapping at `at` an anon_vma before its first anonymous page: a neighbour's where that is possible, else a new one. */
export function prepareAnonVma(s: Work, mm: MmWork, at: number): Vma | null {
  const i = mm.vmas.findIndex((v) => v.start <= at && at < v.end);
  const vma = mm.vmas[i];
  if (!vma) return null;
  if (vma.anonVma !== null) return vma;
  const next = mm.vmas[i + 1];
  const prev = mm.vmas[i - 1];
  let anonVma: number | null = null;
  if (next && compatible(vma, next) && next.anonVma !== null && next.chain.length === 1) anonVma = next.anonVma;
  else if (prev && compatible(prev, vma) && prev.anonVma !== null && prev.chain.length === 1) anonVma = prev.anonVma;
  anonVma ??= newAnonVma(s, null);
  const prepared = { ...vma, anonVma, chain: [anonVma], stamp: nextStamp(s) };
  mm.vmas[i] = prepared;
  return prepared;
}

/** A new anon_vma below `parent`, or a root. */
function newAnonVma(s: Work, parent: number | null): number {
  const free = s.anonVmas.indexOf(null);
  const id = free < 0 ? s.anonVmas.length : free;
  s.anonVmas[id] = parent === null ? { parent: id, root: id } : { parent, root: s.anonVmas[parent]?.root ?? parent };
  return id;
}

/**
 * What fork gives the child's copy of a mapping: links to all anon_vmas of the parent's, and one of its own, unless one of those
 * has no mapping of its own any more and fewer than two children: that one is taken over.
 */
export function forkAnonVma(s: Work, parent: Vma): Pick<Vma, "anonVma" | "chain"> {
  if (parent.anonVma === null) return { anonVma: null, chain: [] };
  for (const id of parent.chain) {
    const children = s.anonVmas.filter((a) => a?.parent === id).length;
    const active = s.mms.some((mm) => mm.vmas.some((v) => v.anonVma === id));
    if (!active && children < 2) return { anonVma: id, chain: parent.chain };
  }
  const own = newAnonVma(s, parent.anonVma);
  return { anonVma: own, chain: [...parent.chain, own] };
}
