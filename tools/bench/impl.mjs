/**
 * What the implementation does at scale: pages a second of CPU time for each operation on a window of 10^4 and of 10^6 pages, with the bytes that
 * one page takes. Ratios are to filling a table of the same size with one word a page, in the same run.
 *
 * Usage: node tools/bench/impl.mjs [--rounds N] [--pages N]   (npm run bench builds first)
 */
import { parseArgs } from "node:util";
import { implSystem } from "../../dist/impl/index.js";
import { profile } from "../../dist/model/index.js";

const { values } = parseArgs({ options: { rounds: { type: "string", default: "3" }, pages: { type: "string", default: "1000000" } } });
const rounds = Number(values.rounds);
const WIDE = Number(values.pages);
const SMALL = WIDE / 100;

const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];

/** CPU seconds of some work. */
function seconds(work) {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

/** One process, one private device with as much memory as the window. */
function machine(pages) {
  const setup = {
    profile: profile("linux-6.1", "dmirror-fixed"),
    config: { pages, page_bytes: 4096, devices: [{ kind: "private" }] },
    bounds: { deviceFrames: pages, physicalPages: 0 },
  };
  const capacity = {
    actors: 1,
    mms: 1,
    tasks: 1,
    files: 1,
    vmas: 8,
    anonVmas: 8,
    shmems: 0,
    slots: 8,
    candidates: 64,
    replicas: 0,
    systemFrames: pages + 128,
  };
  return implSystem(setup, capacity);
}

function must(ret) {
  if (ret.status !== "ok") throw new Error(JSON.stringify(ret));
}

/** Seconds of each operation on a fresh machine. Small windows are repeated, so that each time is long enough to be measured. */
function round(pages, repeat) {
  const times = {
    "CPU write faults": 0,
    "CPU stores": 0,
    "device faults and writes": 0,
    "invalidation of a mirrored range": 0,
    "migration to the device": 0,
    "migration back": 0,
    unmapping: 0,
  };
  let bytes = 0;
  const all = { page: 0, npages: pages };
  for (let n = 0; n < repeat; n++) {
    const m = machine(pages);
    bytes = m.bytes;
    const timed = (name, call) => {
      times[name] += seconds(() => must(m.run(0, call)));
    };
    must(m.run(0, { op: "mmap", ...all, prot: "rw", map: "private" }));
    timed("CPU write faults", { op: "madvise", ...all, advice: "populate_w" });
    times["CPU stores"] += seconds(() => {
      for (let page = 0; page < pages; page++) m.run(0, { op: "cpu_write", page, value: 1 });
    });
    timed("device faults and writes", { op: "device_write", dev: 0, ...all, value: 7 });
    timed("invalidation of a mirrored range", { op: "mprotect", ...all, prot: "r" });
    must(m.run(0, { op: "mprotect", ...all, prot: "rw" }));
    timed("migration to the device", { op: "migrate_to_device", dev: 0, ...all });
    timed("migration back", { op: "migrate_to_system", dev: 0, ...all });
    timed("unmapping", { op: "munmap", ...all });
  }
  for (const name of Object.keys(times)) times[name] /= repeat;
  return { times, bytes };
}

/** Seconds of the baseline: one word a page. */
function baseline(pages) {
  const table = new Int32Array(pages);
  return (
    seconds(() => {
      for (let n = 0; n < 20; n++) for (let i = 0; i < pages; i++) table[i] = (table[i] + i) | 0;
    }) / 20
  );
}

const REPEAT = 20;
const wide = [];
const small = [];
const base = [];
round(SMALL, 3);
for (let n = 0; n < rounds; n++) {
  base.push(baseline(WIDE));
  small.push(round(SMALL, REPEAT));
  wide.push(round(WIDE, 1));
}
const perBase = median(base) / WIDE;
console.log(
  `implementation, one core, CPU time, median of ${rounds} rounds; baseline: one word a page, ${(1 / perBase / 1e6).toFixed(0)} M pages/s`,
);
console.log(
  `${"operation".padEnd(34)} ${"M pages/s".padStart(10)} ${"x baseline".padStart(10)} ${`at ${WIDE} / at ${SMALL}`.padStart(22)}`,
);
for (const name of Object.keys(wide[0].times)) {
  const w = median(wide.map(({ times }) => times[name])) / WIDE;
  const s = median(small.map(({ times }) => times[name])) / SMALL;
  console.log(
    `${name.padEnd(34)} ${(1 / w / 1e6).toFixed(2).padStart(10)} ${(w / perBase).toFixed(1).padStart(10)} ${(w / s).toFixed(2).padStart(22)}`,
  );
}
console.log(
  `${(wide[0].bytes / WIDE).toFixed(1)} bytes a page, all told: page tables of CPU and device, a system frame and a device frame for each page, tasks`,
);
