import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { register } from "../../check/cli/commands/replay.ts";
import { EXIT } from "../../check/exit-codes.ts";
import { type Ended, hmmspec, inProcess } from "./program.ts";

const golden = (name: string): string => fileURLToPath(new URL(`../golden/${name}`, import.meta.url));
const WRONG = golden("demo/stale-mirror.jsonl");
const TRACE = golden("selftest/anon-write-child.jsonl");

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "hmmspec-replay-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, lines: readonly unknown[]): string {
  const path = join(folder, name);
  writeFileSync(path, lines.map((line) => `${typeof line === "string" ? line : JSON.stringify(line)}\n`).join(""));
  return path;
}

const HEADER = {
  format: "hmm-schedule",
  version: 1,
  id: "s",
  profile: "linux-6.1",
  driver: "ideal",
  config: { pages: 1, page_bytes: 4096, devices: [{ kind: "private" }] },
  bounds: { deviceFrames: 1, physicalPages: 0 },
  source: "by hand",
};
const actions = (...list: readonly object[]): object[] => list.map((action, i) => ({ seq: i + 1, action }));
const MMAP = { type: "call", actor: 0, call: { op: "mmap", page: 0, npages: 1, prot: "rw", map: "private" } };
const step = (task = 0, choice = ""): object => ({ type: "step", task, choice });
const MAPPED = [MMAP, step(), step(), step(), step(), step()];

const replay = async (args: readonly string[]): Promise<Ended> => inProcess(register, ["replay", ...args]);

describe("hmmspec replay of a schedule", () => {
  it("shows each step with only what it changed", async () => {
    const { code, out, err } = await replay([write("mapped.jsonl", [HEADER, ...actions(...MAPPED)])]);
    expect({ code, err }).toEqual({ code: EXIT.ok, err: "" });
    expect(out.split("\n")).toEqual([
      "schedule     s",
      "system       linux-6.1/ideal, 1 page, device private with 1 frame; model and implementation in lockstep",
      "      1  actor 0: mmap page=0 npages=1 prot=rw map=private (task 0)",
      "      2  task 0 mmap.lock",
      "             actor 0 mmap lock: free -> write, task 0",
      "    3-5  task 0 mmap.unmap, do_munmap.detach, mmap.insert",
      "             actor 0 mmap lock: write, task 0 -> free",
      "             actor 0 page 0 mapping: none -> private rw [0,1)",
      "      6  task 0 mmap.fput -> ok",
      "holds        every property held in 6 actions",
      "",
    ]);
  });

  it("runs on the model and on the implementation alone, the same", async () => {
    const file = write("alone.jsonl", [HEADER, ...actions(...MAPPED)]);
    const steps = async (system: string): Promise<string[]> => (await replay([file, "--system", system])).out.split("\n").slice(2);
    const both = await steps("lockstep");
    expect(await steps("model")).toEqual(both);
    expect(await steps("impl")).toEqual(both);
    expect((await replay([file, "--system", "impl"])).out).toContain("; impl alone\n");
  });

  it("prints one JSON object a step, and one for the end", async () => {
    const { out } = await replay(["--json", write("json.jsonl", [HEADER, ...actions(...MAPPED)])]);
    const lines = out.trimEnd().split("\n");
    const [first, second] = lines.map((line) => JSON.parse(line) as object);
    expect(lines).toHaveLength(7);
    expect(first).toMatchObject({ id: "s", seq: 1, action: MMAP, task: 0, outcome: null, changed: [] });
    expect(second).toMatchObject({ seq: 2, text: "task 0 mmap.lock", changed: ["actor 0 mmap lock: free -> write, task 0"] });
    expect(JSON.parse(lines.at(-1) ?? "")).toEqual({ id: "s", end: { steps: 6, failure: null, disabled: null, other: null } });
  });

  it("reads the standard input for -, and several schedules, or one of them", () => {
    const two = [HEADER, ...actions(MMAP), { ...HEADER, id: "t" }, ...actions(...MAPPED)].map((line) => JSON.stringify(line)).join("\n");
    const replayed = (args: readonly string[]): Ended => hmmspec(["replay", ...args], { input: `${two}\n` });
    expect([...replayed(["-"]).out.matchAll(/^(?:schedule|holds).*/gm)].map(([line]) => line)).toEqual([
      "schedule     s",
      "holds        every property held in 1 action",
      "schedule     t",
      "holds        every property held in 6 actions",
    ]);
    expect(replayed(["-", "--id", "t"]).out).not.toContain("schedule     s\n");
    expect(replayed(["-", "--id", "u"])).toMatchObject({
      code: EXIT.usage,
      err: 'hmmspec: bad-usage: replay: no schedule or trace "u" in -\n',
    });
  });

  it("may end in the middle of its tasks", async () => {
    expect((await replay([write("middle.jsonl", [HEADER, ...actions(MMAP, step())])])).code).toBe(EXIT.ok);
  });
});

describe("a schedule that names a disabled action", () => {
  it.each<[string, object[], string]>([
    [
      "a step of a task that is not there",
      [...MAPPED, step()],
      '8: disabled-action: action 7 ({"type":"step","task":0,"choice":""}) makes no sense: no task 0; enabled: no step of a task\n',
    ],
    [
      "a choice that the step does not have",
      [MMAP, step(), step(0, "busy")],
      '4: disabled-action: action 3 ({"type":"step","task":0,"choice":"busy"}) makes no sense: mmap.unmap has no choice "busy", only ; enabled: task 0 mmap.unmap\n',
    ],
    [
      "a task that must wait",
      [MMAP, step(), MMAP, step(1)],
      '5: disabled-action: action 4 ({"type":"step","task":1,"choice":""}) makes no sense: task 1 waits in mmap.lock; enabled: task 0 mmap.unmap\n',
    ],
    [
      "a process that does not live",
      [{ type: "call", actor: 3, call: { op: "cpu_read", page: 0 } }],
      "2: disabled-action: action 1 (actor 3: cpu_read page=0) makes no sense: actor 3 does not live; enabled: no step of a task\n",
    ],
    [
      "a frame that is not there",
      [{ type: "pin", pfn: 9 }],
      '2: disabled-action: action 1 ({"type":"pin","pfn":9}) makes no sense: no page in frame 9',
    ],
  ])("%s: says which, where, why, and what was enabled", async (_, list, message) => {
    const file = write("disabled.jsonl", [HEADER, ...actions(...list)]);
    const { code, err } = await replay([file]);
    expect(code).toBe(EXIT.usage);
    expect(err).toContain(`${file}:${message}`);
    expect(err.trimEnd()).not.toContain("\n");
  });
});

describe("hmmspec replay of a trace", () => {
  it("carries out its calls and compares the answers", async () => {
    const { code, out } = await replay([TRACE]);
    expect(code).toBe(EXIT.ok);
    expect(out).toMatch(/^trace {8}\S/);
    expect(out).toContain("handle_mm_fault.c2");
    expect(out).toMatch(/\nholds {8}every property held in \d+ actions\n$/);
  });

  it("ends at the first answer that is not the recorded one", async () => {
    const { code, out } = await replay([WRONG, "--system", "model"]);
    expect(code).toBe(EXIT.violation);
    expect(out.split("\n").slice(-4)).toEqual([
      "differs      the answer of call 5 is not the recorded one",
      "recorded     ok cpages=1 faults=0 data=[7]",
      "answered     ok cpages=1 faults=1 data=[0]",
      "",
    ]);
  });
});

describe("wrong input of replay", () => {
  const version = JSON.stringify({ ...HEADER, version: 2 });
  it.each<[string, readonly unknown[], string]>([
    ["another version", [version], "1: bad-version: 2 at /version, expected 1\n"],
    ["another format", [{ ...HEADER, format: "tla" }], '1: bad-format: "tla" at /format, expected "hmm-schedule" or "hmm-trace"\n'],
    [
      "an unknown operation",
      [HEADER, ...actions({ type: "call", actor: 0, call: { op: "sync" } })],
      '2: unknown-op: "sync" at /action/call/op, expected one of mmap, ',
    ],
    ["a wrong number", [HEADER, { seq: 2, action: MMAP }], "2: bad-seq: 2 at /seq, expected 1\n"],
    ["no header", [{ seq: 1, action: MMAP }], "1: missing-header: an object without a format, expected a header line\n"],
    ["no JSON", ["{"], "1: bad-json: "],
  ])("%s is one line", async (_, lines, message) => {
    const file = write("wrong.jsonl", lines);
    const { code, out, err } = await replay([file]);
    expect({ code, out }).toEqual({ code: EXIT.usage, out: "" });
    expect(err).toContain(`${file}:${message}`);
    expect(err.trimEnd()).not.toContain("\n");
  });

  it.each<[string[], string]>([
    [["none.jsonl"], "none.jsonl: not-found: no such file, expected a readable trace file\n"],
    [[], "hmmspec: bad-usage: missing required args for command `replay <file>`, see hmmspec --help\n"],
    [[WRONG, "--system", "x"], 'hmmspec: bad-usage: replay: --system "x", expected lockstep, model, impl\n'],
    [[WRONG, "--mutant", "x"], 'hmmspec: bad-usage: replay: --mutant "x", expected none or one of '],
  ])("%j is one line", async (args, message) => {
    const { code, err } = await replay(args);
    expect(code).toBe(EXIT.usage);
    expect(err).toContain(message);
    expect(err.trimEnd()).not.toContain("\n");
  });

  it("a mutant that is not in the catalogue is one line", async () => {
    const file = write("mutant.jsonl", [{ ...HEADER, mutant: "Z1" }, ...actions(MMAP)]);
    expect((await replay([file])).err).toContain(
      'hmmspec: bad-usage: replay: the schedule names mutant "Z1": --mutant "Z1", expected none or one of ',
    );
    expect((await replay([file, "--mutant", "none"])).code).toBe(EXIT.ok);
  });
});
