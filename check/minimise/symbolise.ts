/** From numbered actions to moves, by running them. */
import type { Action } from "../../spec/vocabulary.ts";
import { CHOICES } from "../../spec/words.ts";
import type { Bench } from "../bench.ts";
import type { Failure } from "../failure.ts";
import { type Move, placeOf } from "./move.ts";

/** A run as moves, and the failure that it came to. */
export interface Symbolised {
  readonly failure: Failure | null;
  readonly moves: readonly Move[];
}

/** Runs actions up to the first failure. Actions that are not enabled are left out. */
export function symbolise(bench: Bench, actions: readonly Action[]): Symbolised {
  const { system } = bench;
  const { view } = system;
  const moves: Move[] = [];
  const owners: number[] = [];
  const held: { readonly of: number; readonly type: "unpin" | "put"; readonly pfn: number }[] = [];
  let operations = 0;
  let failure: Failure | null = null;

  const moveOf = (action: Action): Move | null => {
    switch (action.type) {
      case "call":
      case "reclaim":
      case "move": {
        const of = operations++;
        let task = 0;
        while (view.taskLive(task) === 1) task++;
        owners[task] = of;
        return { kind: "begin", of, action, at: action.type === "call" ? null : placeOf(view, action.pfn) };
      }
      case "step": {
        const choice = CHOICES.indexOf(action.choice);
        return { kind: "step", of: owners[action.task] ?? -1, choice };
      }
      case "pin":
      case "get": {
        const of = operations++;
        held.push({ of, type: action.type === "pin" ? "unpin" : "put", pfn: action.pfn });
        return { kind: "hold", of, type: action.type, pfn: action.pfn, at: placeOf(view, action.pfn) };
      }
      case "unpin":
      case "put": {
        const at = held.findIndex(({ type, pfn }) => type === action.type && pfn === action.pfn);
        const [holder] = at < 0 ? [] : held.splice(at, 1);
        return holder === undefined ? null : { kind: "give", of: holder.of };
      }
      case "wrong_put":
        return { kind: "put", of: operations++, pfn: action.pfn };
    }
  };

  for (const action of actions) {
    if (failure !== null) break;
    const refused = system.refusal(action) !== null;
    failure = bench.differs();
    if (refused && failure === null) continue;
    const move = moveOf(action);
    if (move !== null) moves.push(move);
    failure ??= bench.apply(action);
  }
  return { failure: failure ?? bench.atEnd(), moves };
}
