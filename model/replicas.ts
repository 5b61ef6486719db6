/** Replicas: read-only copies of a page in the memory of devices (extension, switch `readDuplication`). */
import { fileId } from "../spec/vocabulary.ts";
import type { DevId, FileId, MmId, Pfn } from "../spec/vocabulary.ts";
import { drop, mappedPfn } from "./frames.ts";
import { mmOf } from "./locks.ts";
import type { Dpte, Replica, Work } from "./state.ts";

/** Whether a page has a replica anywhere. */
export function replicated(s: Work, page: Pfn): boolean {
  return s.replicas.some((r) => r.page === page);
}

/** The replica of a page on a device. */
export function replicaOn(s: Work, page: Pfn, dev: DevId): Replica | null {
  return s.replicas.find((r) => r.page === page && r.dev === dev) ?? null;
}

/** Whether an entry of a device page table leads to a replica of a page. */
export function readsReplica(s: Work, entry: Dpte | null, page: Pfn): boolean {
  return entry !== null && !entry.zero && s.replicas.some((r) => r.page === page && r.pfn === entry.pfn);
}

/** The replicas of the pages that the entries of `[start, end)` name, in whichever mirrors they are. */
export function replicasIn(s: Work, mm: MmId, start: number, end: number): Replica[] {
  if (s.replicas.length === 0) return [];
  const pages = mmOf(s, mm).ptes.slice(start, end).map(mappedPfn);
  return s.replicas.filter((r) => pages.includes(r.page));
}

/** The first page with a replica among the frames of a range of device memory, `[first, end)`. */
export function replicatedTo(s: Work, first: number, end: number): Pfn | null {
  return s.replicas.find((r) => first <= r.pfn && r.pfn < end)?.page ?? null;
}

/** The mirrors whose device page table names a replica. */
export function mirrorsOf(s: Work, replica: Replica): FileId[] {
  return s.files.flatMap((f, i) => (f.dpt.some((e) => e !== null && !e.zero && e.pfn === replica.pfn) ? [fileId(i)] : []));
}

/** Whether a replica can be taken away now: that needs the driver locks of its mirrors. */
export function unlocked(s: Work, replica: Replica): boolean {
  return mirrorsOf(s, replica).every((file) => s.files[file]?.mutex === null);
}

/** Takes a replica away: the entries that name it, the record, and its frame. */
export function dropReplica(s: Work, replica: Replica): void {
  for (const id of mirrorsOf(s, replica)) {
    const { dpt } = s.files[id] as Work["files"][number];
    for (const [v, entry] of dpt.entries()) if (entry !== null && !entry.zero && entry.pfn === replica.pfn) dpt[v] = null;
  }
  s.replicas = s.replicas.filter((r) => r.pfn !== replica.pfn);
  drop(s, replica.pfn, { kind: "replica" });
}

/** Drops each replica that a mirror had and that no mirror has any more. */
export function reapReplicas(s: Work): void {
  for (const replica of s.replicas) if (replica.installed && mirrorsOf(s, replica).length === 0) dropReplica(s, replica);
}
