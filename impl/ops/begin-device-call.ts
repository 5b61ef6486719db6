/** The first record of a call on a range of a device. */
import type { Arena } from "../arena.ts";
import { R } from "../layout.ts";
import { pushRangeCall } from "./begin-range-call.ts";

/**
 * Gives a task the first record of a call on `npages` pages from `page` on, and answers it. Until the `open` step knows which address space
 * the file mirrors, the record names that of the caller.
 */
export function pushDeviceCall(
  h: Arena,
  t: number,
  step: number,
  call: { readonly dev: number; readonly page: number; readonly npages: number },
): number {
  const r = pushRangeCall(h, t, step, call);
  h.task[r + R.dev] = call.dev;
  return r;
}
