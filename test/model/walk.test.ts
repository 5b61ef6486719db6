/** Random walks: calls of several processes, interleaved step by step, with pins and reclaim in between. Each state on the way is audited. */
import { describe, expect, it } from "vitest";
import { enabledSteps, step } from "../../model/index.ts";
import type { Action, Core, DeviceKind, DriverName, ModelCall } from "../../spec/vocabulary.ts";
import { audit } from "./audit.ts";
import { calls, random, system } from "./support.ts";
import type { System } from "./support.ts";

const WALKS = 8;
const ACTIONS = 250;
const PAGES = 4;
const TASKS_MAX = 3;

type Draw = (below: number) => number;

function pick<T>(draw: Draw, from: readonly T[]): T {
  return from[draw(from.length)] as T;
}

/** A call on some pages; how often each is listed is how likely it is. */
function anyCall(draw: Draw): ModelCall {
  const page = draw(PAGES);
  const n = 1 + draw(PAGES - page);
  const dev = draw(2);
  const prot = pick(draw, ["rw", "rw", "rw", "r", "n", "rwx"] as const);
  const map = pick(draw, ["private", "private", "private", "shared", "device"] as const);
  const advice = pick(draw, ["dontneed", "free", "pageout", "cold", "populate_r", "populate_w"] as const);
  return pick(draw, [
    () => calls.mmap(page, n, prot, map),
    () => calls.mmap(page, n, prot, map),
    () => calls.read(page),
    () => calls.read(page),
    () => calls.write(page, 1 + draw(9)),
    () => calls.write(page, 1 + draw(9)),
    () => calls.write(page, 1 + draw(9)),
    () => calls.munmap(page, n),
    () => calls.mprotect(page, n, prot),
    () => calls.madvise(page, n, advice),
    () => calls.madvise(page, n, advice),
    () => calls.mremap(page, n, draw(PAGES - n + 1)),
    () => calls.devRead(dev, page, n),
    () => calls.devWrite(dev, page, n, 20 + draw(9)),
    () => calls.toDevice(dev, page, n),
    () => calls.toDevice(dev, page, n),
    () => calls.toSystem(dev, page, n),
    () => calls.exclusive(dev, page, n),
    () => calls.snap(dev, page, n),
    () => calls.fork(1 + draw(2), pick(draw, ["inherit", undefined] as const)),
    () => calls.exit(1 + draw(2)),
    () => calls.open(dev),
    () => calls.close(dev),
  ])();
}

/** The next action of a walk; it may be disabled. */
function anyAction(p: System, draw: Draw): Action {
  const steps = enabledSteps(p.state);
  const busy = p.state.tasks.length;
  if (busy > 0 && steps.length === 0) throw new Error("every task waits for another");
  const w = draw(100);
  if (w >= 92) {
    const pfn = draw(Math.max(1, p.state.frames.length));
    return { type: pick(draw, ["pin", "unpin", "get", "put", "reclaim"] as const), pfn };
  }
  if (busy > 0 && (busy === TASKS_MAX || w >= 12)) return pick(draw, steps);
  const living = p.state.actors.flatMap((actor, n) => (actor?.alive ? [n] : []));
  return { type: "call", actor: pick(draw, living), call: anyCall(draw) };
}

/** Walks and answers what is wrong in the first bad state, with the actions that led to it. */
function walk(p: System, seed: number): string[] {
  const draw = random(seed);
  const taken: string[] = [];
  for (let n = 0; n < ACTIONS; n++) {
    const action = anyAction(p, draw);
    const { state, outcome } = step(p.state, action);
    if (outcome.kind === "disabled") continue;
    p.state = state;
    taken.push(JSON.stringify(action));
    const wrong = audit(state);
    if (wrong.length > 0) return [`seed ${seed}`, ...taken.slice(-40), ...wrong];
  }
  return [];
}

const SYSTEMS: readonly (readonly [Core, DriverName, readonly DeviceKind[]])[] = [
  ["v14", "ideal", ["private", "private"]],
  ["linux-6.1", "ideal", ["private", "coherent"]],
  ["linux-6.1", "dmirror-fixed", ["private", "private"]],
  ["linux-6.12", "ideal", ["private", "private"]],
  ["linux-6.12", "dmirror-fixed", ["private", "coherent"]],
];

describe.each(SYSTEMS)("%s, %s, %s", (core, driver, devices) => {
  it("[FRM-1, FRM-2, FRM-5, FRM-6, PTE-1, PTE-2, PTE-3] hold in every state of a random walk", () => {
    for (let seed = 1; seed <= WALKS; seed++) {
      const p = system({ core, driver, devices, pages: PAGES });
      p.mmap(0, PAGES);
      expect(walk(p, seed)).toEqual([]);
    }
  });
});
