/** Invalidation of the replicas of a page, before it is written or their memory goes (extension). Record: `pfn` the page. */
import { STEP } from "../../spec/words.ts";
import type { Arena } from "../arena.ts";
import { R } from "../layout.ts";
import { dropReplica, replicaOf, replicaUnlocked, replicated } from "../replicas.ts";
import { enter, leave } from "../tasks.ts";
import type { ImplSteps } from "../tasks.ts";

/** Enters the removal of all replicas of a page, one a step; the caller continues with `resume`. */
export function enterDropReplicas(h: Arena, t: number, r: number, resume: number, page: number): void {
  const a = enter(h, t, r, resume, STEP["drop_replicas.next"]);
  h.task[a + R.pfn] = page;
}

/** The first replica of a page whose mirrors' driver locks are free, or -1. */
function droppable(h: Arena, page: number): number {
  let i = replicaOf(h, page);
  while (i >= 0 && !replicaUnlocked(h, i)) i = replicaOf(h, page, i + 1);
  return i;
}

/** The steps of taking all replicas of a page away. */
export const dropReplicasSteps: ImplSteps = {
  next: {
    enabled(h, _t, r) {
      const page = h.task[r + R.pfn]!;
      return !replicated(h, page) || droppable(h, page) >= 0;
    },
    apply(h, t, r) {
      const page = h.task[r + R.pfn]!;
      const i = droppable(h, page);
      if (i >= 0) dropReplica(h, i);
      if (!replicated(h, page)) leave(h, t);
    },
  },
};
