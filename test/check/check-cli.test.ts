import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { register } from "../../check/cli/commands/check.ts";
import { register as replay } from "../../check/cli/commands/replay.ts";
import { EXIT } from "../../check/exit-codes.ts";
import { type Ended, hmmspec, inProcess, MAIN } from "./program.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "hmmspec-check-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const check = async (args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> =>
  inProcess(register, ["check", ...args], env);

const wait = async (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));

/** Lines without what a clock has put into them. */
const timeless = (text: string): string => text.replace(/ in [\d.]+ s \([\d,]+ steps\/s\)/, "");

describe("hmmspec check", () => {
  it("runs a campaign and says what it covered, with exit code 0", async () => {
    const { code, out, err } = await check(["--runs", "6", "--profile", "linux-6.1/ideal,linux-6.12/ideal", "--seed", "3"]);
    expect({ code, err }).toEqual({ code: EXIT.ok, err: "" });
    expect(out).toMatch(/^check {8}seed 3, model and implementation in lockstep\nruns {9}6 runs, [\d,]+ steps, [\d,]+ answers in /);
    expect(out).toContain("\nprofiles     linux-6.1/ideal linux-6.12/ideal\n");
    expect(out).toMatch(/\ncovered {6}\d+ combinations of operation, outcome and page before; /);
    expect(out).toMatch(/\n {2}cpu_write {11,}\d+ {2}ok: /);
    expect(out).toMatch(/\nrequirements \d+ of \d+ that rules carry out/);
    expect(out).toMatch(/\nwitnesses {4}\d+ sometimes properties; not met:\n {2}linux-6.1\/ideal /);
    expect(out).toMatch(/\nholds: every property held in every state/);
    expect(Math.max(...out.split("\n").map((line) => line.length))).toBeLessThanOrEqual(140);
    expect(existsSync(join(folder, "hmmspec-failure.jsonl"))).toBe(false);
  });

  it("repeats a seed exactly, be it given by option or by SEED", async () => {
    const args = ["--runs", "3", "--system", "impl", "--profile", "linux-6.1/ideal"];
    const first = timeless((await check([...args, "--seed", "77"])).out);
    expect(timeless((await check([...args, "--seed", "77"])).out)).toBe(first);
    expect(timeless((await check(args, { SEED: "77" })).out)).toBe(first);
    expect((await check(["--runs", "1", "--profile", "linux-6.1/ideal"])).out).toContain("seed 1,");
    expect((await check([...args, "--seed", "random"])).out).toMatch(/^check {8}seed \d+, impl alone\n/);
  });

  it("prints one JSON object with --json", async () => {
    const { code, out } = await check(["--runs", "8", "--json", "--profile", "linux-6.12/dmirror", "--system", "impl"]);
    const report = JSON.parse(out) as Record<string, unknown>;
    expect(code).toBe(EXIT.ok);
    expect(out.trimEnd()).not.toContain("\n");
    expect(report).toMatchObject({
      verdict: "holds",
      seed: 1,
      system: "impl",
      runs: 8,
      profiles: ["linux-6.12/dmirror"],
      failure: null,
      interrupted: false,
    });
    expect(report["coverage"]).toEqual(expect.arrayContaining([expect.objectContaining({ operation: "mmap", outcome: "ok" })]));
    expect(report["witnesses"]).toEqual([expect.objectContaining({ profile: "linux-6.12/dmirror" })]);
  });

  it("looks at one property, and draws from a mask", async () => {
    const { code, out } = await check(["--runs", "4", "--system", "impl", "--property", "mirror-consistency", "--mask", "mmap,cpu_write"]);
    expect(code).toBe(EXIT.ok);
    expect([...out.matchAll(/^ {2}(\w+) +[\d,]+ {2}/gm)].map((match) => match[1])).toEqual(["mmap", "cpu_write"]);
  });

  it("ends after the budget", async () => {
    const { code, out } = await check(["--budget", "300ms", "--system", "impl", "--profile", "linux-6.1/ideal"]);
    expect(code).toBe(EXIT.ok);
    expect(out).toMatch(/in [01]\.\d s/);
  });

  it("writes the schedules of findings to --out, and each replays to its finding", async () => {
    const out = join(folder, "new", "out");
    expect((await check(["--runs", "20", "--profile", "linux-6.12/dmirror", "--system", "impl", "--out", out])).code).toBe(EXIT.ok);
    const files = readdirSync(out);
    expect(files.length).toBeGreaterThan(0);
    for (const file of files.slice(0, 2)) {
      expect(file).toMatch(/^finding-[\w-]+\.jsonl$/);
      const replayed = await inProcess(replay, ["replay", join(out, file)]);
      expect(replayed.code).toBe(EXIT.violation);
      expect(replayed.out).toMatch(/\nviolation +[a-z-]+\/[A-Z]/);
    }
  });
});

describe("a mutant", () => {
  let failed: Ended = { code: null, out: "", err: "" };
  beforeAll(() => {
    failed = hmmspec(["check", "--mutant", "B10"], { cwd: folder });
  });

  it("fails with the property, its sentence, a minimal run, the difference, and the command that replays it", () => {
    const { code, out, err } = failed;
    expect({ code, err }).toEqual({ code: EXIT.violation, err: "" });
    expect(out).toContain("\nmutant       B10: The mirrors are called at the end of munmap's notification");
    expect(out).toMatch(/\nviolation {4}[\w-]+ in run \d+ of seed 1\nstatement {4}.+\n(?: {13}.+\n)*witness {6}/);
    expect(out).toMatch(/\nminimal {6}\d calls, \d+ steps \(of \d+ actions; \d+ runs tried\)\nsystem {7}linux-6.1\/ideal, 1 page, /);
    expect(out).toMatch(/\n {6}1 {2}actor 0: mmap page=0 npages=1 prot=rw map=private \(task 0\)\n/);
    expect(out).toContain("\n             actor 0 mmap lock: free -> write, task 0\n");
    expect(out).toMatch(/\nreplay {7}npx hmmspec replay hmmspec-failure\.jsonl\n$/);
    expect(Math.max(...out.split("\n").map((line) => line.length))).toBeLessThanOrEqual(140);
  });

  it("fails again when its schedule is replayed, and the correct system does not", async () => {
    const file = join(folder, "hmmspec-failure.jsonl");
    const again = await inProcess(replay, ["replay", file]);
    expect(again.code).toBe(EXIT.violation);
    expect(again.out).toMatch(/\nmutant +B10: [\s\S]*\nviolation +[\w-]+\nstatement +[\s\S]*\nwitness +/);
    const correct = await inProcess(replay, ["replay", "--mutant", "none", file]);
    expect(correct.code).toBe(EXIT.ok);
    expect(correct.out).toMatch(/\nholds +every property held in \d+ actions \(the file names [\w-]+\)\n$/);
  });

  it("tells it all in JSON, too", async () => {
    const { code, out } = await check(["--mutant", "B10", "--json", "--out", folder]);
    expect(code).toBe(EXIT.violation);
    expect(JSON.parse(out)).toMatchObject({
      verdict: "violation",
      mutant: "B10",
      failure: { profile: "linux-6.1/ideal", minimal: { operations: 3 }, file: join(folder, "hmmspec-failure.jsonl") },
    });
  });
});

describe("a mutant of the implementation", () => {
  it("fails by itself and replays by itself, and is told from that of the model by its name", () => {
    const { code, out } = hmmspec(["check", "--mutant", "B10@impl", "--out", "sides"], { cwd: folder });
    expect(code).toBe(EXIT.violation);
    expect(out).toContain("mutant B10@impl\n");
    const file = join(folder, "sides", "hmmspec-failure.jsonl");
    expect(readFileSync(file, "utf8").split("\n", 1)[0]).toContain('"mutant":"B10@impl"');
    expect(hmmspec(["replay", file]).code).toBe(EXIT.violation);
    expect(hmmspec(["replay", file, "--mutant", "none"]).code).toBe(EXIT.ok);
  });
});

describe("an interrupt", () => {
  it("ends with a report of what was done, and exit code 3", async () => {
    const begun = join(folder, "begun");
    const args = ["check", "--budget", "60s", "--system", "impl", "--profile", "v14", "--out", begun];
    const child = spawn(process.execPath, [MAIN, ...args], { cwd: folder });
    let out = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
    while (!existsSync(begun)) await wait(20);
    await wait(500);
    child.kill("SIGINT");
    const [code] = (await once(child, "close")) as [number | null];
    expect(code).toBe(EXIT.inconclusive);
    expect(out).toMatch(/\nruns {9}[\d,]+ runs?, /);
    expect(out).toMatch(/\ninterrupted: this is all that was done\n$/);
  });
});

describe("wrong usage of check", () => {
  it.each<[string[], string]>([
    [["--profile", "linux-7"], 'check: --profile "linux-7", expected all, v14, linux-6.1, linux-6.12, v14/ideal, '],
    [["--profile", "v14/dmirror"], 'check: --profile "v14/dmirror", expected all, '],
    [["--mutant", "B999"], 'check: --mutant "B999", expected none or one of B10, '],
    [["--mutant", "B10@kernel"], 'check: --mutant "B10@kernel", expected B10@model or B10@impl\n'],
    [["--mutant", "B10@model", "--system", "impl"], 'check: --system "impl", expected lockstep or model, which mutant B10 changes\n'],
    [["--property", "speed"], 'check: --property "speed", expected descriptors, '],
    [["--mask", "mmap,sync"], 'check: --mask "sync", expected mmap, munmap, '],
    [["--mask", ""], 'check: --mask "0", expected mmap, '],
    [["--system", "kernel"], 'check: --system "kernel", expected lockstep, model, impl\n'],
    [["--budget", "0"], "check: --budget 0, expected a time above zero, such as 60s, 5m or 500ms\n"],
    [["--budget", "0s"], 'check: --budget "0s", expected a time above zero'],
    [["--budget=-5s"], 'check: --budget "-5s", expected a time above zero'],
    [["--budget", "soon"], 'check: --budget "soon", expected a time above zero'],
    [["--runs", "0"], "check: --runs 0, expected a whole number from 1 to "],
    [["--runs", "1.5"], "check: --runs 1.5, expected a whole number from 1 to "],
    [["--runs", "x"], 'check: --runs "x", expected a whole number from 1 to '],
    [["--seed=-1"], "check: --seed -1, expected a whole number from 0 to 4294967295\n"],
    [["--seed", "x"], 'check: --seed "x", expected a whole number from 0 to 4294967295\n'],
    [["--from=-2"], "check: --from -2, expected a whole number from 0 to "],
    [["--turbo"], "unknown option `--turbo`, see hmmspec --help\n"],
    [["now"], "unused args: `now`, see hmmspec --help\n"],
  ])("%j is refused in one line", async (args, message) => {
    const { code, out, err } = await inProcess(register, ["check", ...args]);
    expect({ code, out }).toEqual({ code: EXIT.usage, out: "" });
    expect(err).toContain(`hmmspec: bad-usage: ${message}`);
    expect(err.trimEnd()).not.toContain("\n");
  });

  it("SEED is held to the same", async () => {
    expect((await inProcess(register, ["check"], { SEED: "many" })).err).toBe(
      'hmmspec: bad-usage: check: SEED "many", expected a whole number from 0 to 4294967295\n',
    );
  });

  it("a folder that cannot be written is found before anything runs", async () => {
    const file = join(folder, "file");
    writeFileSync(file, "");
    const { code, out, err } = await inProcess(register, ["check", "--out", join(file, "below"), "--budget", "60s"]);
    expect({ code, out }).toEqual({ code: EXIT.usage, out: "" });
    expect(err).toMatch(/^hmmspec: bad-usage: check: --out \S+: ENOTDIR, expected a folder that can be written\n$/);
    expect(readFileSync(file, "utf8")).toBe("");
  });
});
