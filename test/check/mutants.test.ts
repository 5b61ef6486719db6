/** The catalogue of mutants is complete, and each entry says what it must. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { EDITS, MUTANTS } from "../../check/mutants/catalogue.ts";
import type { Mutant } from "../../check/mutants/mutant.ts";
import { NOT_MUTANTS } from "../../check/mutants/not-mutants.ts";
import { killerOf, nameOn, runFile, SIDES, sidesChanged } from "../../check/mutants/side.ts";
import { RULES } from "../../model/index.ts";
import type { RuleTable } from "../../model/index.ts";
import { PROPERTIES } from "../../properties/registry.ts";
import { OPERATIONS } from "../../properties/test-case.ts";
import { REQUIREMENTS } from "../../spec/requirements.ts";
import { CORES, DRIVERS } from "../../spec/vocabulary.ts";
import { filesEndingWith, read, ROOT } from "../meta/source-files.ts";

/** Rows of the list of bugs, by letter; then those that only the implementation has. */
const LAST = { B: 63, T: 15, U: 16, g: 30, w: 11 } as const;
const ROWS = Object.entries(LAST).flatMap(([letter, last]) => Array.from({ length: last }, (_, n) => `${letter}${n + 1}`));
const MUTANTS_MIN = 90;
const EDITS_MIN = 60;
const WORDS_MIN = 5;
const PAGES_MAX = 3;
const DEVICES_MAX = 2;

type Table = Readonly<Record<string, Readonly<Record<string, object>>>>;

/** The steps that are not the same rule in two tables. */
function changed(left: Table, right: Table): string[] {
  const names = (table: Table): string[] => Object.entries(table).flatMap(([op, steps]) => Object.keys(steps).map((pc) => `${op}.${pc}`));
  const rule = (table: Table, name: string): object | undefined => table[name.split(".")[0] ?? ""]?.[name.split(".")[1] ?? ""];
  return [...new Set([...names(left), ...names(right)])].filter((name) => rule(left, name) !== rule(right, name));
}

/** The compiled form of a source. */
const compiled = (file: string): string => readFileSync(join(ROOT, "dist", file.replace(/\.ts$/, ".js")), "utf8");

beforeAll(() => {
  if (!existsSync(join(ROOT, "dist/impl"))) throw new Error("run `npm run build` first: mutants change the built implementation");
});

/** How often a text occurs in another one. */
const times = (text: string, part: string): number => text.split(part).length - 1;

const words = (text: string): number => text.split(/\s+/).filter((word) => /\w/.test(word)).length;
const named = MUTANTS.map((mutant): [string, Mutant] => [mutant.id, mutant]);

describe("the catalogue", () => {
  it("has each row of the list of bugs, as mutants or with the reason why there is none, and no other row", () => {
    const mutated = new Set<string>(MUTANTS.map(({ row }) => row));
    const excused = NOT_MUTANTS.map(({ row }) => row);
    expect([...mutated, ...excused].toSorted()).toEqual(ROWS.toSorted());
  });

  it(`has at least ${MUTANTS_MIN} mutants, each with a name of its own`, () => {
    const ids = MUTANTS.map(({ id }) => id);
    expect(ids.length).toBeGreaterThanOrEqual(MUTANTS_MIN);
    expect(ids.filter((id, i) => ids.indexOf(id) !== i)).toEqual([]);
  });

  it(`has at least ${EDITS_MIN} mutants of the implementation, and no change of it without a mutant`, () => {
    expect(MUTANTS.filter(({ impl }) => impl !== undefined).length).toBeGreaterThanOrEqual(EDITS_MIN);
    const ids = new Set(MUTANTS.map(({ id }) => id));
    expect(Object.keys(EDITS).filter((id) => !ids.has(id))).toEqual([]);
    expect(Object.entries(EDITS).filter(([id, edit]) => MUTANTS.find((mutant) => mutant.id === id)?.impl !== edit)).toEqual([]);
  });

  it("names each mutant on each side by a name and a file of its own", () => {
    const all = MUTANTS.flatMap((mutant) => sidesChanged(mutant).map((side) => ({ mutant, side })));
    const names = all.map(({ mutant, side }) => nameOn(mutant, side));
    const files = all.map(({ mutant, side }) => runFile(mutant, side));
    expect(new Set(names).size).toBe(all.length);
    expect(new Set(files).size).toBe(all.length);
    expect(names).toEqual(expect.arrayContaining(["B10", "B10@impl", "B21", "w1"]));
    expect(files).toEqual(expect.arrayContaining(["B10.jsonl", "B10-impl.jsonl", "w1.jsonl"]));
  });

  it("says why a row is no mutant, in a sentence", () => {
    expect(NOT_MUTANTS.filter(({ why }) => words(why) < WORDS_MIN || !/^[A-Z].*\.$/.test(why))).toEqual([]);
  });

  it("has no two mutants with the same title", () => {
    const titles = MUTANTS.map(({ title }) => title);
    expect(titles.filter((title, i) => titles.indexOf(title) !== i)).toEqual([]);
  });
});

describe.each(named)("mutant %s", (id, mutant) => {
  const { row, title, origin, breaks, scope, model, impl } = mutant;

  it("is named by its row and described in a sentence", () => {
    expect(id === row || id.startsWith(`${row}-`)).toBe(true);
    expect(title).toMatch(/^[A-Za-z].*\.$/);
    expect(words(title)).toBeGreaterThanOrEqual(WORDS_MIN);
    expect(origin).not.toBe("");
    if (origin === "ours") expect(row).toMatch(/^[gw]/);
    if (row.startsWith("w")) expect(model).toBeUndefined();
  });

  it("breaks requirements that exist, and is killed by a property that exists or by lockstep", () => {
    expect(breaks).not.toEqual([]);
    expect(new Set(breaks).size).toBe(breaks.length);
    expect(breaks.filter((req) => !(req in REQUIREMENTS))).toEqual([]);
    const known = ["refines", ...PROPERTIES.filter(({ kind }) => kind !== "sometimes").map((property) => property.id)];
    expect(SIDES.map((side) => killerOf(mutant, side)).filter((killer) => !known.includes(killer))).toEqual([]);
    if (impl?.killedBy !== undefined) expect(impl.killedBy).not.toBe(mutant.killedBy);
  });

  it("is looked for in a small scope of operations that exist", () => {
    const { core, driver, config, mask, limits } = scope;
    expect(CORES).toContain(core);
    expect(core === "v14" ? ["ideal"] : DRIVERS).toContain(driver);
    expect(config.pages).toBeLessThanOrEqual(PAGES_MAX);
    expect(config.devices.length).toBeLessThanOrEqual(DEVICES_MAX);
    expect(mask).not.toEqual([]);
    expect(new Set(mask).size).toBe(mask.length);
    expect(mask.filter((op) => !OPERATIONS.includes(op))).toEqual([]);
    expect(limits.tasks_max).toBeGreaterThanOrEqual(1);
    expect(mask.includes("fork") ? 2 : 1).toBe(limits.actors_max);
  });

  it("changes a step of the model, or a text that its source has exactly once", () => {
    const steps = model ? changed(RULES, model(RULES)) : [];
    if (model) expect(steps).not.toEqual([]);
    if (!impl) return;
    expect(filesEndingWith(".ts", "impl")).toContain(impl.file);
    expect(times(read(impl.file), impl.find)).toBe(1);
    expect(times(compiled(impl.file), impl.find)).toBe(1);
    expect(impl.replace).not.toBe(impl.find);
  });
});

it("the comparison of tables finds a step that was replaced, and none in the same table", () => {
  const { apply, ...rest } = RULES.munmap.lock;
  const other: RuleTable = { ...RULES, munmap: { ...RULES.munmap, lock: { ...rest, apply } } };
  expect(changed(RULES, other)).toEqual(["munmap.lock"]);
  expect(changed(RULES, { ...RULES })).toEqual([]);
});
