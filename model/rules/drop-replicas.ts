/** Invalidation of the replicas of a page, before it is written or their memory goes (extension). */
import type { Pfn } from "../../spec/vocabulary.ts";
import type { Of } from "../activation.ts";
import { dropReplica, unlocked } from "../replicas.ts";
import { leave } from "../rule.ts";
import type { Steps } from "../rule.ts";
import type { Replica, Work } from "../state.ts";

/** Takes all replicas of a page away, one a step. */
export function dropReplicas(page: Pfn): Of<"drop_replicas"> {
  return { op: "drop_replicas", pc: "next", page, got: null };
}

/** The steps of taking all replicas of a page away. */
export const dropReplicasSteps: Steps<"drop_replicas"> = {
  next: {
    spec: ["DUP-4", "DUP-5"],
    enabled: (s, _t, a) => of(s, a).length === 0 || droppable(s, a) !== null,
    apply(s, t, a) {
      const replica = droppable(s, a);
      if (replica !== null) dropReplica(s, replica);
      if (of(s, a).length === 0) leave(t);
    },
  },
};

function of(s: Work, a: Of<"drop_replicas">): Replica[] {
  return s.replicas.filter((r) => r.page === a.page);
}

/** A replica whose mirrors' driver locks are free. */
function droppable(s: Work, a: Of<"drop_replicas">): Replica | null {
  return of(s, a).find((r) => unlocked(s, r)) ?? null;
}
