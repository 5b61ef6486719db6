import type { Header, TraceEvent } from "../spec/vocabulary.ts";
import { decodeEvent } from "./decode-event.ts";
import { decodeHeader } from "./decode-header.ts";
import { excerpt } from "./excerpt.ts";
import { type InputError, inputError } from "./input-error.ts";
import { isObject, type JsonObject } from "./json-field.ts";

/** One decoded line of a trace file. */
export type TraceLine = { readonly kind: "header"; readonly header: Header } | { readonly kind: "event"; readonly event: TraceEvent };

/** A line that is a JSON object, its fields still unchecked. */
interface ParsedLine {
  readonly kind: "object";
  readonly object: JsonObject;
}

/** Parses one line to an object. */
export function parseLine(text: string, line: number): ParsedLine | InputError {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The engine's own message differs between versions of Node and quotes the line unescaped.
    return inputError("bad-json", line, "", excerpt(text), "one JSON object");
  }
  return isObject(value) ? { kind: "object", object: value } : inputError("not-an-object", line, "", excerpt(value), "one JSON object");
}

/** Whether an object is meant as a header: nothing else has a `format`. */
export function isHeader(object: JsonObject): boolean {
  return object["format"] !== undefined;
}

/** Checks the fields of a parsed line by themselves. */
export function decodeObject(object: JsonObject, line: number): TraceLine | InputError {
  if (isHeader(object)) {
    const header = decodeHeader(object, line);
    return "kind" in header ? header : { kind: "header", header };
  }
  const event = decodeEvent(object, line);
  return "kind" in event ? event : { kind: "event", event };
}

/**
 * Decodes one line of a trace file as far as the line by itself can tell. What needs the lines before it is checked by `traceReader`.
 *
 * The decoded value is the parsed object itself, not a copy, and holds exactly the fields of its type.
 *
 * @param text the line without its line break
 * @param line its number in the file, from 1, for messages
 */
export function decodeLine(text: string, line: number): TraceLine | InputError {
  const parsed = parseLine(text, line);
  return parsed.kind === "error" ? parsed : decodeObject(parsed.object, line);
}
