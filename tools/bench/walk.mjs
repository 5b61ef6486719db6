/**
 * Random walks over interleaved atomic steps at 4 pages, two devices and two processes: steps a second of CPU time for the implementation alone, under
 * all `always` properties, under all properties, for the model alone, and for both in lockstep. Ratios are to drawing random numbers in the same run.
 *
 * Usage: node tools/bench/walk.mjs [--rounds N] [--seconds N]   (npm run bench builds first)
 */
import { parseArgs } from "node:util";
import { lockstep, modelSystem, randomStream, setupOf, walk } from "../../dist/check/index.js";
import { implSystem } from "../../dist/impl/index.js";
import { OPERATIONS, PROPERTIES, Watch } from "../../dist/properties/index.js";

const { values } = parseArgs({ options: { rounds: { type: "string", default: "3" }, seconds: { type: "string", default: "2" } } });
const rounds = Number(values.rounds);
const SECONDS = Number(values.seconds);
const LENGTH = 2000;

const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
const cpu = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

const always = PROPERTIES.filter(({ kind }) => kind === "always");
const checked = PROPERTIES.filter(({ kind }) => kind !== "sometimes");
const scope = {
  core: "linux-6.1",
  driver: "ideal",
  switches: {},
  config: { pages: 4, page_bytes: 4096, devices: [{ kind: "private" }, { kind: "private" }] },
  bounds: { deviceFrames: 3, physicalPages: 0 },
  mask: OPERATIONS,
  limits: { tasks_max: 3, actors_max: 2 },
};
const setup = setupOf(scope);

const SUBJECTS = {
  "implementation alone": { make: () => implSystem(setup), properties: [] },
  "implementation, all always properties": { make: () => implSystem(setup), properties: always },
  "implementation, all properties": { make: () => implSystem(setup), properties: checked },
  "model alone": { make: () => modelSystem(setup), properties: [] },
  "model, all properties": { make: () => modelSystem(setup), properties: checked },
  lockstep: { make: () => lockstep(modelSystem(setup), implSystem(setup)), properties: [] },
  "lockstep, all properties": { make: () => lockstep(modelSystem(setup), implSystem(setup)), properties: checked },
};

/** One walk; answers its steps. The same walk for every subject. */
function one({ make, properties }, seed) {
  const system = make();
  const watch = properties.length > 0 ? new Watch(system, properties) : null;
  const testCase = { ...scope, style: Math.imul(seed, 2654435761) >>> 0, choices: { seed, length: LENGTH } };
  const { actions } = walk(system, testCase, watch ? { after: (word, action, returned) => watch.after(word, action, returned) } : {});
  if (watch?.violation) throw new Error(`${watch.violation.property}: ${watch.violation.witness}`);
  return actions;
}

/** Steps a second over about so many seconds. */
function rate(subject) {
  let steps = 0;
  const begun = cpu();
  for (let seed = 1; cpu() - begun < SECONDS; seed++) steps += one(subject, seed);
  return steps / (cpu() - begun);
}

function baseline() {
  const { next } = randomStream(1);
  const begun = cpu();
  let sum = 0;
  for (let n = 0; n < 2e7; n++) sum ^= next();
  return sum === 1 ? 0 : 2e7 / (cpu() - begun);
}

for (const subject of Object.values(SUBJECTS)) rate(subject);
const rates = Object.fromEntries(Object.keys(SUBJECTS).map((name) => [name, []]));
const base = [];
for (let n = 0; n < rounds; n++) {
  base.push(baseline());
  for (const [name, subject] of Object.entries(SUBJECTS)) rates[name].push(rate(subject));
}
console.log(
  `walks, one core, CPU time, median of ${rounds} rounds; ${always.length} always properties, ${checked.length} in all; baseline: ${(median(base) / 1e6).toFixed(0)} M random numbers/s`,
);
console.log(`${"subject".padEnd(42)} ${"steps/s".padStart(10)} ${"baseline /".padStart(11)}`);
for (const [name, list] of Object.entries(rates))
  console.log(
    `${name.padEnd(42)} ${Math.round(median(list)).toString().padStart(10)} ${(median(base) / median(list)).toFixed(0).padStart(11)}`,
  );
