import { type Action, ADVICES, DEVMEM_FLAGS, DEVMEM_PARTS, MAP_KINDS, type ModelCall, PROTS } from "../spec/vocabulary.ts";
import { CHOICES } from "../spec/words.ts";
import { type InputError, valueError } from "./input-error.ts";
import {
  checkField,
  checkNoOthers,
  checkObject,
  type Field,
  field,
  type FieldType,
  integer,
  type JsonObject,
  oneOf,
} from "./json-field.ts";
import { ACTOR_MAX, DEVICES_MAX, PAGES_MAX } from "./op-shapes.ts";

const CALL = "/action/call";

/** A list of different words of a fixed set. */
function setOf(words: readonly string[]): FieldType {
  return {
    expected: `an array of some of ${words.join(", ")}, each at most once`,
    test: (value) => {
      if (!Array.isArray(value)) return "bad-type";
      if (!value.every((word) => typeof word === "string" && words.includes(word))) return "unknown-value";
      return new Set(value).size === value.length ? null : "out-of-range";
    },
  };
}

const argument = (name: string, type: FieldType): Field => field(CALL, name, type);
const page = argument("page", integer(0, PAGES_MAX));
const npages = argument("npages", integer(0, PAGES_MAX));
const dev = argument("dev", integer(0, DEVICES_MAX - 1));
const prot = argument("prot", oneOf(PROTS));
const value = argument("value", integer(0, 255));
const child = argument("child", integer(0, ACTOR_MAX));
const number = (name: string): Field => argument(name, integer(0, PAGES_MAX));

interface CallShape {
  readonly args: readonly Field[];
  readonly optional: readonly Field[];
}

const shape = (args: readonly Field[], optional: readonly Field[] = []): CallShape => ({ args, optional });
const range = shape([page, npages]);
const deviceRange = shape([dev, page, npages]);

/** Arguments of every call: those of the trace format, and those that only schedules hold. */
const SHAPES: Readonly<Record<ModelCall["op"], CallShape>> = {
  mmap: shape([page, npages, prot, argument("map", oneOf(MAP_KINDS))]),
  munmap: range,
  mprotect: shape([page, npages, prot]),
  madvise: shape([page, npages, argument("advice", oneOf(ADVICES))]),
  mremap: shape([page, npages, number("to")]),
  cpu_read: shape([page]),
  cpu_write: shape([page, value]),
  device_read: deviceRange,
  device_write: shape([dev, page, npages, value]),
  migrate_to_device: deviceRange,
  migrate_to_system: deviceRange,
  snapshot: deviceRange,
  make_exclusive: deviceRange,
  check_exclusive: deviceRange,
  open: shape([dev]),
  close: shape([dev]),
  fork: shape([child], [argument("files", oneOf(["inherit"]))]),
  exit: shape([child]),
  devmem_add: shape([dev, npages, argument("flags", setOf(DEVMEM_FLAGS))], [number("minor"), argument("lacks", setOf(DEVMEM_PARTS))]),
  devmem_remove: shape([dev, number("chunk")]),
  devmem_release: shape([dev]),
  hmm_device_new: shape([]),
  hmm_device_put: shape([number("minor")]),
  hmm_mirror_register: shape([dev], [argument("without", oneOf(["mm", "mirror", "ops"]))]),
  duplicate: deviceRange,
};
const OPS: ReadonlyMap<string, CallShape> = new Map(Object.entries(SHAPES));
const OP_NAMES = [...OPS.keys()].join(", ");

const TYPES = ["call", "step", "pin", "unpin", "get", "put", "reclaim", "move", "wrong_put"] as const satisfies readonly Action["type"][];
const type = field("/action", "type", oneOf(TYPES));
const actor = field("/action", "actor", integer(0, ACTOR_MAX));
const task = field("/action", "task", integer(0, ACTOR_MAX));
const choice = field("/action", "choice", oneOf(CHOICES));
const frame = field("/action", "pfn", integer(0, 0xff_ffff));

function checkCall(call: JsonObject, line: number): InputError | null {
  const { op } = call;
  const known = typeof op === "string" ? OPS.get(op) : undefined;
  if (known === undefined) {
    const named = typeof op === "string" ? "unknown-op" : "bad-type";
    return valueError(op === undefined ? "missing-field" : named, line, `${CALL}/op`, op, `one of ${OP_NAMES}`);
  }
  const { args, optional } = known;
  let present = 1 + args.length;
  for (const arg of args) {
    const error = checkField(call, line, arg);
    if (error !== null) return error;
  }
  for (const arg of optional) {
    if (call[arg.name] === undefined) continue;
    present += 1;
    const error = checkField(call, line, arg);
    if (error !== null) return error;
  }
  return checkNoOthers(call, line, CALL, present, ["op", ...args.map(({ name }) => name), ...optional.map(({ name }) => name)]);
}

/** The fields that each type of action has beside its type. */
function fieldsOf(name: unknown): readonly Field[] {
  switch (name) {
    case "call":
      return [actor];
    case "step":
      return [task, choice];
    default:
      return [frame];
  }
}

/** Checks an action as far as it can be told by itself: the run tells what is enabled. */
export function decodeAction(found: unknown, line: number): Action | InputError {
  const notObject = checkObject(found, line, "/action");
  if (notObject !== null) return notObject;
  const action = found as JsonObject;
  const wrongType = checkField(action, line, type);
  if (wrongType !== null) return wrongType;
  const fields = fieldsOf(action["type"]);
  for (const wanted of fields) {
    const error = checkField(action, line, wanted);
    if (error !== null) return error;
  }
  const names = ["type", ...fields.map(({ name }) => name)];
  if (action["type"] === "call") {
    names.push("call");
    const { call } = action;
    const error = checkObject(call, line, CALL) ?? checkCall(call as JsonObject, line);
    if (error !== null) return error;
  }
  return checkNoOthers(action, line, "/action", names.length, names) ?? (action as unknown as Action);
}
