/** Open device files: who keeps them open. */
import { fileId } from "../spec/vocabulary.ts";
import type { ActorId, DevId, FileId, MmId } from "../spec/vocabulary.ts";
import { fail, known } from "./rule.ts";
import type { ActorWork, TaskWork, Work } from "./state.ts";

/** The actor with this number. @throws ModelBug where there is none. */
export function actorOf(s: Work, actor: number): ActorWork {
  return known(s.actors[actor], `actor ${actor}`);
}

/** Opens a device: a mirror of the caller's address space with an empty device page table. The first mirror of v14 makes its struct hmm. */
function openFile(s: Work, actor: ActorId, dev: DevId): FileId {
  const { mm, files } = actorOf(s, actor);
  const gone = s.files.findIndex((f, i) => f.users === 0 && f.interval === "none" && !referenced(s, i));
  const file = fileId(gone < 0 ? s.files.length : gone);
  s.files[file] = { dev, mm, users: 1, dpt: Array.from({ length: s.pages }, () => null), ...insertInterval(s, mm), mutex: null };
  files[dev] = file;
  if (s.profile.rangeProtocol === "valid") known(s.mms[mm], `mm ${mm}`).hmm = true;
  return file;
}

/** Something in flight, or a page on the device, still names the file. */
function referenced(s: Work, file: number): boolean {
  return s.tasks.some((t) => t.stack.some((a) => "file" in a && a.file === file)) || s.frames.some((f) => !f.free && f.driverWord === file);
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

/** The caller's open file of a device, opened now if it has none. Where the system has no such device the call ends with ENOENT. */
export function fileFor(s: Work, t: TaskWork, dev: DevId): FileId | null {
  const device = s.devices[dev];
  if (device && (s.profile.coherent || device.kind !== "coherent")) return actorOf(s, t.actor).files[dev] ?? openFile(s, t.actor, dev);
  fail(t, "ENOENT", "MIR-10");
  return null;
}
