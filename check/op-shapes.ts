import { ADVICES, MAP_KINDS, type Op, PROTS } from "../spec/vocabulary.ts";
import { type Field, field, type FieldType, integer, oneOf } from "./json-field.ts";

/** Greatest size of an address window in pages. */
export const PAGES_MAX = 65_536;
/** Greatest number of devices of one system. */
export const DEVICES_MAX = 16;
/** Greatest number that an actor can have. */
export const ACTOR_MAX = 2_147_483_647;

/** Two lower-case hex digits, as the entries of a snapshot are written. */
const hexByte: FieldType = {
  expected: "two lower-case hex digits",
  test: (value) => {
    if (typeof value !== "string") return "bad-type";
    return value.length === 2 && /^[0-9a-f]{2}$/.test(value) ? null : "unknown-value";
  },
};

const byte = integer(0, 255);
const count = integer(0, Number.MAX_SAFE_INTEGER);

const page = field("/call", "page", integer(0, PAGES_MAX));
const npages = field("/call", "npages", integer(0, PAGES_MAX));
const to = field("/call", "to", integer(0, PAGES_MAX));
const dev = field("/call", "dev", integer(0, DEVICES_MAX - 1));
const prot = field("/call", "prot", oneOf(PROTS));
const map = field("/call", "map", oneOf(MAP_KINDS));
const advice = field("/call", "advice", oneOf(ADVICES));
const child = field("/call", "child", integer(0, ACTOR_MAX));
const stored = field("/call", "value", byte);
const files = field("/call", "files", oneOf(["inherit"]));

/** A field of an ok return: one value, or an array with one value for each page of the call. */
export type RetField = Field & { readonly perPage: boolean };

const loaded: RetField = { ...field("/ret", "value", byte), perPage: false };
const cpages: RetField = { ...field("/ret", "cpages", count), perPage: false };
const faults: RetField = { ...field("/ret", "faults", count), perPage: false };
const data: RetField = { ...field("/ret", "data", byte), perPage: true };
const entries: RetField = { ...field("/ret", "entries", hexByte), perPage: true };

/** Arguments and answer of one operation: the table of the trace format as data. */
export interface OpShape {
  readonly args: readonly Field[];
  /** Argument that may be absent. */
  readonly optional: Field | null;
  /** Fields of an ok return besides its status; each of them must be there. */
  readonly ok: readonly RetField[];
  /** Whether the call can be answered by a signal: only the CPU's loads and stores can. */
  readonly signal: boolean;
  /** Names of all arguments, `op` first. */
  readonly names: readonly string[];
  /** Names of all fields of an ok return, `status` first. */
  readonly okNames: readonly string[];
}

function shape(args: readonly Field[], ok: readonly RetField[] = [], extra: { signal?: boolean; optional?: Field } = {}): OpShape {
  const optional = extra.optional ?? null;
  const names = ["op", ...args.map((arg) => arg.name), ...(optional === null ? [] : [optional.name])];
  return { args, optional, ok, signal: extra.signal ?? false, names, okNames: ["status", ...ok.map((each) => each.name)] };
}

const SHAPES: Readonly<Record<Op, OpShape>> = {
  mmap: shape([page, npages, prot, map]),
  munmap: shape([page, npages]),
  mprotect: shape([page, npages, prot]),
  madvise: shape([page, npages, advice]),
  mremap: shape([page, npages, to]),
  cpu_read: shape([page], [loaded], { signal: true }),
  cpu_write: shape([page, stored], [], { signal: true }),
  device_read: shape([dev, page, npages], [cpages, faults, data]),
  device_write: shape([dev, page, npages, stored], [cpages, faults]),
  migrate_to_device: shape([dev, page, npages], [cpages, data]),
  migrate_to_system: shape([dev, page, npages], [cpages]),
  snapshot: shape([dev, page, npages], [cpages, entries]),
  make_exclusive: shape([dev, page, npages], [cpages, data]),
  check_exclusive: shape([dev, page, npages]),
  open: shape([dev]),
  close: shape([dev]),
  fork: shape([child], [], { optional: files }),
  exit: shape([child]),
};

/** Names of all operations, as a message lists them. */
export const OP_NAMES = Object.keys(SHAPES).join(", ");

/** Shapes by operation. A `Map`, because a trace may name `constructor` as its operation. */
export const OP_SHAPES: ReadonlyMap<string, OpShape> = new Map(Object.entries(SHAPES));
