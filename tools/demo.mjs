/** What `npm start` shows: the recorded kernel traces judged, then one wrong trace and why it is rejected. */
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const golden = "test/golden/kernel";

/** Runs the judge as a user would; the output is his. */
function judge(...args) {
  console.log(`\n$ npx hmmspec judge ${args.length > 2 ? `${golden}/*.jsonl` : args.join(" ")}`);
  return spawnSync(process.execPath, ["dist/check/cli/main.js", "judge", ...args], { cwd: root, stdio: "inherit" }).status;
}

console.log("hmmspec: what real Linux 6.1 and 6.12 kernels answered, held against the reference model");
const files = readdirSync(`${root}${golden}`).map((name) => `${golden}/${name}`);
const recorded = judge(...files);

console.log("\nA wrong trace is rejected with what was allowed instead, by which requirement, and what the model says of the pages:");
const wrong = judge("test/golden/demo/stale-mirror.jsonl");

if (recorded !== 0 || wrong !== 1) {
  console.error(
    `\nunexpected: the recorded traces ended with exit code ${recorded} (expected 0), the wrong one with ${wrong} (expected 1)`,
  );
  process.exit(1);
}
console.log("\nNext: README.md says what to read, spec/README.md in which order.");
