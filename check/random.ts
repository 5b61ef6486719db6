/** Random numbers that are the same on every machine: the small fast counter generator (sfc32). */

/** A stream of random 32-bit numbers. */
export interface RandomStream {
  /** The next number, from 0 to 2^32 - 1. */
  readonly next: () => number;
  /** A number from 0 to `below - 1`. */
  readonly below: (below: number) => number;
}

/** Rounds that mix the seed before the first number is given out. */
const WARM_UP = 12;

/**
 * Starts a stream.
 *
 * @param seed any number; its low 53 bits count
 */
export function randomStream(seed: number): RandomStream {
  let a = seed | 0;
  let b = Math.floor(seed / 2 ** 32) | 0;
  let c = 0;
  let counter = 1;
  const next = (): number => {
    const t = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + t) | 0;
    return t >>> 0;
  };
  for (let n = 0; n < WARM_UP; n++) next();
  return { next, below: (below) => next() % below };
}
