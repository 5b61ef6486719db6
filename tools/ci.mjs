/**
 * The whole of `npm test`: every check, the cheap ones first, then the tests. All of them run even when one fails, so that one run tells everything.
 *
 * The last line is `N passed, N failed`: each check counts as one, each test of vitest as one. The exit code is 1 if anything failed.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const started = process.hrtime.bigint();

/** Scripts of package.json, in the order in which they run. `publint` looks at what `build` has written. */
const CHECKS = ["format:check", "lint", "typecheck", "knip", "build", "publint"];

const seconds = (since) => `${(Number(process.hrtime.bigint() - since) / 1e9).toFixed(1)} s`;

/** Runs a command with its output on ours, and answers whether it ended with 0. */
function run(command, args) {
  const result = spawnSync(command, args, { cwd: root, stdio: "inherit" });
  if (result.error) console.log(`${command}: ${result.error.message}`);
  return result.status === 0;
}

function runCheck(name) {
  const since = process.hrtime.bigint();
  console.log(`--- ${name}`);
  const ok = run("npm", ["run", "--silent", name]);
  console.log(`${ok ? "ok" : "FAILED"}: ${name} (${seconds(since)})`);
  return { name, ok };
}

/** Counts in a vitest JSON report. A file that could not even be loaded has no tests and counts as one failure. */
function countTests(report) {
  let passed = 0;
  const failed = [];
  const skipped = [];
  for (const file of report.testResults) {
    if (file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed")) failed.push(file.name);
    for (const test of file.assertionResults) {
      if (test.status === "passed") passed += 1;
      else (test.status === "failed" ? failed : skipped).push(test.fullName);
    }
  }
  return { passed, failed, skipped };
}

function runTests() {
  console.log("--- vitest");
  const folder = mkdtempSync(join(tmpdir(), "hmmspec-"));
  const file = join(folder, "report.json");
  try {
    const ok = run(process.execPath, [
      join(root, "node_modules/vitest/vitest.mjs"),
      "run",
      "--reporter=default",
      "--reporter=json",
      `--outputFile.json=${file}`,
    ]);
    const counts = countTests(JSON.parse(readFileSync(file, "utf8")));
    // An unhandled rejection fails the run but no test.
    if (!ok && counts.failed.length === 0) counts.failed.push("vitest itself ended with a failure");
    if (ok && counts.passed === 0) counts.failed.push("vitest ran no test");
    return counts;
  } catch (error) {
    return { passed: 0, failed: [`vitest wrote no readable report: ${error.message}`], skipped: [] };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const checks = CHECKS.map(runCheck);
const tests = runTests();
const failed = [...checks.filter((check) => !check.ok).map((check) => `npm run ${check.name}`), ...tests.failed];
const passed = checks.filter((check) => check.ok).length + tests.passed;

console.log(`--- summary (${seconds(started)})`);
for (const name of tests.skipped) console.log(`skipped: ${name}`);
for (const name of failed) console.log(`failed: ${name}`);
console.log(`${passed} passed, ${failed.length} failed`);
process.exitCode = failed.length === 0 ? 0 : 1;
