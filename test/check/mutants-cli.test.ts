import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { register } from "../../check/cli/commands/mutants.ts";
import { register as replay } from "../../check/cli/commands/replay.ts";
import { edited, loadImplMutant } from "../../check/cli/impl-mutant.ts";
import { median } from "../../check/cli/mutants-report.ts";
import { EXIT } from "../../check/exit-codes.ts";
import { MUTANTS } from "../../check/mutants/catalogue.ts";
import { NOT_MUTANTS } from "../../check/mutants/not-mutants.ts";
import { hmmspec, inProcess, MAIN } from "./program.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "hmmspec-mutants-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("hmmspec mutants", () => {
  it("lists the catalogue, and the rows that no mutant stands for", async () => {
    const { code, out, err } = await inProcess(register, ["mutants"]);
    expect({ code, err }).toEqual({ code: EXIT.ok, err: "" });
    const ids = out.split("\n").map((line) => line.split(" ", 1)[0]);
    expect(ids).toEqual(expect.arrayContaining([...MUTANTS.map(({ id }) => id), ...NOT_MUTANTS.map(({ row }) => row)]));
    expect(out).toMatch(/^B10 {8}model\+impl The mirrors are called at the end of munmap's notification, .* announced-downgrades$/m);
    expect(Math.max(...out.split("\n").map((line) => line.length))).toBeLessThanOrEqual(140);
  });

  it("runs mutants on both sides, says what they are, and writes minimal runs that replay", async () => {
    const out = join(folder, "new", "out");
    const ended = hmmspec(["mutants", "--id", "B43,w11", "--out", out, "--threads", "1"], { cwd: folder });
    expect({ code: ended.code, err: ended.err }).toEqual({ code: EXIT.ok, err: "" });
    expect(ended.out).toMatch(
      /^B43 {10}A page is faulted in while a lock is held .*\n(?: {13}.*\n)*origin {7}mail .*\nbreaks {7}DEV-7 FRM-6\n/,
    );
    expect(ended.out).toMatch(/\nmutant {5}side {3}broken property +calls {2}steps +runs +ms\n/);
    expect(ended.out).toMatch(/\nB43 {8}model {2}lock-discipline +1 +\d+ +\d+ +\d+\nB43 {8}impl {3}lock-discipline +1 +\d+ +\d+ +\d+\n/);
    expect(ended.out).toMatch(/\nkilled {7}3 of 3 mutants in \d+ s\nmedian {7}\d+ ms to the violation; 1 call and \d+ steps in /);
    expect(hmmspec(["mutants", "--replay", out, "--id", "B43,w11"], { cwd: folder }).out).toMatch(/\nkilled {7}3 of 3 minimal runs of /);
    const replayed = await inProcess(replay, ["replay", "--system", "model", join(out, "B43.jsonl")]);
    expect({ code: replayed.code, out: replayed.out }).toEqual({ code: EXIT.violation, out: expect.stringContaining("lock-discipline") });
  });

  it("tells it in JSON: here of a survivor, with exit code 1", () => {
    const { code, out } = hmmspec(["mutants", "--id", "g2", "--budget", "1ms", "--json"], { cwd: folder });
    expect(code).toBe(EXIT.violation);
    expect(JSON.parse(out)).toMatchObject({
      seed: 1,
      interrupted: false,
      mutants: 1,
      errors: [],
      results: [{ id: "g2", side: "model", property: null, operations: 0, steps: 0 }],
    });
  });

  it("names the survivors", () => {
    const { code, out } = hmmspec(["mutants", "--id", "g2", "--budget", "1ms"], { cwd: folder });
    expect(code).toBe(EXIT.violation);
    expect(out).toMatch(/\ng2 {9}model {2}SURVIVED +- +- +\d+ +\d+\n\nkilled {7}0 of 1 mutant in \d s\nsurvived {5}g2 \(model\)\n$/);
  });
});

describe("an interrupted --all", () => {
  /** Runs the whole catalogue until so many of its mutants are killed. */
  async function interrupted(args: readonly string[], killed: number): Promise<{ code: number | null; out: string }> {
    const child = spawn(process.execPath, [MAIN, "mutants", "--all", "--threads", "1", ...args], { cwd: folder });
    let out = "";
    let told = false;
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      out += text;
      if (told || rows(out).length < killed) return;
      told = true;
      child.kill("SIGINT");
    });
    const [code] = (await once(child, "close")) as [number | null];
    return { code, out };
  }
  const rows = (out: string): string[] => [...out.matchAll(/^([BTUgw]\d[\w-]*) +(model|impl) /gm)].map(([, id, side]) => `${id} ${side}`);

  it("reports what was done, with exit code 3, and --resume goes on from there", async () => {
    const first = await interrupted([], 2);
    expect(first.code).toBe(EXIT.inconclusive);
    expect(first.out).toMatch(
      /\nkilled {7}(\d+) of \1 mutants in \d+ s\n[\s\S]*\ninterrupted {2}\d+ mutants not run; --all --resume goes on from here\n$/,
    );
    const done = rows(first.out);
    const second = await interrupted(["--resume"], done.length + 1);
    expect(second.code).toBe(EXIT.inconclusive);
    expect(second.out).toContain(`\n${done.length} results of an earlier run with seed 1, `);
    expect(rows(second.out).slice(0, done.length)).toEqual(done);
    expect(new Set(rows(second.out)).size).toBe(rows(second.out).length);
  });
});

describe("wrong usage of mutants", () => {
  it.each<[string[], string]>([
    [["--id", "B999"], 'mutants: --id "B999", expected one of B10, '],
    [["--id", "B10,"], 'mutants: --id "", expected one of B10, '],
    [["--id", "B10@kernel"], 'mutants: --id "B10@kernel", expected B10 or B10@model or B10@impl\n'],
    [["--id", "w1@model"], 'mutants: --id "w1@model", expected w1 or w1@impl\n'],
    [["--id", "B10", "--all"], "mutants: --id with --all, expected one of them\n"],
    [["--id", "B10", "--resume"], "mutants: --resume without --all, which alone keeps its results\n"],
    [["--resume"], "mutants: --resume without --id or --all\n"],
    [["--out", "x"], "mutants: --out without --id or --all\n"],
    [["--id", "B10", "--budget", "0"], "mutants: --budget 0, expected a time above zero, such as 60s, 5m or 500ms\n"],
    [["--id", "B10", "--seed=-1"], "mutants: --seed -1, expected a whole number from 0 to 4294967295\n"],
    [["--id", "B10", "--threads", "0"], "mutants: --threads 0, expected a whole number from 1 to 64\n"],
    [["--id", "B10", "--out", "a", "--out", "b"], "mutants: --out more than once, expected one folder\n"],
    [["--replay", "no-such-folder"], 'mutants: --replay "no-such-folder", expected a folder with minimal runs\n'],
    [["--turbo"], "unknown option `--turbo`, see hmmspec --help\n"],
    [["B10"], "unused args: `B10`, see hmmspec --help\n"],
  ])("%j is refused in one line", async (args, message) => {
    const { code, out, err } = await inProcess(register, ["mutants", ...args]);
    expect({ code, out }).toEqual({ code: EXIT.usage, out: "" });
    expect(err).toContain(`hmmspec: bad-usage: ${message}`);
    expect(err.trimEnd()).not.toContain("\n");
  });

  it("a folder that cannot be written is found before anything runs", async () => {
    const file = join(folder, "file");
    writeFileSync(file, "");
    const { code, out, err } = await inProcess(register, ["mutants", "--id", "B10", "--out", join(file, "below")]);
    expect({ code, out }).toEqual({ code: EXIT.usage, out: "" });
    expect(err).toMatch(/^hmmspec: bad-usage: mutants: --out \S+: ENOTDIR, expected a folder that can be written\n$/);
    expect(readFileSync(file, "utf8")).toBe("");
  });
});

describe("a change of the implementation", () => {
  const edit = { file: "impl/x.ts", find: "a + b", replace: "$& a - b" };

  it("is made where its text is, as it stands", () => {
    expect(edited("return a + b;", edit)).toBe("return $& a - b;");
  });

  it.each(["return a+b;", "return a + b + a + b;"])("is refused where its text is not there exactly once: %s", (source) => {
    expect(() => edited(source, edit)).toThrow(/^impl\/x\.ts: the text to be changed occurs [02] times, expected once: a \+ b$/);
  });

  it("is refused where there is no such source", async () => {
    await expect(loadImplMutant(edit)).rejects.toThrow("impl/x.ts: no compiled source of the implementation");
  });
});

it("the median is the middle one, the lower one of two", () => {
  expect([median([]), median([7]), median([3, 1, 2]), median([4, 1, 3, 2])]).toEqual([0, 7, 2, 2]);
});
