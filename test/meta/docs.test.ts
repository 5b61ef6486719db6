import { existsSync, readdirSync, statSync } from "node:fs";
import { join, posix } from "node:path";
import { describe, expect, it } from "vitest";
import { codeOnly, filesEndingWith, isGenerated, read, ROOT } from "./source-files.ts";

const PRODUCT = ["spec", "model", "impl", "properties", "check"];
const DECLARATION = /^export (?:declare )?(?:abstract )?(?:async )?(?:const|let|function\*?|class|interface|type|enum) (\w+)/;

/** Exported declarations without a comment right above them. */
function undocumented(source: string): string[] {
  const lines = source.split("\n");
  return lines.flatMap((line, index) => {
    const name = DECLARATION.exec(line)?.[1];
    if (name === undefined) return [];
    const above = lines.slice(0, index).join("\n");
    const comment = above.slice(above.lastIndexOf("/**"));
    const documented = above.includes("/**") && comment.trimEnd().endsWith("*/") && comment.indexOf("*/") === comment.trimEnd().length - 2;
    return documented ? [] : [name];
  });
}

/** Removes what only looks like a link: code blocks and code spans. */
const proseOf = (markdown: string): string => markdown.replace(/^(?:```|~~~)[\s\S]*?^(?:```|~~~)/gm, "").replace(/`[^`\n]*`/g, "");

/** The anchor that a heading gets on GitHub and in most other viewers. */
const anchorOf = (heading: string): string =>
  heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .replace(/\s/g, "-");

const anchorsOf = (markdown: string): string[] => [...markdown.matchAll(/^#{1,6} +(.+)$/gm)].map((match) => anchorOf(match[1] ?? ""));

/** Relative links of one page that lead nowhere. `open` answers the text of a file, or `null` if there is none. */
function brokenLinks(page: string, markdown: string, open: (path: string) => string | null): string[] {
  const inline = [...proseOf(markdown).matchAll(/\]\(\s*<?([^)\s>]+)>?[^)]*\)/g)];
  const references = [...proseOf(markdown).matchAll(/^\[[^\]]+\]:\s*(\S+)/gm)];
  return [...inline, ...references]
    .map((match) => match[1] ?? "")
    .filter((link) => !/^[a-z][a-z0-9+.-]*:/i.test(link))
    .filter((link) => {
      const [path = "", anchor] = link.split("#");
      const target = path === "" ? page : posix.join(posix.dirname(page), decodeURIComponent(path));
      const content = target === page ? markdown : open(target);
      if (content === null) return true;
      return anchor !== undefined && target.endsWith(".md") && !anchorsOf(content).includes(anchor);
    })
    .map((link) => `${page}: ${link}`);
}

function openFile(path: string): string | null {
  if (!existsSync(join(ROOT, path))) return null;
  return statSync(join(ROOT, path)).isDirectory() ? "" : read(path);
}

/** Folders at the top that hold anything. Git keeps no empty ones. */
function topFolders(): string[] {
  return readdirSync(ROOT, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !/^(?:\..*|node_modules|dist|coverage)$/.test(entry.name))
    .map((entry) => entry.name)
    .filter((folder) => filesEndingWith("", folder).length > 0);
}

/** Names of folders, as `name/` in code, that a page does not have. */
const unlisted = (markdown: string, folders: readonly string[]): string[] => folders.filter((folder) => !markdown.includes(`\`${folder}/`));

describe("documentation", () => {
  it("explains every exported thing", () => {
    const files = filesEndingWith(".ts").filter((file) => PRODUCT.includes(file.split("/", 1)[0] ?? ""));
    expect(files).toContain("spec/vocabulary.ts");
    const sources = files.map((file) => ({ file, source: read(file) })).filter(({ source }) => !isGenerated(source));
    expect(sources.flatMap(({ file, source }) => undocumented(source).map((name) => `${file}: ${name}`))).toEqual([]);
  });

  it("has no broken relative links", () => {
    expect(filesEndingWith(".md").flatMap((page) => brokenLinks(page, read(page), openFile))).toEqual([]);
  });

  it("lists all top-level folders in the README", () => {
    expect(topFolders()).toContain("spec");
    expect(unlisted(openFile("README.md") ?? "", topFolders())).toEqual([]);
  });

  it("names the public faces in package.json that exist as sources", () => {
    const { exports } = JSON.parse(read("package.json")) as { exports: Record<string, unknown> };
    const faces = Object.keys(exports).filter((name) => name !== "./package.json");
    expect(faces.filter((name) => openFile(`${name.slice(2)}/index.ts`) === null)).toEqual([]);
  });
});

describe("the documentation lint finds", () => {
  it.each<[string, string[]]>([
    ["export const a = 1;", ["a"]],
    ["/** Doc. */\nexport const a = 1;\nexport function b() {}", ["b"]],
    ["/** Doc. */\n\nconst x = 1;\nexport type A = 1;", ["A"]],
    ["/* Not a doc. */\nexport interface A {}", ["A"]],
    ["/** One.\n * Two.\n */\nexport async function* a() {}", []],
    ["/** Doc. */\nexport class A {}\nexport { x } from './x.ts';", []],
  ])("missing comments in %j", (source, names) => {
    expect(undocumented(source)).toEqual(names);
  });

  it("broken links", () => {
    const open = (path: string): string | null => (path === "spec/b.md" ? "# One Two\n" : null);
    const page = "[1](b.md) [2](b.md#one-two) [3](b.md#three) [4](c.md) [5](https://x.org) `[6](d.md)` [7](#here)\n# Here\n[8]: ./e.md\n";
    expect(brokenLinks("spec/a.md", page, open)).toEqual(["spec/a.md: b.md#three", "spec/a.md: c.md", "spec/a.md: ./e.md"]);
  });

  it("unlisted folders", () => {
    expect(unlisted("| `spec/` | text |\n| `model/rules` |", ["spec", "model", "check"])).toEqual(["check"]);
  });

  it("code, not what comments and strings say", () => {
    expect(codeOnly("a /* b */ 'c' // d\ne", { strings: true })).toBe("a                 \ne");
  });
});
