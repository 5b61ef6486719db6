/** One mutant: random runs of model and implementation in lockstep with all properties, until something shows or the time is up. Exit code 1: it showed. */
import { join } from "node:path";
import { performance } from "node:perf_hooks";

const [place, folder, seconds] = process.argv.slice(2);
const { campaign } = await import(join(place, "dist/check/index.js"));
const end = performance.now() + Number(seconds) * 1000;
try {
  const report = campaign({ system: "lockstep", seed: 1, stop: () => performance.now() > end, folder });
  if (report.failure) {
    console.log(`${report.failure.property}: ${report.failure.witness}`);
    process.exitCode = 1;
  }
} catch (error) {
  console.log(`${error.name}: ${error.message.split("\n")[0]}`);
  process.exitCode = 1;
}
