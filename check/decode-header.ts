import { CORES, DEVICE_KINDS, DRIVERS, type Header } from "../spec/vocabulary.ts";
import { type InputError, valueError } from "./input-error.ts";
import { checkField, checkNoOthers, checkObject, field, integer, type FieldType, type JsonObject, oneOf, text } from "./json-field.ts";
import { DEVICES_MAX, PAGES_MAX } from "./op-shapes.ts";

/** Ids are remembered for the length of a file, so they are kept short. */
const ID_MAX = 256;
const PAGE_BYTES_MAX = 2 ** 30;

const pageBytes: FieldType = {
  expected: `a power of two from 4096 to ${PAGE_BYTES_MAX}`,
  test: (value) => {
    if (typeof value !== "number" || !Number.isInteger(value)) return "bad-type";
    return value < 4096 || value > PAGE_BYTES_MAX || (value & (value - 1)) !== 0 ? "out-of-range" : null;
  },
};

const FIELDS = [
  field("", "id", text(1, ID_MAX)),
  field("", "profile", oneOf(CORES)),
  field("", "driver", oneOf(DRIVERS)),
  field("", "source", text(0, Infinity)),
];
const NAMES = ["format", "version", "id", "profile", "driver", "config", "source"];

const CONFIG_FIELDS = [field("/config", "pages", integer(1, PAGES_MAX)), field("/config", "page_bytes", pageBytes)];
const CONFIG_NAMES = ["pages", "page_bytes", "devices"];

function checkDevices(devices: unknown, line: number): InputError | null {
  const pointer = "/config/devices";
  const expected = `an array of 0 to ${DEVICES_MAX} devices`;
  if (!Array.isArray(devices)) return valueError(devices === undefined ? "missing-field" : "bad-type", line, pointer, devices, expected);
  if (devices.length > DEVICES_MAX) return valueError("out-of-range", line, pointer, devices, expected);
  for (const [dev, device] of devices.entries()) {
    const parent = `${pointer}/${dev}`;
    const error =
      checkObject(device, line, parent) ??
      checkField(device as JsonObject, line, field(parent, "kind", oneOf(DEVICE_KINDS))) ??
      checkNoOthers(device as JsonObject, line, parent, 1, ["kind"]);
    if (error !== null) return error;
  }
  return null;
}

function checkConfig(value: unknown, line: number): InputError | null {
  const notObject = checkObject(value, line, "/config");
  if (notObject !== null) return notObject;
  const config = value as JsonObject;
  for (const wanted of CONFIG_FIELDS) {
    const error = checkField(config, line, wanted);
    if (error !== null) return error;
  }
  return checkDevices(config["devices"], line) ?? checkNoOthers(config, line, "/config", 3, CONFIG_NAMES);
}

/** Format and version come first: another version may have any other fields. */
function checkVersion(object: JsonObject, line: number): InputError | null {
  const { format, version } = object;
  if (format !== "hmm-trace") return valueError("bad-format", line, "/format", format, `"hmm-trace"`);
  if (version === 1) return null;
  return valueError(version === undefined ? "missing-field" : "bad-version", line, "/version", version, "1");
}

/** Checks the object of a header line, which holds a `format`. */
export function decodeHeader(object: JsonObject, line: number): Header | InputError {
  const wrongVersion = checkVersion(object, line);
  if (wrongVersion !== null) return wrongVersion;
  for (const wanted of FIELDS) {
    const error = checkField(object, line, wanted);
    if (error !== null) return error;
  }
  return checkConfig(object["config"], line) ?? checkNoOthers(object, line, "", NAMES.length, NAMES) ?? (object as unknown as Header);
}
