/** A mutant of the implementation: a copy of the compiled sources with one change, loaded beside the correct one. */
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type * as Impl from "../../impl/index.ts";
import type { SourceEdit } from "../mutants/mutant.ts";

/** Where the compiled product lies: `dist/`. */
const DIST = fileURLToPath(new URL("../..", import.meta.url));
/** Where copies go: beside `dist/`. */
export const MUTANTS_FOLDER = fileURLToPath(new URL("../../../.mutants", import.meta.url));

/** The text of a source with a change made. @throws Error where the text to be replaced is not there exactly once. */
export function edited(source: string, { file, find, replace }: SourceEdit): string {
  const n = source.split(find).length - 1;
  if (n !== 1) throw new Error(`${file}: the text to be changed occurs ${n} times, expected once: ${find}`);
  return source.replace(find, () => replace);
}

/**
 * Writes the copy and loads it.
 *
 * @returns `implSystem` of the mutated implementation
 * @throws Error where the copy cannot be written, or the change does not fit
 */
export async function loadImplMutant(id: string, edit: SourceEdit): Promise<typeof Impl.implSystem> {
  const folder = join(MUTANTS_FOLDER, id);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const part of ["impl", "spec"]) cpSync(join(DIST, part), join(folder, part), { recursive: true });
  const file = join(folder, edit.file.replace(/\.ts$/, ".js"));
  writeFileSync(file, edited(readFileSync(file, "utf8"), edit));
  const { implSystem } = (await import(pathToFileURL(join(folder, "impl/index.js")).href)) as typeof Impl;
  return implSystem;
}
