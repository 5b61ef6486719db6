/** Brief references: those that the environment has taken and not yet given back. */
import { FRAME } from "../../spec/words.ts";
import { MOVE } from "../move.ts";
import type { Move } from "../move.ts";
import type { Sweep } from "../sweep.ts";
import { grown } from "./grow.ts";

/** Brief references by frame. */
export interface Brief {
  count: Int32Array;
}

/** No brief reference. */
export function newBrief(): Brief {
  return { count: new Int32Array(0) };
}

/** Follows one action. */
export function followBrief(b: Brief, move: Move, now: Sweep): void {
  if (now.frames > b.count.length) b.count = grown(b.count, now.frames);
  if (move.kind !== MOVE.get && move.kind !== MOVE.put) return;
  b.count[move.pfn]! += move.kind === MOVE.get ? 1 : -1;
  if ((now.frame[move.pfn]! & FRAME.free) !== 0) b.count[move.pfn] = 0;
}
