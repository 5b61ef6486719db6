/** Leaving a notification out: neither its start nor its end takes place. */
import type { Activation } from "../../model/index.ts";
import type { Of } from "../../model/activation.ts";
import type { Work } from "../../model/state.ts";
import type { MmId } from "../../spec/vocabulary.ts";
import type { Tampering } from "./mutant.ts";
import { all, around } from "./tamper.ts";

type Op = Activation["op"];

/**
 * Leaves out the notification that one step starts and another one ends.
 *
 * @param mm whose notification it is, or `null` where it is not to be left out
 */
export function unannounced<O extends Op>(op: O, start: Of<O>["pc"], end: Of<O>["pc"], mm: (s: Work, a: Of<O>) => MmId | null): Tampering {
  return all(
    around(op, start, (go, s, t, a) => {
      go();
      if (t.stack.at(-1)?.op === "invalidate" && mm(s, a) !== null) t.stack.pop();
    }),
    around(op, end, (go, s, _t, a) => {
      const id = mm(s, a);
      const announced = id === null ? undefined : s.mms[id];
      // Counted first, so that the end takes nothing away.
      if (announced) announced.active++;
      go();
    }),
  );
}
