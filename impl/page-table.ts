/**
 * Multi-level tables of 32-bit entries, one for each address space: a directory of leaf tables that are there only where an entry is.
 *
 * A leaf is taken from the pool with its first entry and given back with its last, lowest number first; where one leaf covers a whole space,
 * each space keeps its own. So equal contents mean equal words for small windows.
 */
import { Full } from "./capacity.ts";

const LEAF_SHIFT_MAX = 9;

/** Words of one set of tables, for `spaces` address spaces of `pages` pages. */
export function pageTableWords(spaces: number, pages: number): number {
  const { shift, perSpace } = shape(pages);
  const leaves = spaces * perSpace;
  return leaves + leaves + (leaves << shift);
}

function shape(pages: number): { shift: number; perSpace: number } {
  let shift = 0;
  while (shift < LEAF_SHIFT_MAX && 1 << shift < pages) shift++;
  return { shift, perSpace: Math.max(1, Math.ceil(pages / (1 << shift))) };
}

/** Tables of `spaces` address spaces in the words that are handed in. */
export class PageTable {
  /** log2 of the entries of a leaf. */
  readonly shift: number;
  private readonly perSpace: number;
  private readonly mask: number;
  /** Number of the leaf (+1), by space and part. */
  private readonly dir: Int32Array;
  /** Entries in each leaf that are not 0. */
  private readonly live: Int32Array;
  private readonly leaf: Int32Array;

  constructor(words: Int32Array, spaces: number, pages: number) {
    const { shift, perSpace } = shape(pages);
    const leaves = spaces * perSpace;
    this.shift = shift;
    this.perSpace = perSpace;
    this.mask = (1 << shift) - 1;
    this.dir = words.subarray(0, leaves);
    this.live = words.subarray(leaves, 2 * leaves);
    this.leaf = words.subarray(2 * leaves, 2 * leaves + (leaves << shift));
    if (perSpace === 1) for (let n = 0; n < leaves; n++) this.dir[n] = n + 1;
  }

  /** The entry of a page. */
  get(space: number, vpn: number): number {
    const leaf = this.dir[space * this.perSpace + (vpn >>> this.shift)]!;
    return leaf === 0 ? 0 : this.leaf[((leaf - 1) << this.shift) + (vpn & this.mask)]!;
  }

  /** Replaces the entry of a page. */
  set(space: number, vpn: number, word: number): void {
    const at = space * this.perSpace + (vpn >>> this.shift);
    let leaf = this.dir[at]!;
    if (leaf === 0) {
      if (word === 0) return;
      leaf = this.take();
      this.dir[at] = leaf;
    }
    const i = ((leaf - 1) << this.shift) + (vpn & this.mask);
    const old = this.leaf[i]!;
    this.leaf[i] = word;
    if ((old === 0) === (word === 0)) return;
    this.live[leaf - 1]! += word === 0 ? -1 : 1;
    if (word === 0 && this.perSpace > 1 && this.live[leaf - 1] === 0) this.dir[at] = 0;
  }

  /** The first page at or behind `vpn` and before `end` that has an entry, or `end`. Parts without a leaf are passed at once. */
  next(space: number, vpn: number, end: number): number {
    let v = vpn;
    while (v < end) {
      const leaf = this.dir[space * this.perSpace + (v >>> this.shift)]!;
      if (leaf === 0 || this.live[leaf - 1] === 0) v = ((v >>> this.shift) + 1) << this.shift;
      else if (this.leaf[((leaf - 1) << this.shift) + (v & this.mask)] === 0) v++;
      else return v;
    }
    return end;
  }

  private take(): number {
    for (let n = 0; n < this.live.length; n++) if (this.live[n] === 0) return n + 1;
    throw new Full("count");
  }
}
