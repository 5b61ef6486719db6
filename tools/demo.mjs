/** What `npm start` shows: a short campaign on the correct implementation, then one historical bug that it catches. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Runs the program as a user would; the output is his. Answers the exit code. */
function hmmspec(...args) {
  console.log(`\n$ npx hmmspec ${args.join(" ")}`);
  return spawnSync(process.execPath, [join(root, "dist/check/cli/main.js"), ...args], { cwd: root, stdio: "inherit" }).status;
}

const folder = mkdtempSync(join(tmpdir(), "hmmspec-"));
try {
  console.log("hmmspec: model and implementation of Linux HMM, step by step side by side, under all properties, with random schedules");
  const correct = hmmspec("check", "--budget", "20s", "--profile", "linux-6.1/ideal,linux-6.12/ideal");

  console.log(
    "\nThe same with a bug that Linux 4.14 to 4.19 had (ec131b2d7fa6): the mirrors were told at the end of an unmapping instead of before it.",
  );
  const historical = hmmspec("check", "--mutant", "B10", "--system", "model", "--out", folder);

  if (correct !== 0 || historical !== 1) {
    console.error(`\nunexpected: the correct system ended with exit code ${correct} (expected 0), the bug with ${historical} (expected 1)`);
    process.exitCode = 1;
  } else
    console.log(
      "\nNext: README.md says what to read; npx hmmspec mutants lists the other bugs; npx hmmspec judge reads traces of your system.",
    );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
