/** A run as the minimiser changes it: actions that name tasks and frames by what they are, not by the number that they happen to have. */
import type { View } from "../../spec/system.ts";
import type { Action } from "../../spec/vocabulary.ts";
import { PTE } from "../../spec/words.ts";
import type { Size } from "../bench.ts";

/** A page that an entry names, by which its frame is found again when frames get other numbers. */
export interface Place {
  readonly mm: number;
  readonly vpn: number;
}

/** An action that begins a task. */
export type Beginning = Extract<Action, { type: "call" | "reclaim" | "move" }>;

/** A choice that is not the first of its step. */
export interface ChoiceAt {
  /** Code of the step. */
  readonly step: number;
  /** Code of the choice. */
  readonly choice: number;
}

/**
 * One change of the run. `of` tells which operation it belongs to: the call, pin or other action of the surroundings that began it.
 *
 * `run` takes steps of a task until its next step is `until` (its code, or -1: until it returns or must wait).
 */
export type Move =
  | { readonly kind: "begin"; readonly of: number; readonly action: Beginning; readonly at: Place | null }
  | { readonly kind: "step"; readonly of: number; readonly choice: number }
  | { readonly kind: "run"; readonly of: number; readonly until: number; readonly choices: readonly ChoiceAt[] }
  | { readonly kind: "hold"; readonly of: number; readonly type: "pin" | "get"; readonly pfn: number; readonly at: Place | null }
  | { readonly kind: "give"; readonly of: number }
  | { readonly kind: "put"; readonly of: number; readonly pfn: number };

/** A run that is tried. */
export interface Candidate {
  readonly size: Size;
  readonly moves: readonly Move[];
}

/** A page whose entry names a frame, or `null`. */
export function placeOf(view: View, pfn: number): Place | null {
  for (let mm = 0; mm < view.mmCount(); mm++)
    for (let vpn = 0; vpn < view.pages; vpn++) if (frameAt(view, { mm, vpn }) === pfn) return { mm, vpn };
  return null;
}

/** The frame that the entry of a page names, or -1. */
export function frameAt(view: View, { mm, vpn }: Place): number {
  const pte = view.pte(mm, vpn);
  const kind = pte & PTE.kind_mask;
  return kind === PTE.present || kind >= PTE.migration ? pte >>> PTE.payload_shift : -1;
}

/** The operations of a run, in the order in which they begin. */
export function operationsOf(moves: readonly Move[]): number[] {
  return [...new Set(moves.map((move) => move.of))];
}
