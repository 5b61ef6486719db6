/** The kernel's linear map: the addresses by which the kernel itself reaches physical memory. */
import type { Pfn } from "../spec/vocabulary.ts";
import { chunkOf } from "./chunks.ts";
import { known } from "./rule.ts";
import type { Contents, State } from "./state.ts";

/**
 * What an access of the kernel to a frame through its linear map finds. The frame record can be used in every case. `@spec MEM-7 MEM-8`
 *
 * @returns the contents, or `"bus error"` for un-addressable memory and where no memory is.
 */
export function linearMap(state: State, pfn: Pfn): Contents | "bus error" {
  const frame = known(state.frames[pfn], `frame ${pfn}`);
  if (frame.kind === "absent") return "bus error";
  if (frame.dev !== null && !chunkOf(state, pfn)?.linear) return "bus error";
  return frame.contents;
}
