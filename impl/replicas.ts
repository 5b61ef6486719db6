/**
 * Replicas: read-only copies of a page in the memory of devices (extension). The table is in the order in which they were made; a replica is
 * named by its place in it. Whoever asks while there are none is answered at once.
 */
import { DPTE, FRAME, dptePfn, pteMaps, ptePayload } from "../spec/words.ts";
import type { Arena } from "./arena.ts";
import { Full } from "./capacity.ts";
import { getPage, mapsOf, mark, putPage, reachOf, setDpte, unmark } from "./frames.ts";
import { G, REPLICA } from "./layout.ts";
import { driverFree } from "./locks.ts";

const word = (h: Arena, i: number, field: number): number => h.replica[i * REPLICA.words + field]!;

/** The frame that holds a replica. */
export const replicaPfn = (h: Arena, i: number): number => word(h, i, REPLICA.pfn);
/** Whether a mirror has got an entry for it: until then only the task that makes it knows it. */
export const replicaInstalled = (h: Arena, i: number): boolean => word(h, i, REPLICA.installed) !== 0;

/** The replica of a page that was made first, at or behind place `from`; or -1. */
export function replicaOf(h: Arena, page: number, from = 0): number {
  const n = h.global[G.replicas]!;
  for (let i = from; i < n; i++) if (word(h, i, REPLICA.page) === page) return i;
  return -1;
}

/** Whether a page has a replica anywhere. */
export const replicated = (h: Arena, page: number): boolean => replicaOf(h, page) >= 0;

/** The replica of a page on a device, or -1. */
export function replicaOn(h: Arena, page: number, dev: number): number {
  for (let i = replicaOf(h, page); i >= 0; i = replicaOf(h, page, i + 1)) if (word(h, i, REPLICA.dev) === dev) return i;
  return -1;
}

/** Whether an entry of a device page table leads to a replica of a page. */
export function readsReplica(h: Arena, dpte: number, page: number): boolean {
  if (h.global[G.replicas] === 0) return false;
  const pfn = dptePfn(dpte);
  if (pfn < 0) return false;
  for (let i = replicaOf(h, page); i >= 0; i = replicaOf(h, page, i + 1)) if (replicaPfn(h, i) === pfn) return true;
  return false;
}

/** The page of the first replica in the frames `[first, end)`, or -1. */
export function replicatedTo(h: Arena, first: number, end: number): number {
  const n = h.global[G.replicas]!;
  for (let i = 0; i < n; i++) {
    const pfn = replicaPfn(h, i);
    if (first <= pfn && pfn < end) return word(h, i, REPLICA.page);
  }
  return -1;
}

/** The first page at or behind `vpn` and before `end` whose entry in a device page table leads to a frame, or `end`. */
function entryOf(h: Arena, file: number, pfn: number, vpn: number, end: number): number {
  let v = h.dpt.next(file, vpn, end);
  while (v < end && dptePfn(h.dpt.get(file, v)) !== pfn) v = h.dpt.next(file, v + 1, end);
  return v;
}

/** Whether a replica can be taken away now: that needs the driver locks of the mirrors that have an entry for it. */
export function replicaUnlocked(h: Arena, i: number): boolean {
  const pfn = replicaPfn(h, i);
  if (reachOf(h, pfn) === 0) return true;
  for (let file = 0; file < h.global[G.files]!; file++)
    if (!driverFree(h, file) && entryOf(h, file, pfn, 0, h.pages) < h.pages) return false;
  return true;
}

/** Whether an entry of `[start, end)` maps a page. */
function mapsIn(h: Arena, mm: number, start: number, end: number, page: number): boolean {
  if (mapsOf(h, page) === 0) return false;
  for (let v = h.pt.next(mm, start, end); v < end; v = h.pt.next(mm, v + 1, end)) {
    const pte = h.pt.get(mm, v);
    if (pteMaps(pte) && ptePayload(pte) === page) return true;
  }
  return false;
}

/** Whether the replicas of all pages that the entries of `[start, end)` map can be taken away now, in whichever mirrors they are. */
export function replicasUnlocked(h: Arena, mm: number, start: number, end: number): boolean {
  const n = h.global[G.replicas]!;
  for (let i = 0; i < n; i++) if (!replicaUnlocked(h, i) && mapsIn(h, mm, start, end, word(h, i, REPLICA.page))) return false;
  return true;
}

/** Takes the replicas of all pages that the entries of `[start, end)` map away. */
export function dropReplicasIn(h: Arena, mm: number, start: number, end: number): void {
  let i = 0;
  while (i < h.global[G.replicas]!) {
    if (mapsIn(h, mm, start, end, word(h, i, REPLICA.page))) dropReplica(h, i);
    else i++;
  }
}

/** Enters a replica that the caller is about to fill, as the last one. It holds a reference on its frame. */
export function addReplica(h: Arena, page: number, dev: number, pfn: number): void {
  const i = h.global[G.replicas]!;
  if (i >= h.capacity.replicas) throw new Full("replicas");
  h.global[G.replicas] = i + 1;
  const at = i * REPLICA.words;
  h.replica[at + REPLICA.page] = page;
  h.replica[at + REPLICA.dev] = dev;
  h.replica[at + REPLICA.pfn] = pfn;
  getPage(h, pfn);
  mark(h, pfn, FRAME.replica);
}

/** Gives a mirror its entry for a replica. */
export function installReplica(h: Arena, i: number, file: number, vpn: number): void {
  h.replica[i * REPLICA.words + REPLICA.installed] = 1;
  setDpte(h, file, vpn, DPTE.valid | (replicaPfn(h, i) << DPTE.payload_shift));
}

/** Takes a replica away: the entries that lead to it, its row, and its reference on the frame. Those behind it move up. */
export function dropReplica(h: Arena, i: number): void {
  const pfn = replicaPfn(h, i);
  for (let file = 0; file < h.global[G.files]! && reachOf(h, pfn) > 0; file++)
    for (let v = entryOf(h, file, pfn, 0, h.pages); v < h.pages; v = entryOf(h, file, pfn, v + 1, h.pages)) setDpte(h, file, v, 0);
  const n = h.global[G.replicas]! - 1;
  h.replica.copyWithin(i * REPLICA.words, (i + 1) * REPLICA.words, (n + 1) * REPLICA.words);
  h.replica.fill(0, n * REPLICA.words, (n + 1) * REPLICA.words);
  h.global[G.replicas] = n;
  unmark(h, pfn, FRAME.replica);
  putPage(h, pfn);
}

/** Drops each replica that a mirror had and that no mirror has any more. */
export function reapReplicas(h: Arena): void {
  let i = 0;
  while (i < h.global[G.replicas]!) {
    if (replicaInstalled(h, i) && reachOf(h, replicaPfn(h, i)) === 0) dropReplica(h, i);
    else i++;
  }
}
