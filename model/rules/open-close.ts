/** open and close of a device file. */
import { actorOf, openFile } from "../files.ts";
import { goto, known, ok } from "../rule.ts";
import type { Steps } from "../rule.ts";
import type { DevId, ActorId } from "../../spec/vocabulary.ts";
import type { Work } from "../state.ts";
import { releaseFiles } from "./release.ts";

/** Gives the caller's descriptor of a device back. */
function closeDescriptor(s: Work, actor: ActorId, dev: DevId): void {
  const { files } = actorOf(s, actor);
  const file = files[dev] ?? null;
  if (file === null) return;
  files[dev] = null;
  known(s.files[file], `file ${file}`).users--;
}

export const openSteps: Steps<"open"> = {
  close: {
    spec: [],
    apply(s, t, a) {
      closeDescriptor(s, t.actor, a.dev);
      goto(a, "fput");
    },
  },
  fput: { spec: [], apply: (s, t, a) => releaseFiles(s, t, a, "fput") || goto(a, "open") },
  open: {
    spec: [],
    apply(s, t, a) {
      openFile(s, t.actor, a.dev);
      ok(t);
    },
  },
};

export const closeSteps: Steps<"close"> = {
  close: {
    spec: [],
    apply(s, t, a) {
      closeDescriptor(s, t.actor, a.dev);
      goto(a, "fput");
    },
  },
  fput: { spec: [], apply: (s, t, a) => releaseFiles(s, t, a, "fput") || ok(t) },
};
