/** What a range walk records for one page. */
import { PTE, VM, pteKind, ptePayload } from "../../spec/words.ts";
import type { Arena } from "../arena.ts";
import { devOf } from "../frames.ts";
import { FILE, R, VMA } from "../layout.ts";
import { RANGE } from "../range.ts";

/** Instead of a result: the page must be faulted first. */
export const NEEDS_FAULT = -1;

/** A page that is there. */
function found(pte: number, pfn: number, marks: number, read: boolean): number {
  const write = (pte & PTE.write) !== 0 ? RANGE.write : 0;
  const huge = (pte & PTE.huge) !== 0 ? RANGE.huge : 0;
  return RANGE.found | (pfn << RANGE.pfn_shift) | marks | write | huge | (read ? RANGE.read : 0);
}

/** Whether a device-private page can be had by a walk as it is: it is the mirror's own, and need not become writable first. */
function reachesPrivate(h: Arena, r: number, pte: number): boolean {
  const { ownerFilter, ownReadOnlyFaults, driver } = h.profile;
  if (ownerFilter && devOf(h, ptePayload(pte)) !== h.file[h.task[r + R.file]! * FILE.words + FILE.dev]) return false;
  const wants = h.task[r + RANGE.request] !== 0 && h.task[r + R.write] !== 0 && (pte & PTE.write) === 0;
  return !wants || !(ownReadOnlyFaults || driver.writesReadOnlyPrivate);
}

/** The result of the walk in record `r` for the entry of a page in a mapping, or `NEEDS_FAULT`. */
export function lookAtPte(h: Arena, r: number, vma: number, pte: number): number {
  const { singleVma } = h.profile;
  const read = (h.vma[vma + VMA.flags]! & VM.read) !== 0;
  const request = h.task[r + RANGE.request] !== 0;
  const wantsWrite = request && h.task[r + R.write] !== 0;
  let missing: number = RANGE.none;
  switch (pteKind(pte)) {
    case PTE.present:
      return wantsWrite && (pte & PTE.write) === 0 ? NEEDS_FAULT : found(pte, ptePayload(pte), 0, read);
    case PTE.zero:
      return wantsWrite ? NEEDS_FAULT : found(pte, 0, RANGE.zero, read);
    case PTE.device_private:
      if (reachesPrivate(h, r, pte)) return found(pte, ptePayload(pte), 0, read);
      if (request) return NEEDS_FAULT;
      break;
    case PTE.none:
      if (singleVma && !read) return missing;
      break;
    case PTE.migration:
      if (singleVma) missing = RANGE.bad;
      break;
    default:
  }
  return request ? NEEDS_FAULT : missing;
}
