/**
 * How many single-line mutants of the implementation or of the model a campaign kills: a sample of all such changes, each in a process of its own.
 *
 * Usage: node tools/mutation/survey.mjs [--of impl|model] [--sample N] [--seed N] [--seconds N] [--file PART] [--list]
 */
import { spawn } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { sitesOf } from "./sites.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const { values } = parseArgs({
  options: {
    of: { type: "string", default: "impl" },
    sample: { type: "string", default: "100" },
    seed: { type: "string", default: "1" },
    seconds: { type: "string", default: "10" },
    file: { type: "string", default: "" },
    list: { type: "boolean", default: false },
  },
});
const folder = values.of;
const seconds = Number(values.seconds);

/** The same numbers on every machine. */
function stream(seed) {
  let x = seed * 2654435761 + 1;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return x >>> 0;
  };
}

const files = readdirSync(join(root, "dist", folder), { recursive: true }).filter(
  (name) => name.endsWith(".js") && name.includes(values.file),
);
const all = files
  .toSorted()
  .flatMap((file) => sitesOf(readFileSync(join(root, "dist", folder, file), "utf8")).map((site) => ({ file, ...site })));
const next = stream(Number(values.seed));
const sample = all
  .map((site) => ({ site, key: next() }))
  .toSorted((a, b) => a.key - b.key)
  .slice(0, Number(values.sample))
  .map(({ site }) => site);

/** Runs one mutant; answers how it went: `killed: why`, `survived`, `hung` or `broken` (it does not even load). */
function tryOne(site, n) {
  const place = join(root, ".mutants", `survey-${n}`);
  rmSync(place, { recursive: true, force: true });
  mkdirSync(place, { recursive: true });
  cpSync(join(root, "dist"), join(place, "dist"), { recursive: true });
  writeFileSync(join(place, "package.json"), JSON.stringify({ type: "module" }));
  const path = join(place, "dist", folder, site.file);
  const lines = readFileSync(path, "utf8").split("\n");
  lines[site.line - 1] = site.after;
  writeFileSync(path, lines.join("\n"));
  return new Promise((resolve) => {
    const started = process.hrtime.bigint();
    const child = spawn(process.execPath, [join(root, "tools/mutation/attempt.mjs"), place, folder, String(seconds)], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    let out = "";
    child.stdout.on("data", (data) => (out += data));
    child.stderr.on("data", (data) => (out += data));
    const timer = setTimeout(() => child.kill("SIGKILL"), (seconds + 20) * 1000);
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      rmSync(place, { recursive: true, force: true });
      const took = Number(process.hrtime.bigint() - started) / 1e9;
      const text = out.trim().split("\n").at(-1) ?? "";
      resolve({ ...site, took, result: signal === null ? (code === 0 ? "survived" : `killed: ${text}`) : "killed: hung" });
    });
  });
}

if (values.list)
  for (const site of sample) console.log(`${site.file}:${site.line} ${site.kind}: ${site.before.trim()} -> ${site.after.trim()}`);
else {
  console.log(`${all.length} single-line changes of ${folder}, ${sample.length} of them tried, at most ${seconds} s each`);
  const results = [];
  let at = 0;
  const worker = async (w) => {
    while (at < sample.length) {
      const n = at++;
      const result = await tryOne(sample[n], `${process.pid}-${w}`);
      results.push(result);
      if (result.result === "survived")
        console.log(
          `survived: ${folder}/${result.file}:${result.line} ${result.kind}: ${result.before.trim()}  ->  ${result.after.trim()}`,
        );
    }
  };
  await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, (_, w) => worker(w)));
  const survived = results.filter(({ result }) => result === "survived").length;
  const times = results
    .filter(({ result }) => result !== "survived")
    .map(({ took }) => took)
    .toSorted((a, b) => a - b);
  console.log(
    `${results.length - survived} killed, ${survived} survived; median ${(times[Math.floor(times.length / 2)] ?? 0).toFixed(1)} s to kill (with start-up)`,
  );
}
