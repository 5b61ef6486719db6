import { ERRNOS, SIGNALS, type TraceEvent } from "../spec/vocabulary.ts";
import { type InputError, valueError } from "./input-error.ts";
import { checkField, checkNoOthers, checkObject, field, integer, type JsonObject, oneOf, text } from "./json-field.ts";
import { ACTOR_MAX, OP_NAMES, OP_SHAPES, type OpShape, type RetField } from "./op-shapes.ts";

const seq = field("", "seq", integer(1, Number.MAX_SAFE_INTEGER));
const actor = field("", "actor", integer(0, ACTOR_MAX));
const errno = field("/ret", "errno", oneOf(ERRNOS));
const signal = field("/ret", "signal", oneOf(SIGNALS));
const log = field("/ret", "log", text(0, Infinity));

function shapeOf(call: JsonObject, line: number): OpShape | InputError {
  const op = call["op"];
  const shape = typeof op === "string" ? OP_SHAPES.get(op) : undefined;
  if (shape !== undefined) return shape;
  if (op === undefined) return valueError("missing-field", line, "/call/op", op, `one of ${OP_NAMES}`);
  return valueError(typeof op === "string" ? "unknown-op" : "bad-type", line, "/call/op", op, `one of ${OP_NAMES}`);
}

function checkCall(call: JsonObject, line: number, shape: OpShape): InputError | null {
  for (const arg of shape.args) {
    const error = checkField(call, line, arg);
    if (error !== null) return error;
  }
  let present = 1 + shape.args.length;
  if (shape.optional !== null && call[shape.optional.name] !== undefined) {
    present += 1;
    const error = checkField(call, line, shape.optional);
    if (error !== null) return error;
  }
  return checkNoOthers(call, line, "/call", present, shape.names);
}

function checkPerPage(values: unknown, line: number, wanted: RetField, npages: number): InputError | null {
  const expected = `an array of ${npages}, one value for each page of the call`;
  if (values === undefined) return valueError("missing-field", line, wanted.pointer, values, expected);
  if (!Array.isArray(values)) return valueError("bad-type", line, wanted.pointer, values, expected);
  if (values.length !== npages) return valueError("out-of-range", line, wanted.pointer, values, expected);
  for (let index = 0; index < npages; index += 1) {
    const code = wanted.test(values[index]);
    if (code !== null) return valueError(code, line, `${wanted.pointer}/${index}`, values[index], wanted.expected);
  }
  return null;
}

function checkOk(ret: JsonObject, line: number, shape: OpShape, npages: number): InputError | null {
  for (const wanted of shape.ok) {
    const error = wanted.perPage ? checkPerPage(ret[wanted.name], line, wanted, npages) : checkField(ret, line, wanted);
    if (error !== null) return error;
  }
  return checkNoOthers(ret, line, "/ret", shape.okNames.length, shape.okNames);
}

function checkRet(ret: JsonObject, line: number, shape: OpShape, npages: number): InputError | null {
  const status = ret["status"];
  switch (status) {
    case "ok":
      return checkOk(ret, line, shape, npages);
    case "errno":
      return checkField(ret, line, errno) ?? checkNoOthers(ret, line, "/ret", 2, ["status", "errno"]);
    case "signal":
      if (!shape.signal) break;
      return checkField(ret, line, signal) ?? checkNoOthers(ret, line, "/ret", 2, ["status", "signal"]);
    case "crash":
      return checkField(ret, line, log) ?? checkNoOthers(ret, line, "/ret", 2, ["status", "log"]);
    default:
  }
  const allowed = shape.signal
    ? "one of ok, errno, signal, crash"
    : "one of ok, errno, crash (a signal answers only cpu_read and cpu_write)";
  if (status === undefined) return valueError("missing-field", line, "/ret/status", status, allowed);
  return valueError(typeof status === "string" ? "unknown-value" : "bad-type", line, "/ret/status", status, allowed);
}

/** Checks the object of an event line as far as one line can tell: what the window and the actors allow is the reader's to check. */
export function decodeEvent(object: JsonObject, line: number): TraceEvent | InputError {
  const outer = checkField(object, line, seq) ?? checkField(object, line, actor) ?? checkObject(object["call"], line, "/call");
  if (outer !== null) return outer;
  const call = object["call"] as JsonObject;
  const shape = shapeOf(call, line);
  if ("kind" in shape) return shape;
  const wrongCall = checkCall(call, line, shape);
  if (wrongCall !== null) return wrongCall;

  const ret = object["ret"];
  if (ret !== undefined) {
    const npages = (call as { npages?: number }).npages ?? 0;
    const wrongRet = checkObject(ret, line, "/ret") ?? checkRet(ret as JsonObject, line, shape, npages);
    if (wrongRet !== null) return wrongRet;
  }
  const present = ret === undefined ? 3 : 4;
  return checkNoOthers(object, line, "", present, ["seq", "actor", "call", "ret"]) ?? (object as unknown as TraceEvent);
}
