import { describe, expect, it } from "vitest";
import { read } from "./source-files.ts";

interface Manifest {
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}
type LockEntries = Readonly<
  Record<string, { readonly version?: string; readonly optionalDependencies?: Readonly<Record<string, string>> }>
>;

const manifest = JSON.parse(read("package.json")) as Manifest;
const { packages } = JSON.parse(read("package-lock.json")) as { packages: LockEntries };

/** Optional packages that a lock file does not know. `npm ci` refuses such a file on every platform. */
function missing(entries: LockEntries): string[] {
  return Object.entries(entries).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter(
      (name) => !(`node_modules/${name}` in entries) && !(`${path}/node_modules/${name}` in entries),
    ),
  );
}

describe("the package", () => {
  it("has a lock file for all platforms (if not: npm run lock:complete)", () => {
    expect(missing(packages)).toEqual([]);
    expect(missing({ "node_modules/a": { optionalDependencies: { "a-linux": "1.0.0" } } })).toEqual(["a-linux"]);
  });

  it("asks for exact versions, which are those of the lock file", () => {
    for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })) {
      expect(`${name}@${version}`).toMatch(/@\d+\.\d+\.\d+$/);
      expect(`${name}@${packages[`node_modules/${name}`]?.version}`).toBe(`${name}@${version}`);
    }
  });

  it("runs nothing when it is installed", () => {
    expect(Object.keys(manifest.scripts).filter((name) => /^(?:pre|post)?install$|^(?:pre|post)?prepare$/.test(name))).toEqual([]);
  });
});
