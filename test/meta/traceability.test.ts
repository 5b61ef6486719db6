import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { REQUIREMENTS } from "../../spec/requirements.ts";
import type { Requirement } from "../../spec/requirements.ts";
import { codeOnly, filesEndingWith, read, ROOT } from "./source-files.ts";

const PATCHES = 16;
const WORDS_MIN = 5;
const GAPS = "spec/known-gaps.md";
const requirements: Readonly<Record<string, Requirement>> = REQUIREMENTS;

/** The insides of the string literals of a source. */
function strings(source: string): string[] {
  const tokens = codeOnly(source, { strings: false }).match(/"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`/g) ?? [];
  return tokens.map((token) => token.slice(1, -1));
}

/** IDs that are a whole string, as rules and properties cite them. */
const idsAsStrings = (source: string): string[] => strings(source).filter((text) => /^[A-Z]{2,5}-\d+$/.test(text));

/** IDs in brackets in a string, as titles of tests name them: one, or several with commas. */
function idsInTitles(source: string): string[] {
  return strings(source).flatMap((text) =>
    [...text.matchAll(/\[([A-Z]{2,5}-\d+(?:, ?[A-Z]{2,5}-\d+)*)\]/g)].flatMap((match) => (match[1] ?? "").split(/, ?/)),
  );
}

/** The rows `| id | why |` below the heading `## Requirements not traced`. */
function exceptions(markdown: string): { id: string; why: string }[] {
  const section = /^## Requirements not traced$([\s\S]*?)(?=^## |$(?![\s\S]))/m.exec(markdown)?.[1] ?? "";
  return [...section.matchAll(/^\| *([A-Z]{2,5}-\d+) *\|(.*)\|$/gm)].map(([, id = "", why = ""]) => ({ id, why: why.trim() }));
}

/** The area of the judge: no rule of the model carries it out, so the judge's own code may cite it. */
const JUDGED = /^TRC-/;

/** Who carries a requirement out: the model, or the judge where the requirement is about judging. */
function implementing(model: readonly string[], check: readonly string[]): ReadonlySet<string> {
  return new Set([...model, ...check.filter((id) => JUDGED.test(id))]);
}

interface Cited {
  /** IDs in the code that carries them out. */
  readonly model: ReadonlySet<string>;
  readonly tests: ReadonlySet<string>;
}

/** Requirements that are neither traced nor excepted, each with what it lacks. */
function untraced(ids: readonly string[], cited: Cited, excepted: readonly string[]): string[] {
  return ids
    .filter((id) => !excepted.includes(id))
    .flatMap((id) => [
      ...(cited.model.has(id) ? [] : [`${id}: no ${JUDGED.test(id) ? "rule and no part of the judge" : "model rule"} cites it`]),
      ...(cited.tests.has(id) ? [] : [`${id}: no test and no property names it`]),
    ]);
}

/** Exceptions that are none, or that do not say why. */
function badExceptions(rows: readonly { id: string; why: string }[], ids: readonly string[], cited: Cited): string[] {
  return rows.flatMap(({ id, why }, i) => [
    ...(ids.includes(id) ? [] : [`${id}: there is no such requirement`]),
    ...(rows.findIndex((row) => row.id === id) === i ? [] : [`${id}: is listed twice`]),
    ...(cited.model.has(id) && cited.tests.has(id) ? [`${id}: is traced, so it is no exception any more`] : []),
    ...(why.split(/\s+/).filter((word) => /\w/.test(word)).length >= WORDS_MIN ? [] : [`${id}: the reason is too short`]),
  ]);
}

const sourcesBelow = (folder: string, ending: string): string[] => filesEndingWith(ending, folder).map(read);

const ids = Object.keys(requirements);
const properties = sourcesBelow("properties", ".ts");
const inTitles = sourcesBelow("test", ".test.ts").flatMap(idsInTitles);
const inModel = sourcesBelow("model", ".ts").flatMap(idsAsStrings);
const inCheck = sourcesBelow("check", ".ts").flatMap(idsAsStrings);
const inProperties = properties.flatMap((source) => [...idsAsStrings(source), ...idsInTitles(source)]);
const cited: Cited = { model: implementing(inModel, inCheck), tests: new Set([...inTitles, ...inProperties]) };

describe("requirements", () => {
  it("are each cited by a model rule and named by a test or a property, or excepted", () => {
    const excepted = exceptions(read(GAPS)).map(({ id }) => id);
    expect(untraced(ids, cited, excepted)).toEqual([]);
  });

  it("exist where an ID is cited", () => {
    expect([...cited.model, ...cited.tests].filter((id) => !ids.includes(id))).toEqual([]);
  });

  it("are excepted with a reason, and only as long as they are not traced", () => {
    expect(read(GAPS)).toMatch(/^## Requirements not traced$/m);
    expect(badExceptions(exceptions(read(GAPS)), ids, cited)).toEqual([]);
  });

  it.each(Array.from({ length: PATCHES }, (_, i) => i + 1))("cover patch %i, with tests", (patch) => {
    const own = ids.filter((id) => requirements[id]?.patches.includes(patch));
    expect(own).not.toEqual([]);
    expect(own.filter((id) => cited.tests.has(id))).not.toEqual([]);
  });

  it("are indexed: what is generated from the text is up to date", () => {
    const { status, stderr } = spawnSync(process.execPath, [join(ROOT, "tools/spec-index.mjs"), "--check"], { encoding: "utf8" });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  });
});

describe("the traceability lint finds", () => {
  const known = ["AB-1", "AB-2"];

  it("IDs in strings only, not in comments or in part of a word", () => {
    const source = `// "AB-1"\n/* 'AB-2' */\nconst rule = { spec: ["AB-3", 'AB-4', \`AB-5\`, "see AB-6"] };`;
    expect(idsAsStrings(source)).toEqual(["AB-3", "AB-4", "AB-5"]);
  });

  it("IDs in brackets in titles, one or several", () => {
    const title = (text: string): string => `it(${JSON.stringify(text)}, run);`;
    const of = (...names: string[]): string => `[${names.join(", ")}]`;
    expect(idsInTitles(title(`${of("AB-1")} ${of("AB-2", "CD-3")} does it`))).toEqual(["AB-1", "AB-2", "CD-3"]);
    expect(idsInTitles(`// ${of("AB-1")}\n${title("AB-2 and a[1-2]")}`)).toEqual([]);
  });

  it("requirements without a rule or a test", () => {
    expect(untraced(known, { model: new Set(["AB-1"]), tests: new Set(["AB-2"]) }, [])).toEqual([
      "AB-1: no test and no property names it",
      "AB-2: no model rule cites it",
    ]);
    expect(untraced(known, { model: new Set(), tests: new Set() }, known)).toEqual([]);
  });

  it("requirements about judging that neither a rule nor the judge cites; the judge can cite no others", () => {
    const none = new Set<string>();
    expect(untraced(["TRC-1"], { model: none, tests: new Set(["TRC-1"]) }, [])).toEqual([
      "TRC-1: no rule and no part of the judge cites it",
    ]);
    expect([...implementing(["AB-1"], ["TRC-1", "AB-2"])]).toEqual(["AB-1", "TRC-1"]);
  });

  it("exceptions that are unknown, double, traced or without a reason", () => {
    const page = "| AB-9 | not in here, as the section begins below |\n## Requirements not traced\n\n| id | why |\n| --- | --- |\n";
    const rows =
      "| AB-1 | nobody has had the time yet |\n| AB-2 | too short |\n| AB-2 | five words are enough here |\n| AB-3 | this one is not a requirement |\n";
    const found = exceptions(`${page}${rows}\n## Next\n| AB-4 | not in here, as the section has ended |\n`);
    expect(found.map(({ id }) => id)).toEqual(["AB-1", "AB-2", "AB-2", "AB-3"]);
    expect(badExceptions(found, known, { model: new Set(known), tests: new Set(["AB-1"]) })).toEqual([
      "AB-1: is traced, so it is no exception any more",
      "AB-2: the reason is too short",
      "AB-2: is listed twice",
      "AB-3: there is no such requirement",
    ]);
  });
});
