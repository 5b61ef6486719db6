/** What a reverse map walk keeps in its record, and what it can be for. */
import { R } from "../layout.ts";

/** Why a page is unmapped. */
export const RMAP_MODE = { migrate: 0, unmap: 1, exclusive: 2, protect: 3 } as const;

/**
 * Record of `rmap_walk`, beside `pfn`: the swap slot of `unmap` or -1; for `exclusive` where the caller expects the page (address space or -1, and
 * page) and the device that owns the event or -1; whether `unmap` is that of a lazily freed page. Then how many places there are (-1 before they
 * are looked up), how many of the array they took, which one is next, and what the walk will answer.
 */
export const WALK = {
  mode: R.x0,
  slot: R.x1,
  onlyMm: R.x2,
  onlyVpn: R.x3,
  owner: R.x4,
  lazyFree: R.x5,
  count: R.x6,
  index: R.x7,
  valid: R.x8,
  used: R.at,
} as const;
