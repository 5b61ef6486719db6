/** A mutant of the implementation: the compiled sources with one change, loaded beside the correct ones. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, posix } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type * as Impl from "../../impl/index.ts";
import type { SourceEdit } from "../mutants/mutant.ts";

/** A compiled source of the implementation. */
interface Module {
  readonly text: string;
  /** The files that it imports, as paths in the product. */
  readonly imports: readonly string[];
}

/** Where the compiled product lies: `dist/`. */
const DIST = fileURLToPath(new URL("../..", import.meta.url));
const INDEX = "impl/index.js";
const SPECIFIER = /(\bfrom ")(\.[^"]+)(")/g;

/** The text of a source with a change made. @throws Error where the text to be replaced is not there exactly once. */
export function edited(source: string, { file, find, replace }: SourceEdit): string {
  const n = source.split(find).length - 1;
  if (n !== 1) throw new Error(`${file}: the text to be changed occurs ${n} times, expected once: ${find}`);
  return source.replace(find, () => replace);
}

let read: ReadonlyMap<string, Module> | null = null;

/** All compiled sources of the implementation, read once. */
function modules(): ReadonlyMap<string, Module> {
  if (read !== null) return read;
  const found = new Map<string, Module>();
  for (const entry of readdirSync(join(DIST, "impl"), { recursive: true, encoding: "utf8" })) {
    if (!entry.endsWith(".js")) continue;
    const file = posix.join("impl", entry.replaceAll("\\", "/"));
    const text = readFileSync(join(DIST, file), "utf8");
    found.set(file, { text, imports: Array.from(text.matchAll(SPECIFIER), ([, , path = ""]) => target(file, path)) });
  }
  read = found;
  return found;
}

const target = (file: string, specifier: string): string => posix.join(posix.dirname(file), specifier);

/** A source and everything that imports it, directly or not: what a change of it makes another program of. */
function affectedBy(file: string): ReadonlySet<string> {
  const affected = new Set([file]);
  for (let before = 0; before < affected.size;) {
    before = affected.size;
    for (const [name, { imports }] of modules()) if (imports.some((imported) => affected.has(imported))) affected.add(name);
  }
  return affected;
}

/**
 * Writes the changed source and all that imports it into a folder of their own, loads them, and removes the folder. What the change does not
 * reach is shared with the correct implementation.
 *
 * @returns `implSystem` of the mutated implementation
 * @throws Error where the copy cannot be written, or the change does not fit
 */
export async function loadImplMutant(edit: SourceEdit): Promise<typeof Impl.implSystem> {
  const file = edit.file.replace(/\.ts$/, ".js");
  const source = modules().get(file);
  if (source === undefined) throw new Error(`${edit.file}: no compiled source of the implementation`);
  const changed = edited(source.text, edit);
  const affected = affectedBy(file);
  const folder = mkdtempSync(join(tmpdir(), "hmmspec-mutant-"));
  try {
    writeFileSync(join(folder, "package.json"), '{"type":"module"}');
    for (const name of affected) {
      const text = name === file ? changed : (modules().get(name)?.text ?? "");
      const own = text.replaceAll(SPECIFIER, (all, from: string, path: string, end: string) => {
        const imported = target(name, path);
        return affected.has(imported) ? all : `${from}${pathToFileURL(join(DIST, imported)).href}${end}`;
      });
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), own);
    }
    const { implSystem } = (await import(pathToFileURL(join(folder, INDEX)).href)) as typeof Impl;
    return implSystem;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
