import { posix } from "node:path";
import { describe, expect, it } from "vitest";
import { codeOnly, filesEndingWith, isGenerated, read } from "./source-files.ts";

/** What each folder may import. `test` and `tools` may import everything, and nothing imports them. */
const LAYERS: Readonly<Record<string, { folders: readonly string[]; packages: readonly string[] }>> = {
  spec: { folders: [], packages: [] },
  model: { folders: ["spec"], packages: ["immer", "ts-pattern"] },
  impl: { folders: ["spec"], packages: [] },
  properties: { folders: ["spec"], packages: ["ts-pattern", "fast-check"] },
  check: { folders: ["spec", "model", "impl", "properties"], packages: ["fast-check"] },
};
const CLI_PACKAGES = ["cac", "picocolors"];
const LINES_MAX = 400;
/** Files that may be longer. */
const LONGER: readonly string[] = [];

/** Parts that run only in Node; the rest of the product runs in a browser. */
const isForNode = (file: string): boolean => /^check\/(cli|workers|adapters)\//.test(file);

/** Names of modules that a source imports, exports from, or loads when asked for. */
function importsOf(source: string): string[] {
  const found = codeOnly(source, { strings: false }).matchAll(/\b(?:from|import)(?:\s+|\s*\(\s*)(["'])([^"'\n]+)\1/g);
  return [...found].map((match) => match[2] ?? "");
}

function mayImportFolder(file: string, folder: string, target: string): boolean {
  if (folder === target) return true;
  if (file.endsWith("/arbitraries.ts") && folder === "properties" && target === "model") return true;
  return LAYERS[folder]?.folders.includes(target) ?? false;
}

function importFault(file: string, module: string): string | null {
  const folder = file.split("/", 1)[0] ?? "";
  if (module.startsWith(".")) {
    if (!module.endsWith(".ts")) return `${file}: imports ${module} without its .ts`;
    const target = posix.join(posix.dirname(file), module).split("/", 1)[0] ?? "";
    return mayImportFolder(file, folder, target) ? null : `${file}: ${folder} imports ${target}`;
  }
  if (module.startsWith("node:")) return isForNode(file) ? null : `${file}: imports ${module} outside of the parts for Node`;
  if (LAYERS[folder]?.packages.includes(module)) return null;
  if (file.startsWith("check/cli/") && CLI_PACKAGES.includes(module)) return null;
  return `${file}: ${folder} imports the package ${module}`;
}

/** Forbidden words: where, what, and how the message calls it. Errors must be classes; they are thrown for bugs only and never part of a state. */
const WORDS: readonly { applies: (file: string) => boolean; pattern: RegExp; name: string }[] = [
  { applies: (file) => !file.startsWith("check/cli/"), pattern: /\bDate\b/, name: "Date" },
  { applies: (file) => !file.startsWith("check/cli/"), pattern: /\bMath\s*\.\s*random\b/, name: "Math.random" },
  { applies: (file) => !file.startsWith("check/cli/"), pattern: /\bperformance\s*\.\s*now\b/, name: "performance.now" },
  {
    applies: (file) => !isForNode(file),
    pattern: /\bBuffer\b|\bprocess\s*\.\s*(?:argv|env|exit|std\w+|hrtime|on)\b/,
    name: "a global of Node",
  },
  { applies: (file) => file.startsWith("model/"), pattern: /^[^.\n]*\bclass\s+(?!\w+ extends Error\b)/m, name: "a class" },
  { applies: (file) => !file.endsWith("/index.ts"), pattern: /\bexport\s*\*/, name: "export * (only index.ts is a public face)" },
  { applies: () => true, pattern: /\bexport\s+default\b/, name: "a default export" },
];

/** Everything that is wrong with one file of the product. */
function faultsOf(file: string, source: string): string[] {
  const code = codeOnly(source, { strings: true });
  const imports = importsOf(source).map((module) => importFault(file, module));
  const words = WORDS.map(({ applies, pattern, name }) => (applies(file) && pattern.test(code) ? `${file}: has ${name}` : null));
  return [...imports, ...words].filter((fault) => fault !== null);
}

/** Length of a file that is written by hand. */
function lengthFault(file: string, source: string): string[] {
  const lines = source.split("\n").length - 1;
  return lines <= LINES_MAX || LONGER.includes(file) || isGenerated(source) ? [] : [`${file}: ${lines} lines, at most ${LINES_MAX}`];
}

const SOURCES = [...filesEndingWith(".ts"), ...filesEndingWith(".mjs")];
const PRODUCT = SOURCES.filter((file) => (file.split("/", 1)[0] ?? "") in LAYERS);

describe("the sources", () => {
  it("are found", () => {
    expect(PRODUCT).toContain("spec/vocabulary.ts");
    expect(PRODUCT).toContain("check/cli/main.ts");
    expect(SOURCES).toContain("test/meta/layering.test.ts");
  });

  it("import only what their layer may import, and use nothing that is forbidden there", () => {
    expect(PRODUCT.flatMap((file) => faultsOf(file, read(file)))).toEqual([]);
  });

  it(`have at most ${LINES_MAX} lines`, () => {
    expect(SOURCES.flatMap((file) => lengthFault(file, read(file)))).toEqual([]);
  });

  it("have kebab-case names", () => {
    expect(SOURCES.filter((file) => !/^(?:[a-z0-9-]+\/)*[a-z0-9-]+(?:\.(?:test|config|spec))?\.(?:ts|mjs)$/.test(file))).toEqual([]);
  });
});

describe("the import lint finds", () => {
  it.each<[string, string, string]>([
    ["spec/a.ts", `import { x } from "../model/x.ts";`, "spec/a.ts: spec imports model"],
    ["model/a.ts", `import type { X } from "../impl/x.ts";`, "model/a.ts: model imports impl"],
    ["impl/a.ts", `export { x } from "../model/x.ts";`, "impl/a.ts: impl imports model"],
    ["impl/a.ts", `import { produce } from "immer";`, "impl/a.ts: impl imports the package immer"],
    ["model/rules/a.ts", `import { x } from "../../test/x.ts";`, "model/rules/a.ts: model imports test"],
    ["check/a.ts", `const x = await import("../tools/x.ts");`, "check/a.ts: check imports tools"],
    ["check/a.ts", `import { cac } from "cac";`, "check/a.ts: check imports the package cac"],
    ["check/a.ts", `import "node:fs";`, "check/a.ts: imports node:fs outside of the parts for Node"],
    ["check/a.ts", `import { x } from "./x.js";`, "check/a.ts: imports ./x.js without its .ts"],
    ["properties/always/a.ts", `import { x } from "../../model/x.ts";`, "properties/always/a.ts: properties imports model"],
    ["model/a.ts", `const t = new Date();`, "model/a.ts: has Date"],
    ["check/explore.ts", `const r = Math.random();`, "check/explore.ts: has Math.random"],
    ["impl/a.ts", `const t = performance.now();`, "impl/a.ts: has performance.now"],
    ["impl/a.ts", `const b = Buffer.alloc(3);`, "impl/a.ts: has a global of Node"],
    ["check/a.ts", `const e = process.env["X"];`, "check/a.ts: has a global of Node"],
    ["model/a.ts", `export class State {}`, "model/a.ts: has a class"],
    ["model/a.ts", `export * from "./b.ts";`, "model/a.ts: has export * (only index.ts is a public face)"],
    ["model/a.ts", `export default 3;`, "model/a.ts: has a default export"],
  ])("%s: %s", (file, source, fault) => {
    expect(faultsOf(file, source)).toEqual([fault]);
  });

  it("a file that is too long", () => {
    expect(lengthFault("model/a.ts", "x\n".repeat(LINES_MAX + 1))).toEqual([`model/a.ts: ${LINES_MAX + 1} lines, at most ${LINES_MAX}`]);
    expect(lengthFault("model/a.ts", "x\n".repeat(LINES_MAX))).toEqual([]);
  });

  it.each<[string, string]>([
    ["model/a.ts", `import { produce } from "immer";\nimport { match } from "ts-pattern";\nimport { vpn } from "../spec/vocabulary.ts";`],
    ["properties/arbitraries.ts", `import { step } from "../model/step.ts";\nimport fc from "fast-check";`],
    ["check/a.ts", `import { step } from "../model/step.ts";`],
    ["model/a.ts", `export class ModelBug extends Error {}`],
    ["check/cli/a.ts", `import { readFileSync } from "node:fs";\nimport { cac } from "cac";\nprocess.exit(1);\nnew Date();`],
    ["model/a.ts", `/** No class here, no Date, no import from "../impl/x.ts". */\nconst text = "new Date() of class x";`],
  ])("nothing in %s: %s", (file, source) => {
    expect(faultsOf(file, source)).toEqual([]);
  });
});
