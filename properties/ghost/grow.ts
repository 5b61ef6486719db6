/** Arrays of a ghost: they grow with the state and are copied as a whole. */

/** The array, or a longer one with the same contents and zeroes behind them, so that `n` entries fit. */
export function grown(array: Int32Array, n: number): Int32Array {
  if (n <= array.length) return array;
  const longer = new Int32Array(2 * n);
  longer.set(array);
  return longer;
}

/** Sets `n` entries to 0 from `at` on. */
export function clear(array: Int32Array, at: number, n: number): void {
  for (let i = at; i < at + n; i++) array[i] = 0;
}
