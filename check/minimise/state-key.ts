/** A number for a saved state: equal states have equal numbers, and others hardly ever. */

const PRIME = 0x01000193;
const text = new Map<string, number>();

function ofText(word: string): number {
  const known = text.get(word);
  if (known !== undefined) return known;
  let hash = 0x811c9dc5;
  for (let i = 0; i < word.length; i++) hash = Math.imul(hash ^ word.charCodeAt(i), PRIME);
  if (text.size < 10_000) text.set(word, hash);
  return hash;
}

/** What is the same in all states of a run, and the other one of two systems that agree. */
const SKIPPED: ReadonlySet<string> = new Set(["profile", "right"]);

/** The key of whatever `save` has answered: plain data, lists and words, at any depth. */
export function stateKey(saved: unknown): number {
  let low = 0x811c9dc5;
  let high = 0x9747b28c;
  const mix = (n: number): void => {
    low = Math.imul(low ^ n, PRIME);
    high = Math.imul(high ^ (n + 0x5bd1), 0x85ebca6b) ^ (high >>> 13);
  };
  // Most words are 0: those only move the place of the next one.
  const words = (list: Int32Array): void => {
    for (let i = 0; i < list.length; i++) {
      const word = list[i] ?? 0;
      if (word !== 0) mix(Math.imul(word, 0x9e3779b1) ^ i);
    }
  };
  const visit = (value: unknown): void => {
    if (typeof value === "number") mix(value);
    else if (typeof value === "string") mix(ofText(value));
    else if (typeof value === "boolean") mix(value ? 7 : 5);
    else if (value instanceof Int32Array) words(value);
    else if (Array.isArray(value)) {
      mix(value.length);
      for (const item of value) visit(item);
    } else if (typeof value === "object" && value !== null) {
      mix(1);
      for (const name in value) if (!SKIPPED.has(name)) visit((value as Record<string, unknown>)[name]);
    } else mix(3);
  };
  visit(saved);
  return (high >>> 11) * 2 ** 32 + (low >>> 0);
}
