/** The minimal run of each mutant, on each side: it breaks the named property on the mutant, and nothing on the correct system. */
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EXIT } from "../../check/exit-codes.ts";
import { MUTANTS } from "../../check/mutants/catalogue.ts";
import type { Mutant, Side } from "../../check/mutants/mutant.ts";
import { killerOf, nameOn, runFile, sidesChanged } from "../../check/mutants/side.ts";
import { filesEndingWith, ROOT } from "../meta/source-files.ts";
import { type Ended, hmmspec } from "./program.ts";

interface Replayed {
  readonly id: string;
  readonly side: Side;
  readonly property: string | null;
  readonly operations: number;
  readonly steps: number;
  readonly problem: string | null;
}

const GOLDEN = "test/golden/mutants";
/** Calls of the minimal run in the middle, and of the longest. */
const MEDIAN_MAX = 8;
const CALLS_MAX = 12;

const all = MUTANTS.flatMap((mutant) =>
  sidesChanged(mutant).map((side): [string, Mutant, Side] => [`${nameOn(mutant, side)} in the ${side}`, mutant, side]),
);

/** Replays the minimal runs of a folder. */
const replay = (folder: string, ids: readonly string[] = []): Ended =>
  hmmspec(["mutants", "--replay", folder, "--json", ...(ids.length === 0 ? [] : ["--id", ids.join(",")])], { cwd: ROOT });

const resultsOf = ({ out }: Ended): readonly Replayed[] => (JSON.parse(out) as { results: Replayed[] }).results;

describe("the minimal runs", () => {
  let ended: Ended;
  let results: readonly Replayed[] = [];
  beforeAll(() => {
    ended = replay(GOLDEN);
    results = resultsOf(ended);
  }, 60_000);

  it("are one for each mutant and side, and no others", () => {
    const files = filesEndingWith(".jsonl", GOLDEN).map((file) => file.slice(GOLDEN.length + 1));
    expect(files.toSorted()).toEqual(all.map(([, mutant, side]) => runFile(mutant, side)).toSorted());
  });

  it.each(all)("kill %s, and nothing else", (_name, mutant, side) => {
    const found = results.filter((result) => result.id === mutant.id && result.side === side);
    expect(found).toMatchObject([{ property: killerOf(mutant, side), problem: null }]);
  });

  it("end the program well", () => {
    expect({ code: ended.code, err: ended.err }).toEqual({ code: EXIT.ok, err: "" });
  });

  it(`are short: ${MEDIAN_MAX} calls in the middle, ${CALLS_MAX} at most`, () => {
    const calls = results.map(({ operations }) => operations).toSorted((a, b) => a - b);
    expect(calls[0]).toBeGreaterThan(0);
    expect(calls[Math.floor(calls.length / 2)]).toBeLessThanOrEqual(MEDIAN_MAX);
    expect(calls.at(-1)).toBeLessThanOrEqual(CALLS_MAX);
  });

  it("are what the page of the mutants shows", () => {
    const table = spawnSync(process.execPath, [join(ROOT, "tools/mutant-table.mjs"), "--check"], { encoding: "utf8" });
    expect({ status: table.status, err: table.stderr }).toEqual({ status: 0, err: "" });
  });
});

describe("a minimal run that is not as it must be", () => {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "hmmspec-golden-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const golden = (name: string): string => readFileSync(join(ROOT, GOLDEN, name), "utf8");
  const put = (name: string, text: string): void => writeFileSync(join(folder, name), text);

  it("is told with what is wrong with it", () => {
    copyFileSync(join(ROOT, GOLDEN, "B10.jsonl"), join(folder, "B52.jsonl"));
    put("g27.jsonl", golden("g27.jsonl").trimEnd().split("\n").slice(0, -1).join("\n"));
    put("B43.jsonl", golden("B43.jsonl").replace('"task":0', '"task":3'));
    put("T5.jsonl", "no schedule\n");
    put("B44.jsonl", golden("B44.jsonl").replace('"lock-discipline"', '"quiescence"'));
    const ended = replay(folder, ["B10@model", "B52@model", "g27@model", "B43@model", "T5@model", "B44@model"]);
    expect(ended.code).toBe(EXIT.violation);
    expect(resultsOf(ended).map(({ problem }) => problem)).toEqual([
      expect.stringMatching(/B10\.jsonl: ENOENT$/),
      expect.stringMatching(/^action \d+ makes no sense on the mutant$/),
      "breaks endless on the mutant, expected announced-downgrades",
      "action 2 makes no sense on the mutant",
      expect.stringMatching(/T5\.jsonl:1: bad-json: /),
      "breaks lock-discipline on the mutant, expected quiescence",
    ]);
  });
});
