import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { OP_SHAPES } from "../../check/op-shapes.ts";
import { formatInputError } from "../../check/input-error.ts";
import { decodeLine } from "../../check/trace.ts";
import { type TraceBounds, traceReader } from "../../check/trace-reader.ts";
import type { InputErrorCode } from "../../spec/vocabulary.ts";
import { config, event, HEADER, header, VALID } from "./trace-samples.ts";

/** Reads lines up to the first error and answers its printed line, or `null`. */
function firstError(lines: readonly string[], bounds?: TraceBounds): string | null {
  const reader = traceReader(bounds);
  for (const [index, text] of lines.entries()) {
    const result = reader.next(text, index + 1);
    if (result.kind === "error") return formatInputError("t.jsonl", result);
  }
  return null;
}

/** Codes that only reading a file, the command line or a replay can give; `lines.test.ts`, `cli.test.ts` and `replay-cli.test.ts` reach them. */
type OuterCode =
  | "not-found"
  | "unreadable"
  | "not-utf8"
  | "line-too-long"
  | "blank-line"
  | "truncated"
  | "empty"
  | "bad-usage"
  | "disabled-action";

const read = { op: "cpu_read", page: 0 };
const open = { op: "open", dev: 0 };
const ops = [...OP_SHAPES.keys()].join(", ");

/** For each code: the lines, of which the last is refused, and what is printed. The type sees to it that no code is missing. */
const REFUSED: Readonly<Record<Exclude<InputErrorCode, OuterCode>, readonly (readonly [lines: readonly string[], printed: string])[]>> = {
  "bad-json": [
    [["{"], `t.jsonl:1: bad-json: "{", expected one JSON object`],
    [["\u0000\u001b[31m"], `t.jsonl:1: bad-json: "\\u0000\\u001b[31m", expected one JSON object`],
  ],
  "not-an-object": [
    [["3"], "t.jsonl:1: not-an-object: 3, expected one JSON object"],
    [["[1,2]"], "t.jsonl:1: not-an-object: an array of 2, expected one JSON object"],
    [["null"], "t.jsonl:1: not-an-object: null, expected one JSON object"],
    [[`"{}"`], `t.jsonl:1: not-an-object: "{}", expected one JSON object`],
  ],
  "missing-header": [
    [[event(1, 0, read)], "t.jsonl:1: missing-header: an object without a format, expected a header line"],
    [[`{"kind":"error","code":"bad-json"}`], "t.jsonl:1: missing-header: an object without a format, expected a header line"],
  ],
  "bad-format": [[[header({ format: "hmm" })], `t.jsonl:1: bad-format: "hmm" at /format, expected "hmm-trace"`]],
  "bad-version": [[[header({ version: 2, id: 3 })], "t.jsonl:1: bad-version: 2 at /version, expected 1"]],
  "unknown-field": [
    [
      [header(), event(1, 0, read, { status: "signal", signal: "SIGBUS", value: 1 })],
      "t.jsonl:2: unknown-field: unknown field at /ret/value, expected no field but status, signal",
    ],
    [
      [header(), event(1, 0, read, { status: "crash", log: "", value: 1 })],
      "t.jsonl:2: unknown-field: unknown field at /ret/value, expected no field but status, log",
    ],
    [
      [header({ note: 1 })],
      "t.jsonl:1: unknown-field: unknown field at /note, expected no field but format, version, id, profile, driver, config, source",
    ],
    [
      [config({ frames: 1 })],
      "t.jsonl:1: unknown-field: unknown field at /config/frames, expected no field but pages, page_bytes, devices",
    ],
    [
      [config({ devices: [{ kind: "private", "a/~b": 1 }] })],
      "t.jsonl:1: unknown-field: unknown field at /config/devices/0/a~1~0b, expected no field but kind",
    ],
    [
      [header(), event(1, 0, { ...read, npages: 1 })],
      "t.jsonl:2: unknown-field: unknown field at /call/npages, expected no field but op, page",
    ],
    [
      [header(), event(1, 0, { op: "fork", child: 1, files: "inherit", x: 1 })],
      "t.jsonl:2: unknown-field: unknown field at /call/x, expected no field but op, child, files",
    ],
    [
      [header(), event(1, 0, open, { status: "ok", cpages: 1 })],
      "t.jsonl:2: unknown-field: unknown field at /ret/cpages, expected no field but status",
    ],
    [
      [header(), event(1, 0, open, { status: "errno", errno: "EIO", value: 1 })],
      "t.jsonl:2: unknown-field: unknown field at /ret/value, expected no field but status, errno",
    ],
    [
      [header(), `{"seq":1,"actor":0,"call":{"op":"cpu_read","page":0},"__proto__":1}`],
      "t.jsonl:2: unknown-field: unknown field at /__proto__, expected no field but seq, actor, call, ret",
    ],
  ],
  "missing-field": [
    [[header({ version: undefined })], "t.jsonl:1: missing-field: nothing at /version, expected 1"],
    [[header({ id: undefined })], "t.jsonl:1: missing-field: nothing at /id, expected a string of 1 to 256 characters"],
    [[header({ config: undefined })], "t.jsonl:1: missing-field: nothing at /config, expected an object"],
    [[config({ devices: undefined })], "t.jsonl:1: missing-field: nothing at /config/devices, expected an array of 0 to 16 devices"],
    [[header(), "{}"], "t.jsonl:2: missing-field: nothing at /seq, expected an integer of at least 1"],
    [[header(), event(1, 0, undefined)], "t.jsonl:2: missing-field: nothing at /call, expected an object"],
    [[header(), event(1, 0, {})], `t.jsonl:2: missing-field: nothing at /call/op, expected one of ${ops}`],
    [[header(), event(1, 0, { op: "open" })], "t.jsonl:2: missing-field: nothing at /call/dev, expected an integer from 0 to 15"],
    [
      [header(), event(1, 0, open, {})],
      "t.jsonl:2: missing-field: nothing at /ret/status, expected one of ok, errno, crash (a signal answers only cpu_read and cpu_write)",
    ],
    [[header(), event(1, 0, open, { status: "crash" })], "t.jsonl:2: missing-field: nothing at /ret/log, expected a string"],
    [[header(), event(1, 0, read, { status: "ok" })], "t.jsonl:2: missing-field: nothing at /ret/value, expected an integer from 0 to 255"],
    [
      [header(), event(1, 0, { op: "snapshot", dev: 0, page: 0, npages: 2 }, { status: "ok", cpages: 2 })],
      "t.jsonl:2: missing-field: nothing at /ret/entries, expected an array of 2, one value for each page of the call",
    ],
  ],
  "bad-type": [
    [[header({ id: 7 })], "t.jsonl:1: bad-type: 7 at /id, expected a string of 1 to 256 characters"],
    [[config({ pages: "8" })], `t.jsonl:1: bad-type: "8" at /config/pages, expected an integer from 1 to 65536`],
    [[config({ devices: {} })], "t.jsonl:1: bad-type: an object at /config/devices, expected an array of 0 to 16 devices"],
    [[config({ devices: ["private"] })], `t.jsonl:1: bad-type: "private" at /config/devices/0, expected an object`],
    [[header({ config: null })], "t.jsonl:1: bad-type: null at /config, expected an object"],
    [[config({ page_bytes: true })], "t.jsonl:1: bad-type: true at /config/page_bytes, expected a power of two from 4096 to 1073741824"],
    [[header(), event(1.5, 0, read)], "t.jsonl:2: bad-type: 1.5 at /seq, expected an integer of at least 1"],
    [[header(), event(1, 0, [read])], "t.jsonl:2: bad-type: an array of 1 at /call, expected an object"],
    [[header(), event(1, 0, { op: 3 })], `t.jsonl:2: bad-type: 3 at /call/op, expected one of ${ops}`],
    [
      [header(), `{"seq":1,"actor":0,"call":{"op":"cpu_read","page":1e999}}`],
      "t.jsonl:2: bad-type: Infinity at /call/page, expected an integer from 0 to 65536",
    ],
    [[header(), event(1, 0, read, null)], "t.jsonl:2: bad-type: null at /ret, expected an object"],
    [[header(), event(1, 0, { op: "fork", child: 1, files: 1 })], `t.jsonl:2: bad-type: 1 at /call/files, expected "inherit"`],
  ],
  "out-of-range": [
    [[header({ id: "x".repeat(257) })], `t.jsonl:1: out-of-range: "${"x".repeat(75)}..." at /id, expected a string of 1 to 256 characters`],
    [
      [config({ page_bytes: 2048 })],
      "t.jsonl:1: out-of-range: 2048 at /config/page_bytes, expected a power of two from 4096 to 1073741824",
    ],
    [
      [config({ page_bytes: 2 ** 31 })],
      "t.jsonl:1: out-of-range: 2147483648 at /config/page_bytes, expected a power of two from 4096 to 1073741824",
    ],
    [[header({ id: "" })], `t.jsonl:1: out-of-range: "" at /id, expected a string of 1 to 256 characters`],
    [[config({ pages: 65537 })], "t.jsonl:1: out-of-range: 65537 at /config/pages, expected an integer from 1 to 65536"],
    [
      [config({ page_bytes: 5000 })],
      "t.jsonl:1: out-of-range: 5000 at /config/page_bytes, expected a power of two from 4096 to 1073741824",
    ],
    [
      [config({ devices: Array.from({ length: 17 }, () => ({ kind: "private" })) })],
      "t.jsonl:1: out-of-range: an array of 17 at /config/devices, expected an array of 0 to 16 devices",
    ],
    [
      [header(), event(1, 0, { op: "cpu_write", page: 0, value: 256 })],
      "t.jsonl:2: out-of-range: 256 at /call/value, expected an integer from 0 to 255",
    ],
    [
      [header(), `{"seq":1,"actor":0,"call":{"op":"cpu_read","page":-0}}`],
      "t.jsonl:2: out-of-range: -0 at /call/page, expected an integer from 0 to 65536",
    ],
    [
      [header(), event(1, 0, { op: "open", dev: 2 })],
      "t.jsonl:2: out-of-range: 2 at /call/dev, expected an index into the 2 devices of the trace",
    ],
    [
      [config({ devices: [] }), event(1, 0, { op: "mmap", page: 0, npages: 1, prot: "r", map: "device" })],
      `t.jsonl:2: out-of-range: "device" at /call/map, expected private or shared, as the trace has no device`,
    ],
    [
      [header(), event(1, 0, { op: "migrate_to_device", dev: 0, page: 0, npages: 2 }, { status: "ok", cpages: 2, data: [1] })],
      "t.jsonl:2: out-of-range: an array of 1 at /ret/data, expected an array of 2, one value for each page of the call",
    ],
    [
      [header(), event(1, 0, { op: "migrate_to_device", dev: 0, page: 0, npages: 2 }, { status: "ok", cpages: 2, data: [1, -1] })],
      "t.jsonl:2: out-of-range: -1 at /ret/data/1, expected an integer from 0 to 255",
    ],
    [
      [header(), event(1, 0, { op: "fork", child: 1 }), event(2, 1, { op: "exit", child: 1 })],
      "t.jsonl:3: out-of-range: 1 at /actor, expected 0, which alone calls exit",
    ],
    [[header(), event(1, 0, { op: "exit", child: 0 })], "t.jsonl:2: out-of-range: 0 at /call/child, expected the child of an earlier fork"],
  ],
  "unknown-op": [
    [[header(), event(1, 0, { op: "constructor" })], `t.jsonl:2: unknown-op: "constructor" at /call/op, expected one of ${ops}`],
  ],
  "unknown-value": [
    [[header({ profile: "linux-5.0" })], `t.jsonl:1: unknown-value: "linux-5.0" at /profile, expected one of v14, linux-6.1, linux-6.12`],
    [
      [config({ devices: [{ kind: "cache" }] })],
      `t.jsonl:1: unknown-value: "cache" at /config/devices/0/kind, expected one of private, coherent`,
    ],
    [
      [header(), event(1, 0, { op: "mprotect", page: 0, npages: 1, prot: "wr" })],
      `t.jsonl:2: unknown-value: "wr" at /call/prot, expected one of n, r, w, rw, x, rx, wx, rwx`,
    ],
    [
      [header(), event(1, 0, { op: "snapshot", dev: 0, page: 0, npages: 1 }, { status: "ok", cpages: 1, entries: ["0F"] })],
      `t.jsonl:2: unknown-value: "0F" at /ret/entries/0, expected two lower-case hex digits`,
    ],
    [
      [header(), event(1, 0, open, { status: "signal", signal: "SIGBUS" })],
      `t.jsonl:2: unknown-value: "signal" at /ret/status, expected one of ok, errno, crash (a signal answers only cpu_read and cpu_write)`,
    ],
    [
      [header(), event(1, 0, read, { status: "signal", signal: "SIGKILL" })],
      `t.jsonl:2: unknown-value: "SIGKILL" at /ret/signal, expected one of SIGSEGV, SIGBUS`,
    ],
  ],
  "bad-seq": [
    [[header(), event(2, 0, read)], "t.jsonl:2: bad-seq: 2 at /seq, expected 1"],
    [[header(), event(1, 0, read), event(1, 0, read)], "t.jsonl:3: bad-seq: 1 at /seq, expected 2"],
    [[header(), event(1, 0, read), header({ id: "t-2" }), event(2, 0, read)], "t.jsonl:4: bad-seq: 2 at /seq, expected 1"],
  ],
  "duplicate-id": [
    [
      [header(), header({ id: "t-2" }), header()],
      `t.jsonl:3: duplicate-id: "t-1" at /id, expected an id that no earlier trace of the file has`,
    ],
  ],
  "unknown-actor": [
    [[header(), event(1, 1, read)], "t.jsonl:2: unknown-actor: actor 1 at /actor, expected 0 or the child of an earlier fork"],
    [
      [header(), event(1, 0, { op: "fork", child: 1 }, { status: "errno", errno: "EAGAIN" }), event(2, 1, read)],
      "t.jsonl:3: unknown-actor: actor 1 at /actor, expected 0 or the child of an earlier fork",
    ],
    [
      [header(), event(1, 0, { op: "exit", child: 4 })],
      "t.jsonl:2: unknown-actor: actor 4 at /call/child, expected 0 or the child of an earlier fork",
    ],
    [
      [header(), event(1, 0, { op: "fork", child: 1 }), header({ id: "t-2" }), event(1, 1, read)],
      "t.jsonl:4: unknown-actor: actor 1 at /actor, expected 0 or the child of an earlier fork",
    ],
  ],
  "actor-exists": [
    [
      [header(), event(1, 0, { op: "fork", child: 0 })],
      "t.jsonl:2: actor-exists: actor 0 at /call/child, expected a number that no actor of this trace has had",
    ],
    [
      [header(), event(1, 0, { op: "fork", child: 1 }), event(2, 0, { op: "exit", child: 1 }), event(3, 0, { op: "fork", child: 1 })],
      "t.jsonl:4: actor-exists: actor 1 at /call/child, expected a number that no actor of this trace has had",
    ],
  ],
  "actor-gone": [
    [
      [header(), event(1, 0, { op: "fork", child: 1 }), event(2, 0, { op: "exit", child: 1 }), event(3, 1, read)],
      "t.jsonl:4: actor-gone: actor 1, which has exited, at /actor, expected an actor that still exists",
    ],
    [
      [header(), event(1, 0, { op: "fork", child: 1 }), event(2, 0, { op: "exit", child: 1 }), event(3, 0, { op: "exit", child: 1 })],
      "t.jsonl:4: actor-gone: actor 1, which has exited, at /call/child, expected an actor that still exists",
    ],
  ],
  "beyond-window": [
    [
      [header(), event(1, 0, { op: "cpu_read", page: 8 })],
      "t.jsonl:2: beyond-window: pages 8..9 at /call/page, expected a range inside the window 0..8",
    ],
    [
      [header(), event(1, 0, { op: "munmap", page: 5, npages: 4 })],
      "t.jsonl:2: beyond-window: pages 5..9 at /call/page, expected a range inside the window 0..8",
    ],
    [
      [header(), event(1, 0, { op: "munmap", page: 9, npages: 0 })],
      "t.jsonl:2: beyond-window: pages 9..9 at /call/page, expected a range inside the window 0..8",
    ],
    [
      [header(), event(1, 0, { op: "mremap", page: 0, npages: 2, to: 7 })],
      "t.jsonl:2: beyond-window: pages 7..9 at /call/to, expected a range inside the window 0..8",
    ],
  ],
  "not-open": [
    [
      [header(), event(1, 0, { op: "close", dev: 1 })],
      "t.jsonl:2: not-open: device 1, which actor 0 has not open, at /call/dev, expected a device that it has open",
    ],
    [
      [header(), event(1, 0, open), event(2, 0, { op: "close", dev: 0 }), event(3, 0, { op: "close", dev: 0 })],
      "t.jsonl:4: not-open: device 0, which actor 0 has not open, at /call/dev, expected a device that it has open",
    ],
    [
      [header(), event(1, 0, open), event(2, 0, { op: "fork", child: 1 }), event(3, 1, { op: "close", dev: 0 })],
      "t.jsonl:4: not-open: device 0, which actor 1 has not open, at /call/dev, expected a device that it has open",
    ],
  ],
  "after-crash": [
    [
      [header(), event(1, 0, open, { status: "crash", log: "" }), event(2, 0, read)],
      "t.jsonl:3: after-crash: an event after a crash, expected the header of the next trace",
    ],
  ],
};

describe("malformed traces are refused with one line", () => {
  const cases = Object.values(REFUSED).flat();
  it.each(cases)("%#: %j", (lines, printed) => {
    expect(firstError(lines.slice(0, -1))).toBeNull();
    expect(firstError(lines)).toBe(printed);
  });

  it.each(Object.entries(REFUSED))("%s, under its own code", (code, refused) => {
    expect(refused.length).toBeGreaterThan(0);
    for (const [, printed] of refused) expect(printed.split(": ")[1]).toBe(code);
  });
});

describe("bounds", () => {
  const bounds = { traces_max: 2, actors_max: 3 };

  it("hold for the traces of a file", () => {
    const lines = [header({ id: "a" }), header({ id: "b" }), header({ id: "c" })];
    expect(firstError(lines.slice(0, 2), bounds)).toBeNull();
    expect(firstError(lines, bounds)).toBe("t.jsonl:3: out-of-range: trace number 3, expected at most 2 in a file");
  });

  it("hold for the actors of a trace, alive or not", () => {
    const fork = (seq: number, child: number): string => event(seq, 0, { op: "fork", child });
    const lines = [header(), fork(1, 1), event(2, 0, { op: "exit", child: 1 }), fork(3, 2), fork(4, 3)];
    expect(firstError(lines.slice(0, 4), bounds)).toBeNull();
    expect(firstError(lines, bounds)).toBe(
      "t.jsonl:5: out-of-range: actor number 4 of this trace at /call/child, expected at most 3 actors",
    );
    expect(firstError([...lines.slice(0, 4), header({ id: "b" }), fork(1, 1)], bounds)).toBeNull();
  });
});

describe("valid traces", () => {
  it("are accepted, with each operation and each kind of answer", () => {
    expect(firstError(VALID)).toBeNull();
    const ops = VALID.map((text) => decodeLine(text, 1)).flatMap((line) => (line.kind === "event" ? [line.event.call.op] : []));
    expect(new Set(ops)).toEqual(new Set(OP_SHAPES.keys()));
  });

  it("come out as they went in", () => {
    for (const text of VALID) {
      const line = decodeLine(text, 1);
      if (line.kind === "error") throw new Error(line.message);
      expect(JSON.stringify(line.kind === "header" ? line.header : line.event)).toBe(text);
    }
  });

  it.each<[string, readonly string[]]>([
    [
      "a device used with an errno answer",
      [event(1, 0, { op: "snapshot", dev: 0, page: 0, npages: 0 }, { status: "errno", errno: "EFAULT" })],
    ],
    ["a use with no pages", [event(1, 0, { op: "migrate_to_system", dev: 0, page: 8, npages: 0 })]],
    ["the device's own file", [event(1, 0, { op: "mmap", page: 0, npages: 1, prot: "rw", map: "device" })]],
  ])("may close what was opened by %s", (_, lines) => {
    expect(firstError([header(), ...lines, event(2, 0, { op: "close", dev: 0 })])).toBeNull();
  });

  it("may close an inherited file in the child, and go on with it in the parent", () => {
    const fork = { op: "fork", child: 1, files: "inherit" };
    const close = { op: "close", dev: 0 };
    expect(firstError([header(), event(1, 0, open), event(2, 0, fork), event(3, 1, close), event(4, 0, close)])).toBeNull();
  });

  it("may let a grandchild live on, and keep an actor whose exit failed", () => {
    const fork = (seq: number, actor: number, child: number): string => event(seq, actor, { op: "fork", child });
    const lines = [header(), fork(1, 0, 1), fork(2, 1, 2), event(3, 0, { op: "exit", child: 1 }), event(4, 2, read)];
    expect(firstError(lines)).toBeNull();
    expect(
      firstError([...lines, event(5, 0, { op: "exit", child: 2 }, { status: "errno", errno: "EPERM" }), event(6, 2, read)]),
    ).toBeNull();
  });

  it("may reach the bounds", () => {
    const devices = Array.from({ length: 16 }, () => ({ kind: "coherent" }));
    const line = header({ id: "x".repeat(256), config: { pages: 65_536, page_bytes: 2 ** 30, devices } });
    expect(firstError([line, event(1, 0, { op: "munmap", page: 0, npages: 65_536 }), event(2, 0, { op: "open", dev: 15 })])).toBeNull();
  });
});

describe("any change of one value of a valid line", () => {
  const anything = fc.oneof(fc.constantFrom<unknown>(null, -1, 1.5, 2 ** 53, "", [], {}, true), fc.jsonValue());

  it("is decoded or refused, never thrown", () => {
    fc.assert(
      fc.property(fc.constantFrom(...VALID), fc.nat(), fc.nat(), anything, (text, path, depth, value) => {
        const root = JSON.parse(text) as Record<string, unknown>;
        let object = root;
        for (let level = depth % 3; level > 0; level -= 1) {
          const inner = Object.values(object).find((child) => typeof child === "object" && child !== null);
          object = (inner as Record<string, unknown> | undefined) ?? object;
        }
        const keys = Object.keys(object);
        object[keys[path % Math.max(keys.length, 1)] ?? "x"] = value;
        const result = decodeLine(JSON.stringify(root), 1);
        if (result.kind === "error") expect(formatInputError("t", result)).not.toMatch(/\n/);
      }),
      { seed: 1, numRuns: 2000 },
    );
  });

  it("leaves the sample valid", () => {
    expect(decodeLine(JSON.stringify(HEADER), 1)).toEqual({ kind: "header", header: HEADER });
  });
});
