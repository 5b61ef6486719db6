import type { InputErrorCode } from "../spec/vocabulary.ts";
import { type InputError, inputError, pointerTo, valueError } from "./input-error.ts";

/** A decoded JSON object whose fields are not checked yet. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** What one field may hold. `test` allocates nothing, so that a valid line costs little more than its JSON.parse. */
export interface FieldType {
  /** Says what is allowed, to follow the word "expected". */
  readonly expected: string;
  /** Answers `null` for an allowed value, else the code of the error. */
  readonly test: (value: unknown) => InputErrorCode | null;
}

/** One field of an object: its name and what it may hold. */
export interface Field extends FieldType {
  readonly name: string;
  /** JSON pointer, made once. */
  readonly pointer: string;
}

/** An integer of `min..max`. Minus zero is refused: it would not survive being written again. */
export function integer(min: number, max: number): FieldType {
  const expected = max === Number.MAX_SAFE_INTEGER ? `an integer of at least ${min}` : `an integer from ${min} to ${max}`;
  const test = (value: unknown): InputErrorCode | null => {
    if (typeof value !== "number" || !Number.isInteger(value)) return "bad-type";
    return value < min || value > max || Object.is(value, -0) ? "out-of-range" : null;
  };
  return { expected, test };
}

/** A string that is one of `words`. */
export function oneOf(words: readonly string[]): FieldType {
  const test = (value: unknown): InputErrorCode | null => {
    if (typeof value !== "string") return "bad-type";
    return words.includes(value) ? null : "unknown-value";
  };
  return { expected: words.length === 1 ? `"${words[0]}"` : `one of ${words.join(", ")}`, test };
}

/** A string of `min..max` UTF-16 units. */
export function text(min: number, max: number): FieldType {
  const expected = max === Infinity ? "a string" : `a string of ${min} to ${max} characters`;
  const test = (value: unknown): InputErrorCode | null => {
    if (typeof value !== "string") return "bad-type";
    return value.length < min || value.length > max ? "out-of-range" : null;
  };
  return { expected, test };
}

/** Gives a type a name inside the object at `parent`. */
export function field(parent: string, name: string, type: FieldType): Field {
  return { name, pointer: pointerTo(parent, name), expected: type.expected, test: type.test };
}

/** Whether `value` is a JSON object: neither `null` nor an array. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Refuses anything but an object. */
export function checkObject(value: unknown, line: number, pointer: string): InputError | null {
  if (isObject(value)) return null;
  return valueError(value === undefined ? "missing-field" : "bad-type", line, pointer, value, "an object");
}

/** Checks one field that must be there. */
export function checkField(object: JsonObject, line: number, wanted: Field): InputError | null {
  const value = object[wanted.name];
  if (value === undefined) return valueError("missing-field", line, wanted.pointer, value, wanted.expected);
  const code = wanted.test(value);
  return code === null ? null : valueError(code, line, wanted.pointer, value, wanted.expected);
}

/**
 * Refuses fields beyond those in `names`. The caller has found `present` of them, so that counting is enough where nothing is wrong.
 *
 * A field that is written twice in one object counts once, with its last value: JSON.parse does not tell.
 */
export function checkNoOthers(
  object: JsonObject,
  line: number,
  parent: string,
  present: number,
  names: readonly string[],
): InputError | null {
  let count = 0;
  for (const _ in object) count += 1;
  if (count === present) return null;
  const stranger = Object.keys(object).find((key) => !names.includes(key)) ?? "";
  return inputError("unknown-field", line, pointerTo(parent, stranger), "unknown field", `no field but ${names.join(", ")}`);
}
