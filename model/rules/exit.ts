/** exit: the address space goes first, the files after it. Whoever drops the last use of an address space tears it down. */
import type { MmId } from "../../spec/vocabulary.ts";
import type { Activation } from "../activation.ts";
import { actorOf } from "../files.ts";
import { mmOf } from "../locks.ts";
import { enter, goto, known, leave, ok } from "../rule.ts";
import type { Steps } from "../rule.ts";
import type { TaskWork, Work } from "../state.ts";
import { reap } from "../reap.ts";
import { invalidate, invalidateEnd } from "./invalidate.ts";
import { zap } from "./munmap.ts";
import { mayRelease, releaseFiles } from "./release.ts";

/** Drops a use of an address space, then continues with `resume`. */
export function putMm<A extends Activation>(s: Work, t: TaskWork, a: A, mm: MmId, resume: A["pc"]): void {
  if (--mmOf(s, mm).users === 0) enter(t, a, resume, { op: "exit_mmap", pc: "release", mm, got: null });
  else goto(a, resume);
}

/** The steps of the end of an actor. */
export const exitSteps: Steps<"exit"> = {
  exit_mm: { spec: ["MIR-8", "TRC-5"], apply: (s, t, a) => putMm(s, t, a, actorOf(s, a.child).mm, "exit_files") },
  exit_files: {
    spec: ["MIR-8", "MIR-9", "TRC-5"],
    apply(s, _t, a) {
      const actor = actorOf(s, a.child);
      for (const file of actor.files) if (file !== null) known(s.files[file], "file").users--;
      // Forgotten as well: a long run would drag the dead along with every copy of its state.
      s.actors[a.child] = null;
      while (s.actors.at(-1) === null) s.actors.pop();
      goto(a, "fput");
    },
  },
  fput: { spec: ["MIR-9", "MEM-35"], enabled: mayRelease, apply: (s, t, a) => releaseFiles(s, t, a, "fput") || ok(t) },
};

/** The steps of the end of an address space. */
export const exitMmapSteps: Steps<"exit_mmap"> = {
  release: {
    spec: ["MIR-8", "NTF-1"],
    apply: (s, t, a) => enter(t, a, "zap", invalidate(a.mm, 0, s.pages, s.profile.releaseEvent ? "RELEASE" : "UNMAP")),
  },
  zap: {
    spec: ["FRM-1", "FRM-2", "RCL-12", "MIR-3", "INV-2", "MIG-50", "EXC-20"],
    apply(s, t, a) {
      const mm = mmOf(s, a.mm);
      zap(s, a.mm, 0, s.pages);
      mm.vmas = [];
      mm.hmm = false;
      invalidateEnd(s, a.mm);
      reap(s);
      leave(t);
    },
  },
};
