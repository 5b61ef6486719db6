import type { InputErrorCode } from "../spec/vocabulary.ts";
import { excerpt, printable } from "./excerpt.ts";

/** Malformed input, as a value: the program answers it with one line and exit code 2. */
export interface InputError {
  readonly kind: "error";
  readonly code: InputErrorCode;
  /** Line in the file, from 1; 0 if the file as a whole is meant. */
  readonly line: number;
  /** JSON pointer of the offending place in the line's object; empty if the line as a whole is meant. */
  readonly pointer: string;
  /** What was found, where, and what was expected. One line, safe to print. */
  readonly message: string;
}

/** Builds an `InputError` from a description of what was found. */
export function inputError(code: InputErrorCode, line: number, pointer: string, found: string, expected: string): InputError {
  const where = pointer === "" ? "" : ` at ${pointer}`;
  return { kind: "error", code, line, pointer, message: `${found}${where}, expected ${expected}` };
}

/** Builds an `InputError` about one value of the line; an absent value is named as such. */
export function valueError(code: InputErrorCode, line: number, pointer: string, value: unknown, expected: string): InputError {
  return inputError(code, line, pointer, value === undefined ? "nothing" : excerpt(value), expected);
}

/** Extends a JSON pointer by a key that may be hostile: escaped as RFC 6901 asks, cut and made printable. */
export function pointerTo(parent: string, key: string): string {
  return `${parent}/${printable(key.slice(0, 200).replaceAll("~", "~0").replaceAll("/", "~1"), 60)}`;
}

/**
 * The one line that is printed for malformed input: `FILE:LINE: code: what, where in the object, what was expected`.
 *
 * @param file path as the user wrote it; `-` is shown as `stdin`
 */
export function formatInputError(file: string, error: InputError): string {
  const name = file === "-" ? "stdin" : printable(file, 200);
  const place = error.line === 0 ? name : `${name}:${error.line}`;
  return `${place}: ${error.code}: ${error.message}`;
}
