/** open and close of a device file. */
import { actorOf, fileFor } from "../files.ts";
import { mmOf } from "../locks.ts";
import { enter, fail, goto, known, ok } from "../rule.ts";
import type { Steps } from "../rule.ts";
import type { DevId, ActorId } from "../../spec/vocabulary.ts";
import type { Work } from "../state.ts";
import { mayRelease, releaseFiles } from "./release.ts";

/** Gives the caller's descriptor of a device back. */
function closeDescriptor(s: Work, actor: ActorId, dev: DevId): void {
  const { files } = actorOf(s, actor);
  const file = files[dev] ?? null;
  if (file === null) return;
  files[dev] = null;
  known(s.files[file], `file ${file}`).users--;
}

/** The steps of opening a device. */
export const openSteps: Steps<"open"> = {
  close: {
    spec: ["TRC-3"],
    apply(s, t, a) {
      closeDescriptor(s, t.actor, a.dev);
      goto(a, "fput");
    },
  },
  fput: { spec: ["MIR-9", "MEM-35", "TRC-3"], enabled: mayRelease, apply: (s, t, a) => releaseFiles(s, t, a, "fput") || goto(a, "open") },
  open: {
    spec: ["MIR-1", "MIR-2", "MIR-3", "MIR-10", "INV-8", "TRC-3"],
    apply(s, t, a) {
      if (fileFor(s, t, a.dev) !== null) ok(t);
    },
  },
};

/** v14's own name for making a mirror: it may fail where the arguments are incomplete, or where struct hmm cannot be made. */
export const hmmMirrorRegisterSteps: Steps<"hmm_mirror_register"> = {
  register: {
    spec: ["MIR-3", "MIR-6"],
    choices: (s, t) => (mmOf(s, actorOf(s, t.actor).mm).hmm ? [""] : ["", "no-memory"]),
    apply(s, t, a, choice) {
      if (s.profile.rangeProtocol !== "valid") return fail(t, "EOPNOTSUPP", "MIR-6");
      if (a.without !== null) return fail(t, "EINVAL", "MIR-6");
      if (choice === "no-memory") return fail(t, "ENOMEM", "MIR-6");
      enter(t, a, "register", { op: "open", pc: "close", dev: a.dev, got: null });
    },
  },
};

/** The steps of closing a device. */
export const closeSteps: Steps<"close"> = {
  close: {
    spec: ["MIR-9"],
    apply(s, t, a) {
      closeDescriptor(s, t.actor, a.dev);
      goto(a, "fput");
    },
  },
  fput: { spec: ["MIR-9", "MEM-35"], enabled: mayRelease, apply: (s, t, a) => releaseFiles(s, t, a, "fput") || ok(t) },
};
