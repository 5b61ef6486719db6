/** Excerpts are never longer than this, quotes and dots included. */
const EXCERPT_MAX = 80;

/** Controls, formatting characters that reorder or hide text, lone surrogates, and the two separators that some terminals take for a new line. */
const UNSAFE = /[\p{C}\p{Zl}\p{Zp}]/gu;

const escapeUnit = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
const escapeUnsafe = (found: string): string => {
  if (found === "\n") return "\\n";
  if (found === "\t") return "\\t";
  return found.split("").map(escapeUnit).join("");
};

/**
 * Makes text of unknown origin fit to be one line of a terminal: what could move the cursor or hide other text is escaped, what is too long is cut.
 *
 * Only a prefix of `text` is looked at, so the cost does not grow with its length.
 *
 * @param text any string, of any length
 * @param max greatest length of the result in UTF-16 units
 */
export function printable(text: string, max: number): string {
  const escaped = text.slice(0, max).replace(UNSAFE, escapeUnsafe);
  return text.length <= max && escaped.length <= max ? escaped : `${escaped.slice(0, max - 3)}...`;
}

/**
 * Names a decoded JSON value in a message: strings are quoted, cut and escaped, arrays and objects are only described.
 *
 * @returns at most 80 characters without any control character
 */
export function excerpt(value: unknown): string {
  if (typeof value === "string") return `"${printable(value, EXCERPT_MAX - 2)}"`;
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === "object" && value !== null) return "an object";
  return Object.is(value, -0) ? "-0" : String(value);
}
