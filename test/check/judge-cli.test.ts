import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EXIT } from "../../check/exit-codes.ts";

const MAIN = fileURLToPath(new URL("../../dist/check/cli/main.js", import.meta.url));
const golden = (name: string): string => fileURLToPath(new URL(`../golden/${name}`, import.meta.url));
const BASIC = golden("kernel/basic-6.1.jsonl");
const WRONG = golden("demo/stale-mirror.jsonl");

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "hmmspec-judge-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function judge(args: readonly string[], input = ""): { code: number | null; out: string; err: string } {
  const result = spawnSync(process.execPath, [MAIN, "judge", ...args], {
    encoding: "utf8",
    input,
    env: { PATH: process.env["PATH"] ?? "" },
  });
  return { code: result.status, out: result.stdout, err: result.stderr };
}

function write(name: string, text: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const lines = readFileSync(WRONG, "utf8").trimEnd().split("\n");
const header = lines[0] as string;

describe("hmmspec judge", () => {
  it("accepts with exit code 0 and one line of summary", () => {
    const { code, out, err } = judge([BASIC]);
    expect({ code, err }).toEqual({ code: EXIT.ok, err: "" });
    expect(out).toMatch(/^139 traces: 139 accepted, 0 rejected, 0 inconclusive; 944 calls, \d+ calls\/s\n$/);
  });

  it("rejects with exit code 1 and explains", () => {
    const { code, out } = judge([WRONG]);
    expect(code).toBe(EXIT.violation);
    expect(out).toContain(`reject demo-stale-mirror (${WRONG}:6, seq 5)\n`);
    expect(out).toContain("  observed  ok cpages=1 faults=0 data=[7]\n  allowed   ok cpages=1 faults=1 data=[0]\n");
    expect(out).toContain("actor 0 page 0 dev 0: no entry -> zero page ro\n");
  });

  it("counts each of several files", () => {
    expect(judge([BASIC, WRONG]).out).toContain(`${WRONG}: 0 accepted, 1 rejected, 0 inconclusive (5 calls)\n2`.slice(0, -2));
  });

  it("reads the standard input for -", () => {
    expect(judge(["--jsonl", "-"], lines.slice(0, 5).join("\n")).out).toBe('{"id":"demo-stale-mirror","verdict":"accept","calls":4}\n');
  });

  it("prints one object a trace with --jsonl, with what a rejection says", () => {
    const { out, code } = judge(["--jsonl", WRONG]);
    const verdict = JSON.parse(out) as Record<string, unknown>;
    expect(code).toBe(EXIT.violation);
    expect(verdict).toMatchObject({
      id: "demo-stale-mirror",
      verdict: "reject",
      line: 6,
      seq: 5,
      actor: 0,
      observed: { status: "ok", cpages: 1, faults: 0, data: [7] },
      allowed: [{ status: "ok", cpages: 1, faults: 1, data: [0] }],
    });
    expect(verdict["requirements"]).toEqual(expect.arrayContaining([expect.stringMatching(/^[A-Z]+-\d+$/)]));
  });

  it("prints one object for all with --json, and nothing with --quiet", () => {
    const all = JSON.parse(judge(["--json", BASIC, WRONG]).out) as { traces: { verdict: string }[]; summary: { accept: number } };
    expect(all.traces.filter((t) => t.verdict === "accept").length).toBe(139);
    expect(all.summary).toMatchObject({ accept: 139, reject: 1 });
    expect(judge(["--quiet", WRONG])).toEqual({ code: EXIT.violation, out: "", err: "" });
  });

  it("judges by the rules that are asked for instead of those of the header", () => {
    expect(judge(["--driver", "dmirror-fixed", "--quiet", golden("kernel/crash-6.1.jsonl")]).code).toBe(EXIT.violation);
    expect(judge(["--profile", "linux-6.12", "--quiet", BASIC]).code).toBe(EXIT.violation);
  });

  it("says how much it sees with --sensitivity", () => {
    const { code, out } = judge(["--sensitivity", golden("kernel/shared-6.1.jsonl")]);
    expect(code).toBe(EXIT.ok);
    expect(out).toMatch(/sensitivity: (\d{4,}) of \1 single-observation changes rejected \(100\.00 %\)\n$/);
  });

  it("ends with 3 where a bound left it open", () => {
    const text = [
      header,
      '{"seq":1,"actor":0,"call":{"op":"mmap","page":0,"npages":1,"prot":"rw","map":"private"},"ret":{"status":"ok"}}',
      '{"seq":2,"actor":0,"call":{"op":"cpu_write","page":0,"value":7},"ret":{"status":"ok"}}',
      '{"seq":3,"actor":0,"call":{"op":"madvise","page":0,"npages":1,"advice":"pageout"},"ret":{"status":"ok"}}',
      '{"seq":4,"actor":0,"call":{"op":"snapshot","dev":0,"page":0,"npages":1},"ret":{"status":"ok","cpages":1,"entries":["00"]}}',
    ].join("\n");
    const { code, out } = judge(["--environment", "swap", "--candidates-max", "1", "-"], text);
    expect(code).toBe(EXIT.inconclusive);
    expect(out).toContain("inconclusive demo-stale-mirror (-): the bound of 1 candidate states was hit before line 5\n");
  });
});

describe("bad input of hmmspec judge", () => {
  const event = lines[1] as string;
  it.each<[string, string | Buffer, RegExp]>([
    ["unknown-field.jsonl", `${header}\n${event.replace('"seq"', '"sec":1,"seq"')}\n`, /:2: unknown-field: /],
    ["unknown-op.jsonl", `${header}\n${event.replace('"mmap"', '"mmapp"')}\n`, /:2: unknown-op: .*\/call\/op/],
    ["version.jsonl", `${header.replace('"version":1', '"version":2')}\n`, /:1: bad-version: .*\/version/],
    ["profile.jsonl", `${header.replace("linux-6.1", "linux-9")}\n`, /:1: unknown-value: .*\/profile/],
    ["range.jsonl", `${header}\n${event.replace('"npages":2', '"npages":-1')}\n`, /:2: out-of-range: .*\/call\/npages/],
    ["window.jsonl", `${header}\n${event.replace('"npages":2', '"npages":3')}\n`, /:2: beyond-window: .*\/call\/page/],
    ["no-header.jsonl", `${event}\n`, /:1: missing-header: /],
    ["rubbish.jsonl", Buffer.from([0, 255, 254, 10, 1, 2]), /:1: not-utf8: /],
    ["nul.jsonl", "\0\0\0\n", /:1: bad-json: /],
    ["truncated.jsonl", `${header}\n${event.slice(0, 40)}`, /:2: truncated: /],
    ["empty.jsonl", "", /: empty: /],
    [
      "gone.jsonl",
      `${header}\n${event}\n{"seq":2,"actor":0,"call":{"op":"fork","child":1},"ret":{"status":"ok"}}\n{"seq":3,"actor":0,"call":{"op":"exit","child":1},"ret":{"status":"ok"}}\n{"seq":4,"actor":1,"call":{"op":"cpu_read","page":0},"ret":{"status":"ok","value":0}}\n`,
      /:5: actor-gone: .*\/actor/,
    ],
  ])("%s: one line, exit code 2, no stack", (name, text, message) => {
    const { code, err } = judge([write(name, text)]);
    expect(code).toBe(EXIT.usage);
    expect(err).toMatch(message);
    expect(err.trimEnd().split("\n")).toHaveLength(1);
    expect(err).not.toContain("    at ");
  });

  it("a file that does not exist, and a folder", () => {
    expect(judge([join(folder, "none")])).toMatchObject({ code: EXIT.usage, err: expect.stringContaining("not-found: ") });
    expect(judge([folder])).toMatchObject({ code: EXIT.usage, err: expect.stringContaining("unreadable: ") });
  });

  it("the verdicts before the bad line are told, and the other files judged", () => {
    const bad = write("late.jsonl", `${readFileSync(BASIC, "utf8")}{}\n`);
    const { code, out, err } = judge(["--jsonl", bad, WRONG]);
    expect(code).toBe(EXIT.usage);
    expect(err.trimEnd().split("\n")).toHaveLength(1);
    expect(out.trimEnd().split("\n").length).toBeGreaterThanOrEqual(139);
    expect(out).toContain('"id":"demo-stale-mirror","verdict":"reject"');
  });

  it.each<[string[], string]>([
    [[], "judge: no file given, expected trace files, or - for the standard input"],
    [["--profile", "linux-5", BASIC], "judge: --profile linux-5, expected v14, linux-6.1, linux-6.12"],
    [["--driver", "x", BASIC], "judge: --driver x, expected ideal, dmirror, dmirror-fixed"],
    [["--environment", "rain", BASIC], "judge: --environment rain, expected isolation, memory, swap"],
    [["--candidates-max", "0", BASIC], "judge: --candidates-max 0, expected 1..100000"],
    [["--max-line-bytes", "ten", BASIC], "judge: --max-line-bytes ten, expected 1..1073741824"],
    [["--json", "--quiet", BASIC], "judge: more than one of --json, --jsonl and --quiet"],
  ])("usage %j", (args, message) => {
    expect(judge(args)).toEqual({ code: EXIT.usage, out: "", err: `hmmspec: bad-usage: ${message}\n` });
  });

  it("bounds a line of 50 MB, in little memory", async () => {
    const child = spawn(process.execPath, ["--max-old-space-size=64", MAIN, "judge", "-"], { stdio: ["pipe", "ignore", "pipe"] });
    let err = "";
    child.stderr.on("data", (chunk: Buffer) => (err += chunk.toString()));
    child.stdin.on("error", () => undefined);
    child.stdin.end(Buffer.alloc(50 * 1024 * 1024, "x"));
    const [code] = (await once(child, "close")) as [number];
    expect(code).toBe(EXIT.usage);
    expect(err).toBe("stdin:1: line-too-long: a longer line, expected at most 16777216 bytes in a line\n");
  });
});
