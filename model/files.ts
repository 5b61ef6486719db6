/** Open device files: who keeps them open. */
import { fileId } from "../spec/vocabulary.ts";
import type { ActorId, DevId, FileId, MmId } from "../spec/vocabulary.ts";
import { known } from "./rule.ts";
import type { ActorWork, Work } from "./state.ts";

export function actorOf(s: Work, actor: number): ActorWork {
  return known(s.actors[actor], `actor ${actor}`);
}

/** Opens a device: a mirror of the caller's address space with an empty device page table. */
export function openFile(s: Work, actor: ActorId, dev: DevId): FileId {
  const { mm, files } = actorOf(s, actor);
  const gone = s.files.findIndex((f) => f.users === 0 && f.interval === "none");
  const file = fileId(gone < 0 ? s.files.length : gone);
  s.files[file] = { dev, mm, users: 1, dpt: Array.from({ length: s.pages }, () => null), ...insertInterval(s, mm), mutex: null };
  files[dev] = file;
  return file;
}

/** Inserts an interval notifier: at once, born invalid, or deferred, by what is in progress. */
function insertInterval(s: Work, id: MmId): { seq: number; interval: "inserted" | "adding" } {
  const mm = known(s.mms[id], `mm ${id}`);
  if (s.profile.rangeProtocol === "valid" || mm.active === 0) return { seq: mm.seq - 1, interval: "inserted" };
  if (mm.seq % 2 === 0) {
    mm.seq |= 1;
    return { seq: mm.seq, interval: "inserted" };
  }
  return { seq: mm.seq, interval: "adding" };
}

/** The caller's open file of a device, opened now if it has none. */
export function fileFor(s: Work, actor: ActorId, dev: DevId): FileId {
  return actorOf(s, actor).files[dev] ?? openFile(s, actor, dev);
}
