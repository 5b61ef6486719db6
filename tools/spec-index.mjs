/**
 * The index of the specification: reads the requirements in `spec/*.md`, checks them, and writes what is made from them:
 * `spec/requirements.ts` (the IDs as types) and the table of the 16 patches in `spec/README.md`.
 *
 *     node tools/spec-index.mjs            writes
 *     node tools/spec-index.mjs --check    writes nothing; exit code 1 if one of the two is out of date
 *
 * A requirement is a bullet of one line: `- **MIG-7** Statement. More. [source; source] {patch 13}`. Wrong bullets: exit code 2.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const BEGIN = "<!-- patches:begin -->";
const END = "<!-- patches:end -->";

/** Titles of the cover letter's patches, shortened. */
const PATCHES = [
  "free_hot_cold_page: catch ZONE_DEVICE pages",
  "memory hotplug: flags instead of one bool",
  "ZONE_DEVICE: early removal of device memory",
  "ZONE_DEVICE: callback when a page is freed",
  "ZONE_DEVICE: un-addressable device memory",
  "ZONE_DEVICE/x86: un-addressable device memory",
  "hmm: core",
  "hmm/mirror: mirror an address space",
  "hmm/mirror: snapshot of the CPU page table",
  "hmm/mirror: device page fault",
  "hmm/migrate: un-addressable pages in migration",
  "hmm/migrate: copy flag of migratepage()",
  "hmm/migrate: new migration helper",
  "hmm/migrate: pages that are mapped once",
  "hmm/devmem: hotplug helper",
  "hmm/devmem: dummy device",
];

const problems = [];
const complain = (file, line, text) => problems.push(`${file}:${line}: ${text}`);

/** What is meant to be a requirement: a bullet that begins with something like an ID. */
const LOOKS_LIKE_ONE = /^\s*[-*+]\s+\**[A-Z]{2,5}-?\d+\b/;
const BULLET =
  /^- \*\*(?<area>[A-Z]{2,5})-(?<number>[1-9]\d*)\*\* (?<text>.*\S) \[(?<source>[^[\]]+)\](?: \{patch (?<patches>\d+(?:, \d+)*)\})?$/;

/** The first sentence, which must stand alone. A sentence ends with a full stop before a capital, a backtick or the end. */
function firstSentence(text) {
  return /^.*?\.(?= [A-Z`]|$)/.exec(text)?.[0] ?? null;
}

function parseBullet(file, number, line, known) {
  const groups = BULLET.exec(line)?.groups;
  if (!groups) {
    complain(file, number, "not a requirement of the form `- **AREA-1** Statement. [source; source] {patch 1, 2}`");
    return null;
  }
  const id = `${groups.area}-${groups.number}`;
  const statement = firstSentence(groups.text);
  if (statement === null) complain(file, number, `${id}: the statement has no full stop`);
  for (const source of groups.source.split("; ")) {
    const name = source.split(" ", 1)[0].replace(/:$/, "");
    if (!known.has(name)) complain(file, number, `${id}: source "${source}": "${name}" is not in sources.json`);
  }
  const patches = groups.patches?.split(", ").map(Number) ?? [];
  for (const patch of patches) if (patch < 1 || patch > PATCHES.length) complain(file, number, `${id}: there is no patch ${patch}`);
  return { id, area: groups.area, number: Number(groups.number), statement, source: groups.source, patches, file, line: number };
}

function parseFile(file, known) {
  let fenced = false;
  let open = false;
  return readFileSync(join(root, "spec", file), "utf8")
    .split("\n")
    .flatMap((line, i) => {
      if (/^(?:```|~~~)/.test(line)) fenced = !fenced;
      if (open && /^\s+\S/.test(line)) complain(`spec/${file}`, i + 1, "a requirement is one physical line, this one goes on");
      open = !fenced && LOOKS_LIKE_ONE.test(line);
      const found = open ? parseBullet(`spec/${file}`, i + 1, line, known) : null;
      return found ? [found] : [];
    });
}

/** Numbers of an area: each once, from 1, without gaps. */
function checkNumbers(requirements) {
  const seen = new Map();
  for (const r of requirements) {
    const first = seen.get(r.id);
    if (first) complain(r.file, r.line, `${r.id} is already in ${first.file}:${first.line}`);
    else seen.set(r.id, r);
  }
  for (const r of requirements) {
    if (r.number > 1 && !seen.has(`${r.area}-${r.number - 1}`)) complain(r.file, r.line, `${r.id} comes without ${r.area}-${r.number - 1}`);
  }
}

/** A string literal as a formatter would leave it: double quotes, unless single ones need fewer escapes. */
function literal(text) {
  const double = JSON.stringify(text);
  if (!text.includes('"') || text.includes("'")) return double;
  return `'${double.slice(1, -1).replaceAll('\\"', '"')}'`;
}

function renderRequirements(requirements) {
  const entry = (r) =>
    `  ${JSON.stringify(r.id)}: { statement: ${literal(r.statement)}, source: ${literal(r.source)}, ` +
    `patches: [${r.patches.join(", ")}], file: ${JSON.stringify(r.file.replace("spec/", ""))} },`;
  return [
    "// GENERATED from spec/*.md by tools/spec-index.mjs (npm run spec:index). Do not edit.",
    "/* oxlint-disable max-lines */",
    "",
    "/** One requirement of the specification. */",
    "export interface Requirement {",
    "  /** Its first sentence. */",
    "  readonly statement: string;",
    "  /** Where it comes from, separated by `; `. The names are those of `sources.json`. */",
    "  readonly source: string;",
    "  /** Patches of the cover letter that it belongs to. */",
    "  readonly patches: readonly number[];",
    "  /** File in `spec/` that it stands in. */",
    "  readonly file: string;",
    "}",
    "",
    "/** All requirements by ID, in the order of the text. */",
    "export const REQUIREMENTS = {",
    ...requirements.map(entry),
    "} as const satisfies Record<string, Requirement>;",
    "",
    "/** ID of a requirement. */",
    "export type ReqId = keyof typeof REQUIREMENTS;",
    "",
  ].join("\n");
}

function filesBelow(folder, ending) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length).replaceAll("\\", "/"))
    .toSorted();
}

const COMMENT_OR_STRING = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`/g;

/** How often each ID stands as `[ID]` (or `[ID, ID]`) in the strings of the tests: ID -> Map of file -> count. */
function citations(testFiles) {
  const cited = new Map();
  for (const file of testFiles) {
    const tokens = readFileSync(join(root, file), "utf8").match(COMMENT_OR_STRING) ?? [];
    for (const token of tokens.filter((t) => !t.startsWith("/"))) {
      for (const [, ids] of token.matchAll(/\[([A-Z]{2,5}-\d+(?:, ?[A-Z]{2,5}-\d+)*)\]/g)) {
        for (const id of ids.split(/, ?/)) {
          const files = cited.get(id) ?? new Map();
          cited.set(id, files.set(file, (files.get(file) ?? 0) + 1));
        }
      }
    }
  }
  return cited;
}

function renderPatches(requirements) {
  const testFiles = filesBelow("test", ".test.ts");
  const cited = citations(testFiles);
  const rows = PATCHES.map((title, i) => {
    const ids = requirements.filter((r) => r.patches.includes(i + 1)).map((r) => r.id);
    const files = new Map();
    for (const id of ids) for (const [file, count] of cited.get(id) ?? []) files.set(file, (files.get(file) ?? 0) + count);
    const total = [...files.values()].reduce((sum, count) => sum + count, 0);
    const names = testFiles.filter((file) => files.has(file)).map((file) => `\`${file}\``);
    const tests = total === 0 ? "none" : `${total}: ${names.join(", ")}`;
    return `| ${i + 1} | ${title} | ${ids.length > 0 ? ids.join(", ") : "none"} | ${tests} |`;
  });
  return [BEGIN, "", "| patch | title | requirements | tests that cite them |", "| --- | --- | --- | --- |", ...rows, "", END].join("\n");
}

function readSources() {
  const { sources } = JSON.parse(readFileSync(join(root, "spec/sources.json"), "utf8"));
  const known = new Set(sources.map((source) => source.id));
  if (known.size < sources.length) complain("spec/sources.json", 1, "an id is there twice");
  return known;
}

/** The README with a fresh table, or `null` if it has no place for one. */
function renderReadme(requirements) {
  const path = join(root, "spec/README.md");
  const old = existsSync(path) ? readFileSync(path, "utf8") : "";
  const from = old.indexOf(BEGIN);
  const to = old.indexOf(END);
  if (from < 0 || to < from) {
    complain("spec/README.md", 1, `has no place for the table of the patches: put ${BEGIN} and ${END} on lines of their own`);
    return null;
  }
  return old.slice(0, from) + renderPatches(requirements) + old.slice(to + END.length);
}

function main() {
  const unknown = process.argv.slice(2).filter((argument) => argument !== "--check");
  if (unknown.length > 0) {
    console.error(`spec-index: unknown argument ${unknown[0]} (there is --check only)`);
    return 2;
  }
  const known = readSources();
  const files = readdirSync(join(root, "spec"))
    .filter((file) => file.endsWith(".md"))
    .toSorted();
  const requirements = files.flatMap((file) => parseFile(file, known));
  checkNumbers(requirements);
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) return 2;
  const outputs = { "spec/requirements.ts": renderRequirements(requirements), "spec/README.md": renderReadme(requirements) };
  for (const problem of problems) console.error(problem);
  const stale = Object.keys(outputs).filter((path) => {
    const old = existsSync(join(root, path)) ? readFileSync(join(root, path), "utf8") : null;
    return outputs[path] !== null && outputs[path] !== old;
  });
  if (process.argv.includes("--check")) {
    if (stale.length > 0) console.error(`spec-index: ${stale.join(" and ")} out of date: run \`npm run spec:index\``);
  } else {
    for (const path of stale) writeFileSync(join(root, path), outputs[path]);
    console.log(
      `spec-index: ${requirements.length} requirements; ${stale.length > 0 ? `written: ${stale.join(", ")}` : "nothing to write"}`,
    );
  }
  if (problems.length > 0) return 2;
  return stale.length > 0 && process.argv.includes("--check") ? 1 : 0;
}

process.exitCode = main();
