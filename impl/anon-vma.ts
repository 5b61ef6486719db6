/** anon_vmas: to which mappings the anonymous pages of a process and of its descendants are linked. */
import type { Arena } from "./arena.ts";
import { Full } from "./capacity.ts";
import { ANON, CHAIN_MAX, G, MM, VMA } from "./layout.ts";

/** A new anon_vma below `parent`, or a root where that is -1. */
export function newAnonVma(h: Arena, parent: number): number {
  let id = 0;
  while (id < h.global[G.anonVmas]! && h.anon[id * ANON.words + ANON.used] !== 0) id++;
  if (id >= h.capacity.anonVmas) throw new Full("anonVmas");
  if (id === h.global[G.anonVmas]) h.global[G.anonVmas] = id + 1;
  const row = id * ANON.words;
  h.anon[row + ANON.used] = 1;
  h.anon[row + ANON.parent] = parent < 0 ? id : parent;
  h.anon[row + ANON.root] = parent < 0 ? id : h.anon[parent * ANON.words + ANON.root]!;
  return id;
}

/** How many anon_vmas have this one as their parent. A root is a child of itself. */
function childrenOf(h: Arena, id: number): number {
  let n = 0;
  const end = h.global[G.anonVmas]! * ANON.words;
  for (let row = 0; row < end; row += ANON.words) if (h.anon[row + ANON.used] !== 0 && h.anon[row + ANON.parent] === id) n++;
  return n;
}

/** Whether new pages of some mapping belong to it. */
function active(h: Arena, id: number): boolean {
  for (let mm = 0; mm < h.global[G.mms]!; mm++) {
    const first = mm * h.vmaWords;
    const end = first + h.mm[mm * h.mmWords + MM.vmas]! * VMA.words;
    for (let row = first; row < end; row += VMA.words) if (h.vma[row + VMA.anon] === id + 1) return true;
  }
  return false;
}

/**
 * Turns the links of a parent's mapping, in a copy that does not count among the mappings yet, into those of fork's child: to all anon_vmas of the
 * parent's, and one of its own, unless one of those has no mapping of its own any more and fewer than two children: that one is taken over.
 */
export function forkAnonVma(h: Arena, copy: number): void {
  const { vma } = h;
  if (vma[copy + VMA.anon] === 0) return;
  const links = vma[copy + VMA.links]!;
  for (let i = 0; i < links; i++) {
    const id = vma[copy + VMA.chain + i]!;
    if (childrenOf(h, id) >= 2 || active(h, id)) continue;
    vma[copy + VMA.anon] = id + 1;
    return;
  }
  if (links >= CHAIN_MAX) throw new Full("chain");
  const own = newAnonVma(h, vma[copy + VMA.anon]! - 1);
  vma[copy + VMA.anon] = own + 1;
  vma[copy + VMA.links] = links + 1;
  vma[copy + VMA.chain + links] = own;
}
