/** The last close of a device file: the mirror ends, and the pages of the device go home. */
import { fileId } from "../../spec/vocabulary.ts";
import type { FileId } from "../../spec/vocabulary.ts";
import type { Activation, Of } from "../activation.ts";
import { mmOf } from "../locks.ts";
import { enter, goto, leave } from "../rule.ts";
import type { Steps } from "../rule.ts";
import type { TaskWork, Work } from "../state.ts";
import { fileOf } from "./invalidate.ts";
import { evict } from "./migrate.ts";

/** Enters the release of a file that nobody uses any more, if there is one; the caller then continues with `resume`. */
export function releaseFiles<A extends Activation>(s: Work, t: TaskWork, a: A, resume: A["pc"]): boolean {
  const unused = s.files.findIndex((f, i) => f.users === 0 && f.interval === "inserted" && !mapped(s, i));
  if (unused >= 0) enter(t, a, resume, { op: "release", pc: "remove", file: fileId(unused), got: null });
  return unused >= 0;
}

/** A mapping of a device's own file keeps the file open. */
function mapped(s: Work, file: number): boolean {
  return s.mms.some((mm) => mm.vmas.some((v) => v.map === "device" && v.object === file));
}

export const releaseSteps: Steps<"release"> = {
  remove: {
    spec: [],
    apply(s, _t, a) {
      const file = fileOf(s, a.file);
      const mm = mmOf(s, file.mm);
      file.interval = mm.active > 0 && mm.seq % 2 === 1 ? "removing" : "none";
      goto(a, "evict");
    },
  },
  evict: {
    spec: [],
    enabled: (s, _t, a) => removed(s, a),
    apply: (s, t, a) => enter(t, a, "free", evict(fileOf(s, a.file).dev)),
  },
  free: {
    spec: [],
    apply(s, t, a) {
      fileOf(s, a.file).dpt.fill(null);
      leave(t);
    },
  },
};

/** Removal waits until no callback runs and none will. */
function removed(s: Work, a: Of<"release">): boolean {
  return fileOf(s, a.file).interval === "none";
}
