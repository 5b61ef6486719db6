/** The last close of a device file: the mirror ends, and the pages of the device go home. */
import { fileId } from "../../spec/vocabulary.ts";
import type { FileId } from "../../spec/vocabulary.ts";
import type { Activation, Of } from "../activation.ts";
import { mmOf } from "../locks.ts";
import { reapReplicas } from "../replicas.ts";
import { enter, goto, leave } from "../rule.ts";
import type { Steps } from "../rule.ts";
import type { FileWork, TaskWork, Work } from "../state.ts";
import { fileOf } from "./invalidate.ts";
import { evict } from "./migrate.ts";

/** Enters the release of a file that nobody uses any more, if there is one; the caller then continues with `resume`. */
export function releaseFiles<A extends Activation>(s: Work, t: TaskWork, a: A, resume: A["pc"]): boolean {
  const file = unused(s).find((f) => !inFlight(s, f));
  if (file !== undefined) enter(t, a, resume, { op: "release", pc: "remove", file, got: null });
  return file !== undefined;
}

/** Whether who has given up files can go on: a call in flight keeps its file until it ends. */
export function mayRelease(s: Work): boolean {
  const files = unused(s);
  return files.length === 0 || files.some((f) => !inFlight(s, f));
}

/** Files without a descriptor and without a mapping whose mirror has not begun to end. */
function unused(s: Work): FileId[] {
  const open = (f: FileWork): boolean => f.interval === "inserted" || f.interval === "adding";
  return s.files.flatMap((f, i) => (f.users === 0 && open(f) && !mapped(s, i) && !releasing(s, i) ? [fileId(i)] : []));
}

/** Who put the file last releases it, alone. */
function releasing(s: Work, file: number): boolean {
  return s.tasks.some((task) => task.stack.some((a) => a.op === "release" && a.file === file));
}

function inFlight(s: Work, file: FileId): boolean {
  return s.tasks.some((task) => task.stack.some((a) => "file" in a && a.op !== "release" && a.op !== "migrate" && a.file === file));
}

/** A mapping of a device's own file keeps the file open. */
function mapped(s: Work, file: number): boolean {
  return s.mms.some((mm) => mm.vmas.some((v) => v.map === "device" && v.object === file));
}

/** The steps of the end of a mirror. */
export const releaseSteps: Steps<"release"> = {
  remove: {
    spec: ["MIR-7", "MIR-9"],
    apply(s, _t, a) {
      const file = fileOf(s, a.file);
      const mm = mmOf(s, file.mm);
      const busy = mm.active > 0 && (s.profile.rangeProtocol === "valid" || mm.seq % 2 === 1);
      file.interval = busy && file.interval === "inserted" ? "removing" : "none";
      goto(a, "evict");
    },
  },
  evict: {
    spec: ["MIR-7", "MEM-35", "DMR-9"],
    enabled: (s, _t, a) => removed(s, a),
    apply(s, t, a) {
      if (s.profile.evicts) enter(t, a, "free", evict(fileOf(s, a.file).dev, 0, s.frames.length));
      else goto(a, "free");
    },
  },
  free: {
    spec: ["MIR-9"],
    apply(s, t, a) {
      fileOf(s, a.file).dpt.fill(null);
      reapReplicas(s);
      leave(t);
    },
  },
};

/** Removal waits until no callback runs and none will. */
function removed(s: Work, a: Of<"release">): boolean {
  return fileOf(s, a.file).interval === "none";
}
