/** The byte with which a snapshot shows one page. */
import { FRAME } from "../../spec/words.ts";
import type { Arena } from "../arena.ts";
import { devOf, kindOf } from "../frames.ts";
import { RANGE } from "../range.ts";

const ERROR = 0xff;
const READ = 0x01;
const WRITE = 0x02;
const PMD = 0x04;
const ZERO_PAGE = 0x10;
const PRIVATE = 0x20;
const COHERENT = 0x40;
const REMOTE = 0x10;

/** What kind of memory the page is in. */
function memoryOf(h: Arena, dev: number, result: number): number {
  // The driver compares with the small zero page only.
  if ((result & RANGE.zero) !== 0) return (result & RANGE.huge) !== 0 ? 0 : ZERO_PAGE;
  const pfn = result >>> RANGE.pfn_shift;
  const kind = kindOf(h, pfn);
  const remote = devOf(h, pfn) === dev ? 0 : REMOTE;
  if (kind === FRAME.private) return PRIVATE | remote;
  return kind === FRAME.coherent ? COHERENT | remote : 0;
}

/** The byte for the result of a range walk (`RANGE`), as device `dev` shows it. */
export function snapshotCode(h: Arena, dev: number, result: number): number {
  const kind = result & RANGE.kind_mask;
  if (kind === RANGE.bad) return ERROR;
  if (kind !== RANGE.found) return 0;
  let byte = memoryOf(h, dev, result);
  if ((result & RANGE.read) !== 0) byte |= (result & RANGE.write) !== 0 ? WRITE : READ;
  if ((result & RANGE.huge) !== 0 && !h.profile.singleVma) byte |= PMD;
  return byte;
}
