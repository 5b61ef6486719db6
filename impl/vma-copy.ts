/** fork's copy of a mapping. */
import { forkAnonVma } from "./anon-vma.ts";
import type { Arena } from "./arena.ts";
import { MM, VMA } from "./layout.ts";
import { copyStamp } from "./vma-stamps.ts";
import { copyVma, openRow, vmasEnd } from "./vmas.ts";

/** Gives the address space of a child, behind its other mappings, a copy of the parent's mapping in a row, with links of its own. */
export function copyMapping(h: Arena, parent: number, child: number): void {
  const at = vmasEnd(h, child);
  const count = child * h.mmWords + MM.vmas;
  openRow(h, child, at);
  // It does not count among the mappings until its links are there.
  h.mm[count]! -= 1;
  copyVma(h.vma, parent, h.vma, at);
  forkAnonVma(h, at);
  h.vma[at + VMA.stamp] = copyStamp(h, parent);
  h.mm[count]! += 1;
}
