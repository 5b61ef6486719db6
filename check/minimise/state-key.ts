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

/** The key of whatever `save` has answered: plain data, lists and words, at any depth. */
export function stateKey(saved: unknown): number {
  let low = 0x811c9dc5;
  let high = 0x9747b28c;
  const mix = (n: number): void => {
    low = Math.imul(low ^ n, PRIME);
    high = Math.imul(high ^ (n + 0x5bd1), 0x85ebca6b) ^ (high >>> 13);
  };
  const visit = (value: unknown): void => {
    if (typeof value === "number") mix(value);
    else if (typeof value === "string") mix(ofText(value));
    else if (typeof value === "boolean") mix(value ? 7 : 5);
    else if (value instanceof Int32Array) for (let i = 0; i < value.length; i++) mix(value[i] ?? 0);
    else if (Array.isArray(value)) {
      mix(value.length);
      for (const item of value) visit(item);
    } else if (typeof value === "object" && value !== null) {
      mix(1);
      for (const name in value) visit((value as Record<string, unknown>)[name]);
    } else mix(3);
  };
  visit(saved);
  return (high >>> 11) * 2 ** 32 + (low >>> 0);
}
