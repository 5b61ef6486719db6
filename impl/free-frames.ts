/** The free frames of system memory as a tree of bits: the lowest one is found in one step for each 32-fold of them. */

/** Words for `n` frames. */
export function freeFramesWords(n: number): number {
  let words = 0;
  for (let level = n; level > 1 || words === 0; level = Math.ceil(level / 32)) words += Math.ceil(level / 32);
  return words;
}

/** A set of numbers below `n`. Level 0 has a bit for each number, level `k + 1` a bit for each word of level `k` that is not 0. */
export class FreeFrames {
  private readonly words: Int32Array;
  private readonly base: number[] = [];

  constructor(words: Int32Array, n: number) {
    this.words = words;
    let base = 0;
    for (let level = n; level > 1 || base === 0; level = Math.ceil(level / 32)) {
      this.base.push(base);
      base += Math.ceil(level / 32);
    }
  }

  /** Puts a number in. */
  add(n: number): void {
    let i = n;
    for (let level = 0; level < this.base.length; level++) {
      const at = this.base[level]! + (i >>> 5);
      const was = this.words[at]!;
      this.words[at] = was | (1 << (i & 31));
      if (was !== 0) return;
      i >>>= 5;
    }
  }

  /** Takes a number out, if it is in. */
  remove(n: number): void {
    let i = n;
    for (let level = 0; level < this.base.length; level++) {
      const at = this.base[level]! + (i >>> 5);
      const left = this.words[at]! & ~(1 << (i & 31));
      this.words[at] = left;
      if (left !== 0) return;
      i >>>= 5;
    }
  }

  /** The lowest number, or -1. */
  lowest(): number {
    let i = 0;
    for (let level = this.base.length - 1; level >= 0; level--) {
      const word = this.words[this.base[level]! + i]!;
      if (word === 0) return -1;
      i = (i << 5) + (31 - Math.clz32(word & -word));
    }
    return i;
  }
}
