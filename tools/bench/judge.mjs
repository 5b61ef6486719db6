/**
 * The judge's speed on the recorded traces of one process (`seq`), start-up excluded, as ratios to a baseline of the same run: reading and decoding the
 * same lines without judging them. Then the memory that a file of a million events takes.
 *
 * Usage: node tools/bench/judge.mjs [--rounds N] [--events N]   (npm run bench builds first)
 */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { decodeLine, judge } from "../../dist/check/index.js";
import { initial, profile, run, step, enabledSteps } from "../../dist/model/index.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const { values } = parseArgs({ options: { rounds: { type: "string", default: "5" }, events: { type: "string", default: "1000000" } } });
const rounds = Number(values.rounds);
const lines = readFileSync(`${root}test/golden/kernel/seq-6.1.jsonl`, "utf8").trimEnd().split("\n");
const calls = lines.filter((line) => !line.startsWith('{"format"')).length;

const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];

/** Median calls per second of CPU time over the rounds, after one round that is not counted. */
function rate(work, n = calls) {
  const rates = [];
  for (let i = 0; i <= rounds; i++) {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    if (i > 0) rates.push((n * 1e6) / (user + system));
  }
  return median(rates);
}

function decodeAll() {
  for (const [i, text] of lines.entries()) decodeLine(text, i + 1);
}

function judgeAll() {
  let current = null;
  for (const [i, text] of lines.entries()) {
    const read = decodeLine(text, i + 1);
    if (read.kind === "header") current = judge(read.header);
    else current.next(read.event, i + 1);
    if (current.verdict().verdict !== "accept") throw new Error(`line ${i + 1} is not accepted`);
  }
}

/** The same calls through the public transition (immer), for a part of the traces. */
const PART = 600;
function stepAll() {
  let state = null;
  for (const [i, text] of lines.slice(0, PART).entries()) {
    const read = decodeLine(text, i + 1);
    if (read.kind === "header") {
      state = initial(profile(read.header.profile, read.header.driver), read.header.config);
      continue;
    }
    let stepped = step(state, { type: "call", actor: read.event.actor, call: read.event.call });
    while (stepped.outcome.kind === "running") stepped = step(stepped.state, enabledSteps(stepped.state)[0]);
    state = stepped.state;
  }
}

function runAll() {
  let state = null;
  for (const [i, text] of lines.slice(0, PART).entries()) {
    const read = decodeLine(text, i + 1);
    if (read.kind === "header") state = initial(profile(read.header.profile, read.header.driver), read.header.config);
    else state = run(state, read.event.actor, read.event.call).runs[0].state;
  }
}

const row = (name, value, unit, base) =>
  console.log(
    `${name.padEnd(44)} ${Math.round(value).toLocaleString("en").padStart(12)} ${unit}${base ? `   ${(value / base).toFixed(3)} of the baseline` : "   (baseline)"}`,
  );

console.log(`node ${process.version}, ${calls} calls, median of ${rounds} rounds, per second of CPU time`);
const base = rate(decodeAll);
row("decode only", base, "calls/s");
row("judge", rate(judgeAll), "calls/s", base);
const part = lines.slice(0, PART).filter((line) => !line.startsWith('{"format"')).length;
row("model, sequential run", rate(runAll, part), "calls/s", base);
row("model, public step (immer), same calls", rate(stepAll, part), "calls/s", base);

/** Streams one trace of many events into the judge and answers its peak memory. */
async function million(events) {
  const header = lines[0].replace(/"id":"[^"]*"/, '"id":"bench"');
  const child = spawn(process.execPath, ["dist/check/cli/main.js", "judge", "-"], { cwd: root, stdio: ["pipe", "pipe", "inherit"] });
  child.stdout.pipe(process.stdout);
  const done = new Promise((resolve) => child.on("close", resolve));
  let peak = 0;
  const watch = setInterval(() => {
    const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
    peak = Math.max(peak, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0));
  }, 200);
  const cycle = [
    ['{"op":"cpu_write","page":0,"value":1}', '{"status":"ok"}'],
    ['{"op":"migrate_to_device","dev":0,"page":0,"npages":1}', '{"status":"ok","cpages":1,"data":[1]}'],
    ['{"op":"device_read","dev":0,"page":0,"npages":1}', '{"status":"ok","cpages":1,"faults":0,"data":[1]}'],
    ['{"op":"cpu_read","page":0}', '{"status":"ok","value":1}'],
  ];
  child.stdin.write(
    `${header}\n{"seq":1,"actor":0,"call":{"op":"mmap","page":0,"npages":1,"prot":"rw","map":"private"},"ret":{"status":"ok"}}\n`,
  );
  for (let seq = 2; seq <= events;) {
    let chunk = "";
    for (let n = 0; n < 2000 && seq <= events; n++, seq++) {
      const [call, ret] = cycle[(seq - 2) % cycle.length];
      chunk += `{"seq":${seq},"actor":0,"call":${call},"ret":${ret}}\n`;
    }
    if (!child.stdin.write(chunk)) await new Promise((resolve) => child.stdin.once("drain", resolve));
  }
  child.stdin.end();
  const code = await done;
  clearInterval(watch);
  console.log(`one trace of ${events.toLocaleString("en")} events: exit code ${code}, peak memory ${(peak / 1024).toFixed(0)} MB`);
}

await million(Number(values.events));
