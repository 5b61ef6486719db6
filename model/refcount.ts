/** The reference count of a frame, which the model derives from its holders. */
import type { Pfn } from "../spec/vocabulary.ts";
import { known } from "./rule.ts";
import type { State } from "./state.ts";

/**
 * The reference count of a frame: its holders, and the base of the profile for a device frame. `@spec FRM-1 MEM-6`
 *
 * @throws ModelBug where the frame table ends before `pfn`.
 */
export function refcount(state: State, pfn: Pfn): number {
  const frame = known(state.frames[pfn], `frame ${pfn}`);
  return frame.holders.length + (frame.dev === null ? 0 : state.profile.refBase);
}
