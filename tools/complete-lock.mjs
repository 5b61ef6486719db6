/**
 * Completes package-lock.json for all platforms: run it after any `npm install`.
 *
 * npm leaves out the optional packages of other platforms when the registry or mirror at hand cannot serve them, and `npm ci` then refuses the lock file
 * everywhere. Name and version of each are known from the package that asks for it; the platform is read from the name, as all of these tools write it.
 * An entry has no integrity until an `npm install` on such a platform adds it.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const file = fileURLToPath(new URL("../package-lock.json", import.meta.url));
const lock = JSON.parse(readFileSync(file, "utf8"));

const OSES = ["aix", "android", "darwin", "freebsd", "linux", "netbsd", "openbsd", "openharmony", "sunos", "win32"];
const CPUS = ["arm64", "arm", "ia32", "loong64", "mips64el", "ppc64", "riscv64", "s390x", "x64", "wasm32"];

/** Platform fields of a name such as `@tool/binding-linux-arm64-musl`, or `null` if it names none. */
function platformOf(name) {
  const words = name.split(/[/-]/);
  const os = words.find((word) => OSES.includes(word));
  const cpu = words.find((word) => CPUS.includes(word));
  if (os === undefined || cpu === undefined) return null;
  // On 32-bit arm these packages state no libc.
  const libc = os !== "linux" || cpu === "arm" ? undefined : { gnu: "glibc", musl: "musl" }[words.at(-1)];
  return { cpu: [cpu], libc: libc && [libc], os: [os] };
}

const added = [];
for (const [path, parent] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
    const nested = `${path}/node_modules/${name}`;
    const hoisted = `node_modules/${name}`;
    if (nested in lock.packages || hoisted in lock.packages) continue;
    const platform = platformOf(name);
    if (platform === null || !/^\d/.test(version)) throw new Error(`${path} asks for ${name}@${version}, which no rule here completes`);
    const { dev, license } = parent;
    // The order of npm. Absent values vanish when the file is written.
    lock.packages[hoisted] = { version, cpu: platform.cpu, dev, libc: platform.libc, license, optional: true, os: platform.os };
    added.push(hoisted);
  }
}

lock.packages = Object.fromEntries(Object.entries(lock.packages).toSorted(([a], [b]) => a.localeCompare(b, "en")));
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`${added.length} entries added`);
