import { ERRNOS, type Ret, SIGNALS } from "../spec/vocabulary.ts";
import type { InputErrorCode } from "../spec/vocabulary.ts";
import type { InputError } from "./input-error.ts";
import { checkField, checkNoOthers, checkObject, type Field, field, integer, type JsonObject, oneOf, text } from "./json-field.ts";

const AT = "/outcome";
const number = integer(0, Number.MAX_SAFE_INTEGER);

function listOf(name: string, expected: string, test: (item: unknown) => boolean): Field {
  return field(AT, name, {
    expected: `an array of ${expected}`,
    test: (value): InputErrorCode | null => {
      if (!Array.isArray(value)) return "bad-type";
      return value.every(test) ? null : "unknown-value";
    },
  });
}

/** A byte that nobody can know is written as `null`. */
const isByte = (item: unknown): boolean => item === null || number.test(item) === null;

const status = field(AT, "status", oneOf(["ok", "errno", "signal", "crash"]));
const OTHERS: Readonly<Record<string, Field>> = {
  errno: field(AT, "errno", oneOf(ERRNOS)),
  signal: field(AT, "signal", oneOf(SIGNALS)),
  crash: field(AT, "log", text(0, Infinity)),
};
const OK: readonly Field[] = [
  field(AT, "value", { expected: number.expected, test: (value) => (value === null ? null : number.test(value)) }),
  field(AT, "cpages", number),
  field(AT, "faults", number),
  listOf("data", "bytes or frame numbers", isByte),
  listOf("entries", "bytes in two hex digits", (item) => typeof item === "string" && /^[0-9a-f]{2}$/.test(item)),
];

/** Checks what a task has answered, as a schedule records it. */
export function decodeOutcome(found: unknown, line: number): Ret | InputError {
  const notObject = checkObject(found, line, AT);
  if (notObject !== null) return notObject;
  const ret = found as JsonObject;
  const wrongStatus = checkField(ret, line, status);
  if (wrongStatus !== null) return wrongStatus;
  const other = OTHERS[ret["status"] as string];
  const names = ["status"];
  for (const wanted of other === undefined ? OK : [other]) {
    if (other === undefined && ret[wanted.name] === undefined) continue;
    const error = checkField(ret, line, wanted);
    if (error !== null) return error;
    names.push(wanted.name);
  }
  const allowed = other === undefined ? ["status", ...OK.map(({ name }) => name)] : names;
  return checkNoOthers(ret, line, AT, names.length, allowed) ?? (ret as unknown as Ret);
}
