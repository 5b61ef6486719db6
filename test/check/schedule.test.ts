import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { benchOf } from "../../check/bench.ts";
import { formatInputError } from "../../check/input-error.ts";
import { replaySchedule } from "../../check/replay.ts";
import { type ScheduleLine, scheduleReader } from "../../check/schedule-reader.ts";
import { numbered, type Schedule, type ScheduleHeader, writeSchedule } from "../../check/schedule.ts";
import { setupOf } from "../../check/setup.ts";
import { subjectFactory } from "../../check/subject.ts";
import type { Action, ModelCall } from "../../spec/vocabulary.ts";

const HEADER: ScheduleHeader = {
  format: "hmm-schedule",
  version: 1,
  id: "s-1",
  profile: "linux-6.1",
  driver: "ideal",
  switches: { readDuplication: true, mprotectUpgrades: "all", goneMirrorFault: null },
  config: { pages: 4, page_bytes: 4096, devices: [{ kind: "private" }, { kind: "coherent" }] },
  bounds: { deviceFrames: 2, physicalPages: 4, sectionPages: 2, archFlags: ["device"], notes_max: 3 },
  property: "mirror-consistency",
  mutant: "B10",
  source: "by hand",
};
const DEVICE_RANGE = { dev: 1, page: 1, npages: 3 } as const;
/** Each call once, with everything that it can have. */
const CALLS: readonly ModelCall[] = [
  { op: "mmap", page: 0, npages: 4, prot: "rwx", map: "device" },
  { op: "munmap", page: 0, npages: 0 },
  { op: "mprotect", page: 0, npages: 1, prot: "n" },
  { op: "madvise", page: 0, npages: 1, advice: "free" },
  { op: "mremap", page: 0, npages: 1, to: 3 },
  { op: "cpu_read", page: 3 },
  { op: "cpu_write", page: 0, value: 255 },
  { op: "device_read", ...DEVICE_RANGE },
  { op: "device_write", ...DEVICE_RANGE, value: 1 },
  { op: "migrate_to_device", ...DEVICE_RANGE },
  { op: "migrate_to_system", ...DEVICE_RANGE },
  { op: "snapshot", ...DEVICE_RANGE },
  { op: "make_exclusive", ...DEVICE_RANGE },
  { op: "check_exclusive", ...DEVICE_RANGE },
  { op: "duplicate", ...DEVICE_RANGE },
  { op: "open", dev: 0 },
  { op: "close", dev: 0 },
  { op: "fork", child: 1, files: "inherit" },
  { op: "exit", child: 1 },
  { op: "devmem_add", dev: 0, npages: 2, flags: ["device", "allow_migrate"], minor: 1, lacks: ["owner", "page_free"] },
  { op: "devmem_remove", dev: 0, chunk: 1 },
  { op: "devmem_release", dev: 0 },
  { op: "hmm_device_new" },
  { op: "hmm_device_put", minor: 0 },
  { op: "hmm_mirror_register", dev: 1, without: "mirror" },
];
const ACTIONS: readonly Action[] = [
  ...CALLS.map((call): Action => ({ type: "call", actor: 0, call })),
  { type: "step", task: 3, choice: "no-memory" },
  ...(["pin", "unpin", "get", "put", "wrong_put", "reclaim", "move"] as const).map((type): Action => ({ type, pfn: 7 })),
];
const SCHEDULE: Schedule = {
  header: HEADER,
  actions: numbered(ACTIONS, [
    { status: "ok", value: 1, cpages: 2, faults: 3, data: [0, 255], entries: ["0f"] },
    { status: "errno", errno: "ENOMEM" },
    { status: "signal", signal: "SIGBUS" },
    { status: "crash", log: "BUG" },
    null,
  ]),
};

/** Reads lines up to the first error. */
function read(lines: readonly string[]): (ScheduleLine | string)[] {
  const reader = scheduleReader();
  const found: (ScheduleLine | string)[] = [];
  for (const [i, text] of lines.entries()) {
    const line = reader.next(text, i + 1);
    found.push(line.kind === "error" ? formatInputError("f", line) : line);
    if (line.kind === "error") break;
  }
  return found;
}

const header = (changes: Readonly<Record<string, unknown>> = {}): string => JSON.stringify({ ...HEADER, ...changes });
const line = (action: unknown, others: object = {}): string => JSON.stringify({ seq: 1, action, ...others });
const call = (fields: object): string => line({ type: "call", actor: 0, call: fields });

describe("a schedule", () => {
  it("is read as it was written, with each call and each action", () => {
    const lines = writeSchedule(SCHEDULE).trimEnd().split("\n");
    const [first, ...others] = read(lines);
    expect(first).toEqual({ kind: "header", header: HEADER });
    expect(others).toEqual(SCHEDULE.actions.map((action) => ({ kind: "action", action })));
  });

  it("may hold bytes that nobody can know", () => {
    const [, action] = read([header(), line({ type: "pin", pfn: 0 }, { outcome: { status: "ok", data: [null, 3] } })]);
    expect(action).toMatchObject({ kind: "action" });
  });

  it("counts anew behind another header, whose id is another", () => {
    const other = header({ id: "s-2" });
    expect(read([header(), line({ type: "pin", pfn: 0 }), other, line({ type: "pin", pfn: 0 })]).at(-1)).toMatchObject({ kind: "action" });
    expect(read([header(), header()]).at(-1)).toBe(
      'f:2: duplicate-id: "s-1" at /id, expected an id that no earlier schedule of the file has',
    );
  });

  it("in the page about the form replays", () => {
    const page = readFileSync(new URL("../../spec/schedule.md", import.meta.url), "utf8");
    const lines = [...page.matchAll(/^\{.*\}$/gm)].map(([text]) => text);
    const found = read(lines);
    const [first] = found;
    if (typeof first !== "object" || first.kind !== "header") throw new Error("no header");
    const { profile: core, driver, config, bounds } = first.header;
    const subject = subjectFactory("model")(setupOf({ core, driver, switches: {}, config, bounds }));
    const actions = found.flatMap((item) => (typeof item === "object" && item.kind === "action" ? [item.action] : []));
    const outcomes: unknown[] = [];
    const end = replaySchedule(benchOf(subject, []), actions, ({ outcome }) => outcomes.push(outcome));
    expect(end).toEqual({ steps: 6, failure: null, disabled: null, other: null });
    expect(outcomes.at(-1)).toEqual({ status: "ok" });
  });
});

describe("a header is refused", () => {
  it.each<[string, Readonly<Record<string, unknown>>, string]>([
    ["another format", { format: "hmm-trace" }, 'bad-format: "hmm-trace" at /format, expected "hmm-schedule"'],
    ["another version", { version: 2 }, "bad-version: 2 at /version, expected 1"],
    ["no version", { version: undefined }, "missing-field: nothing at /version, expected 1"],
    ["no id", { id: undefined }, "missing-field: nothing at /id, expected a string of 1 to 256 characters"],
    ["an unknown core", { profile: "linux-7" }, 'unknown-value: "linux-7" at /profile, expected one of v14, linux-6.1, linux-6.12'],
    [
      "an unknown field",
      { seed: 3 },
      "unknown-field: unknown field at /seed, expected no field but format, version, id, profile, driver, switches, config, bounds, property, mutant, source",
    ],
    ["an unknown switch", { switches: { fast: true } }, "unknown-field: unknown switch at /switches/fast, expected one of refBase,"],
    ["a switch of another type", { switches: { exclusive: 1 } }, "unknown-value: 1 at /switches/exclusive, expected one of true, false"],
    [
      "a switch that must be a word",
      { switches: { mprotectUpgrades: true } },
      "unknown-value: true at /switches/mprotectUpgrades, expected one of none, dirty, all",
    ],
    ["no bounds", { bounds: undefined }, "missing-field: nothing at /bounds, expected an object"],
    ["a wrong bound", { bounds: { deviceFrames: -1 } }, "out-of-range: -1 at /bounds/deviceFrames, expected an integer from 0 to 65536"],
    ["an unknown bound", { bounds: { frames: 1 } }, "unknown-field: unknown field at /bounds/frames, expected no field but deviceFrames,"],
    [
      "an unknown flag",
      { bounds: { archFlags: ["x"] } },
      "unknown-value: an array of 1 at /bounds/archFlags, expected an array of some of device,",
    ],
    ["a property that is no text", { property: 3 }, "bad-type: 3 at /property, expected a string of 1 to 256 characters"],
  ])("%s", (_, changes, message) => {
    const [error] = read([header(changes)]);
    expect(error).toContain(`f:1: ${message}`);
  });
});

describe("an action is refused", () => {
  it.each<[string, string, string]>([
    ["no action", JSON.stringify({ seq: 1 }), "missing-field: nothing at /action, expected an object"],
    ["a wrong number", line({ type: "pin", pfn: 0 }, { seq: 2 }), "bad-seq: 2 at /seq, expected 1"],
    [
      "an unknown type",
      line({ type: "jump" }),
      'unknown-value: "jump" at /action/type, expected one of call, step, pin, unpin, get, put, reclaim, move, wrong_put',
    ],
    [
      "a field more",
      line({ type: "pin", pfn: 0, task: 1 }),
      "unknown-field: unknown field at /action/task, expected no field but type, pfn",
    ],
    ["a field less", line({ type: "step", task: 1 }), "missing-field: nothing at /action/choice, expected one of , go, isolated,"],
    ["an unknown choice", line({ type: "step", task: 1, choice: "up" }), 'unknown-value: "up" at /action/choice'],
    ["an unknown call", call({ op: "sync" }), 'unknown-op: "sync" at /action/call/op, expected one of mmap,'],
    ["a call of another type", call({ op: 3 }), "bad-type: 3 at /action/call/op"],
    ["a call without a page", call({ op: "cpu_read" }), "missing-field: nothing at /action/call/page, expected an integer from 0 to 65536"],
    [
      "a call with a field more",
      call({ op: "hmm_device_new", dev: 0 }),
      "unknown-field: unknown field at /action/call/dev, expected no field but op",
    ],
    ["a wrong flag", call({ op: "devmem_add", dev: 0, npages: 1, flags: ["fast"] }), "unknown-value: an array of 1 at /action/call/flags"],
    [
      "a flag twice",
      call({ op: "devmem_add", dev: 0, npages: 1, flags: ["device", "device"] }),
      "out-of-range: an array of 2 at /action/call/flags",
    ],
    [
      "a range beyond the window",
      call({ op: "munmap", page: 3, npages: 2 }),
      "beyond-window: pages 3..5 at /action/call/page, expected a range inside the window 0..4",
    ],
    ["a target beyond the window", call({ op: "mremap", page: 0, npages: 2, to: 3 }), "beyond-window: pages 3..5 at /action/call/to"],
    [
      "a device that is not there",
      call({ op: "open", dev: 2 }),
      "out-of-range: 2 at /action/call/dev, expected an index into the 2 devices of the schedule",
    ],
    [
      "an unknown errno",
      line({ type: "pin", pfn: 0 }, { outcome: { status: "errno", errno: "EOOPS" } }),
      'unknown-value: "EOOPS" at /outcome/errno',
    ],
    ["an unknown status", line({ type: "pin", pfn: 0 }, { outcome: { status: "fine" } }), 'unknown-value: "fine" at /outcome/status'],
    [
      "an outcome with a field more",
      line({ type: "pin", pfn: 0 }, { outcome: { status: "ok", log: "" } }),
      "unknown-field: unknown field at /outcome/log",
    ],
    [
      "data that are no bytes",
      line({ type: "pin", pfn: 0 }, { outcome: { status: "ok", data: ["x"] } }),
      "unknown-value: an array of 1 at /outcome/data",
    ],
    [
      "something else beside it",
      line({ type: "pin", pfn: 0 }, { note: "x" }),
      "unknown-field: unknown field at /note, expected no field but seq, action, outcome",
    ],
    ["no JSON", "{", "bad-json: "],
  ])("%s", (_, text, message) => {
    expect(read([header(), text]).at(-1)).toContain(`f:2: ${message}`);
  });

  it("without a header before it", () => {
    expect(read([line({ type: "pin", pfn: 0 })])).toEqual(["f:1: missing-header: an object without a format, expected a header line"]);
  });

  it("that maps a device where there is none", () => {
    const bare = header({ config: { pages: 4, page_bytes: 4096, devices: [] } });
    const mapping = call({ op: "mmap", page: 0, npages: 1, prot: "rw", map: "device" });
    expect(read([bare, mapping]).at(-1)).toContain('f:2: out-of-range: "device" at /action/call/map');
  });
});
