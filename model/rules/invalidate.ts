/** The notifier bracket: i1 announces, i2 runs each mirror's callback, i3 is the caller's page table change, i4 ends. */
import { fileId } from "../../spec/vocabulary.ts";
import type { DevId, FileId, MmId } from "../../spec/vocabulary.ts";
import type { NotifyEvent, Of } from "../activation.ts";
import { mmOf } from "../locks.ts";
import { dropReplica, reapReplicas, replicasIn, unlocked } from "../replicas.ts";
import { known, leave } from "../rule.ts";
import type { Steps } from "../rule.ts";
import type { FileWork, Work } from "../state.ts";

/** The start of an invalidation of `[start, end)` of an address space. */
export function invalidate(mm: MmId, start: number, end: number, event: NotifyEvent, owner: DevId | null = null): Of<"invalidate"> {
  return { op: "invalidate", pc: "i1", mm, start, end, event, owner, hits: [], cur: 0, got: null };
}

/** The open file with this number. @throws ModelBug where there is none. */
export function fileOf(s: Work, file: FileId): FileWork {
  return known(s.files[file], `file ${file}`);
}

/** Files whose interval is inserted and mirrors this address space. One that is being removed stays in the tree until then; v14 takes it off its list at once. */
function inserted(s: Work, mm: MmId): FileId[] {
  const hits: FileId[] = [];
  s.files.forEach((f, i) => {
    const listed = f.interval === "inserted" || (f.interval === "removing" && s.profile.rangeProtocol === "sequence");
    if (f.mm === mm && listed) hits.push(fileId(i));
  });
  return hits;
}

/** The steps of the start of a notification (i1, i2). */
export const invalidateSteps: Steps<"invalidate"> = {
  i1: {
    spec: ["INV-4", "INV-6", "INV-9", "DUP-6", "NTF-2", "NTF-5"],
    // Replicas of what may change are gone before the mirrors are told.
    enabled: (s, _t, a) => replicasIn(s, a.mm, a.start, a.end).every((replica) => unlocked(s, replica)),
    apply(s, t, a) {
      for (const replica of replicasIn(s, a.mm, a.start, a.end)) dropReplica(s, replica);
      const mm = mmOf(s, a.mm);
      mm.active++;
      a.hits = inserted(s, a.mm);
      if (s.profile.rangeProtocol === "valid") killRanges(s, a);
      else if (a.hits.length > 0) mm.seq |= 1;
      a.cur = mm.seq;
      if (a.hits.length === 0) leave(t);
      else a.pc = "i2";
    },
  },
  i2: {
    spec: [
      "MIR-2",
      "INV-1",
      "INV-5",
      "INV-7",
      "INV-16",
      "DEV-7",
      "MIG-28",
      "MIG-46",
      "MIG-47",
      "EXC-7",
      "EXC-24",
      "NTF-2",
      "NTF-3",
      "NTF-4",
      "IDL-1",
      "IDL-2",
      "IDL-3",
      "IDL-6",
      "DMR-5",
      "DMR-12",
    ],
    choices: (s, _t, a) => callable(s, a).map(String),
    enabled: (s, _t, a) => callable(s, a).length > 0,
    apply(s, t, a, choice) {
      const file = fileId(Number(choice));
      a.hits = a.hits.filter((hit) => hit !== file);
      callback(s, fileOf(s, file), a);
      if (a.hits.length === 0) leave(t);
    },
  },
};

/** The mirrors whose callback can run now: it takes the driver lock. */
function callable(s: Work, a: Of<"invalidate">): FileId[] {
  return a.hits.filter((file) => fileOf(s, file).mutex === null);
}

/** The driver's invalidate callback, under the driver lock. */
function callback(s: Work, file: FileWork, a: Of<"invalidate">): void {
  const { driver } = s.profile;
  if (a.event === "MIGRATE" && driver.filtersOwnMigrate && s.profile.ownerFilter && a.owner === file.dev) return;
  if (a.event === "EXCLUSIVE" && driver.ownsExclusive && a.owner === file.dev) return;
  if (s.profile.rangeProtocol === "sequence") file.seq = a.cur;
  const last = driver.inclusiveEnd ? a.end : a.end - 1;
  for (let v = a.start; v <= last && v < file.dpt.length; v++) file.dpt[v] = null;
  reapReplicas(s);
}

/** A whole bracket in one step, for changes that the model does not split into steps (huge pages). */
export function notifyNow(s: Work, id: MmId, start: number, end: number): void {
  const mm = mmOf(s, id);
  const a = invalidate(id, start, end, "CLEAR");
  mm.active++;
  const hits = inserted(s, id);
  if (s.profile.rangeProtocol === "valid") killRanges(s, a);
  else if (hits.length > 0) mm.seq |= 1;
  a.cur = mm.seq;
  for (const file of hits) callback(s, fileOf(s, file), a);
  invalidateEnd(s, id);
}

/** v14: every range walk in progress that overlaps is marked invalid and what it found there is dropped. */
function killRanges(s: Work, a: Of<"invalidate">): void {
  for (const task of s.tasks) {
    for (const walk of task.stack) {
      if (walk.op !== "hmm_range_fault" || walk.mm !== a.mm || a.end < walk.start || a.start >= walk.end) continue;
      walk.valid = false;
      walk.pfns = walk.pfns.map((p, i) => (a.start <= walk.start + i && walk.start + i < a.end ? { kind: "none" } : p));
    }
  }
}

/** i4: the end of an invalidation. The last one makes the sequence even, and lets waiting additions and removals through. */
export function invalidateEnd(s: Work, id: MmId): void {
  const mm = mmOf(s, id);
  mm.active--;
  if (mm.active > 0) return;
  if (mm.seq % 2 === 1) mm.seq++;
  for (const file of s.files) {
    if (file.mm !== id) continue;
    if (file.interval === "adding") file.interval = "inserted";
    if (file.interval === "removing") file.interval = "none";
  }
}
