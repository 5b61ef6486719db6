import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of the repository. */
export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** What is not written by hand or not part of the sources. */
const SKIPPED = new Set(["node_modules", "dist", "coverage"]);

/** All files below the root whose name ends with `ending`, as paths with `/`. Hidden folders are left out, an absent folder has none. */
export function filesEndingWith(ending: string, folder = ""): string[] {
  if (!existsSync(join(ROOT, folder))) return [];
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (entry.name.startsWith(".") || SKIPPED.has(entry.name)) return [];
    if (entry.isDirectory()) return filesEndingWith(ending, path);
    return entry.name.endsWith(ending) ? [path] : [];
  });
}

/** The text of a file of the repository. */
export function read(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

/** Whether a file says in its first line that a tool has written it. */
export function isGenerated(source: string): boolean {
  return (source.split("\n", 1)[0] ?? "").includes("GENERATED");
}

/** Blanks out comments, and the insides of strings if asked, keeping the lines. Template literals count as strings. */
export function codeOnly(source: string, options: { strings: boolean }): string {
  const tokens = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`/g;
  return source.replace(tokens, (token) => {
    if (token.startsWith("/") || options.strings) return token.replace(/[^\n]/g, " ");
    return token;
  });
}
