import { CORE_SWITCHES } from "../model/index.ts";
import type { CoreSwitches } from "../spec/profile.ts";
import { DEVMEM_FLAGS, type InputErrorCode } from "../spec/vocabulary.ts";
import { decodeAction } from "./decode-action.ts";
import { decodeHeader } from "./decode-header.ts";
import { decodeOutcome } from "./decode-outcome.ts";
import { type InputError, inputError, pointerTo, valueError } from "./input-error.ts";
import { checkField, checkNoOthers, checkObject, type Field, field, integer, type JsonObject, text } from "./json-field.ts";
import { PAGES_MAX } from "./op-shapes.ts";
import type { ScheduleAction, ScheduleHeader } from "./schedule.ts";

/** Words that a switch can have. Any other switch is on or off. */
const SWITCH_VALUES: { readonly [K in keyof CoreSwitches]?: readonly CoreSwitches[K][] } = {
  refBase: [0, 1],
  rangeProtocol: ["valid", "sequence"],
  mprotectUpgrades: ["none", "dirty", "all"],
  goneMirrorFault: ["EFAULT", null],
};
const SWITCHES = new Map<string, readonly unknown[]>(
  Object.keys(CORE_SWITCHES["linux-6.1"]).map((name) => [name, SWITCH_VALUES[name as keyof CoreSwitches] ?? [true, false]]),
);

const flags: Field = field("/bounds", "archFlags", {
  expected: `an array of some of ${DEVMEM_FLAGS.join(", ")}`,
  test: (value): InputErrorCode | null => {
    if (!Array.isArray(value)) return "bad-type";
    return value.every((flag: unknown) => DEVMEM_FLAGS.some((known) => known === flag)) ? null : "unknown-value";
  },
});
const BOUNDS: readonly Field[] = [
  field("/bounds", "deviceFrames", integer(0, PAGES_MAX)),
  field("/bounds", "physicalPages", integer(0, PAGES_MAX)),
  field("/bounds", "sectionPages", integer(1, PAGES_MAX)),
  flags,
  field("/bounds", "notes_max", integer(0, PAGES_MAX)),
];
const OPTIONAL: readonly Field[] = [field("", "property", text(1, 256)), field("", "mutant", text(1, 256))];
/** Fields that a schedule shares with a trace; those are checked as there. */
const SHARED = ["id", "profile", "driver", "config", "source"];
const NAMES = ["format", "version", "id", "profile", "driver", "switches", "config", "bounds", "property", "mutant", "source"];

function checkSwitches(value: unknown, line: number): InputError | null {
  if (value === undefined) return null;
  const notObject = checkObject(value, line, "/switches");
  if (notObject !== null) return notObject;
  for (const [name, set] of Object.entries(value as JsonObject)) {
    const values = SWITCHES.get(name);
    const pointer = pointerTo("/switches", name);
    if (values === undefined)
      return inputError("unknown-field", line, pointer, "unknown switch", `one of ${[...SWITCHES.keys()].join(", ")}`);
    if (!values.includes(set)) return valueError("unknown-value", line, pointer, set, `one of ${values.map(String).join(", ")}`);
  }
  return null;
}

/** Checks fields that may be absent, and answers how many are there. */
function checkOptional(object: JsonObject, line: number, fields: readonly Field[]): InputError | number {
  let present = 0;
  for (const wanted of fields) {
    if (object[wanted.name] === undefined) continue;
    present += 1;
    const error = checkField(object, line, wanted);
    if (error !== null) return error;
  }
  return present;
}

function checkBounds(value: unknown, line: number): InputError | null {
  const notObject = checkObject(value, line, "/bounds");
  if (notObject !== null) return notObject;
  const bounds = value as JsonObject;
  const present = checkOptional(bounds, line, BOUNDS);
  if (typeof present !== "number") return present;
  return checkNoOthers(
    bounds,
    line,
    "/bounds",
    present,
    BOUNDS.map(({ name }) => name),
  );
}

/** Checks the first line of a schedule. */
export function decodeScheduleHeader(object: JsonObject, line: number): ScheduleHeader | InputError {
  const { format, version } = object;
  if (format !== "hmm-schedule") return valueError("bad-format", line, "/format", format, `"hmm-schedule"`);
  if (version !== 1) return valueError(version === undefined ? "missing-field" : "bad-version", line, "/version", version, "1");
  const shared = Object.fromEntries(SHARED.filter((name) => object[name] !== undefined).map((name) => [name, object[name]]));
  const header = decodeHeader({ format: "hmm-trace", version: 1, ...shared }, line);
  if ("kind" in header) return header;
  const wrong = checkSwitches(object["switches"], line) ?? checkBounds(object["bounds"], line);
  if (wrong !== null) return wrong;
  const present = checkOptional(object, line, OPTIONAL);
  if (typeof present !== "number") return present;
  const others = present + (object["switches"] === undefined ? 0 : 1);
  return checkNoOthers(object, line, "", SHARED.length + 3 + others, NAMES) ?? (object as unknown as ScheduleHeader);
}

const seq = field("", "seq", integer(1, Number.MAX_SAFE_INTEGER));

/** Checks a line with an action by itself: window, devices and order are the reader's to check. */
export function decodeScheduleAction(object: JsonObject, line: number): ScheduleAction | InputError {
  const wrongSeq = checkField(object, line, seq);
  if (wrongSeq !== null) return wrongSeq;
  const action = decodeAction(object["action"], line);
  if ("kind" in action) return action;
  let present = 2;
  if (object["outcome"] !== undefined) {
    present += 1;
    const outcome = decodeOutcome(object["outcome"], line);
    if ("kind" in outcome) return outcome;
  }
  return checkNoOthers(object, line, "", present, ["seq", "action", "outcome"]) ?? (object as unknown as ScheduleAction);
}
