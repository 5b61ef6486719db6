/** Migration, sections 3 to 5: unmapping by the reverse map, refused and declined pages, and what may not move. */
import { describe, expect, it } from "vitest";
import type { Core } from "../../spec/vocabulary.ts";
import { candidates, expectQuiet, frameAt, holders, mirror, mirrors, position, swapOut, used } from "./migrate-support.ts";
import { ALL_CORES, LINUX_CORES, calls, eachCore, system, threads } from "./support.ts";
import type { System, Threads } from "./support.ts";

/** One written page, shared by actors 0, 1 and 2, each of which mirrors it. */
function family(core: Core): System {
  const p = system({ core });
  p.mmap(0);
  p.write(0, 7);
  p.fork(1);
  p.fork(2);
  for (const actor of [0, 1, 2]) {
    p.as(actor).devRead(0, 0);
    p.as(actor).devRead(1, 0);
  }
  p.notices();
  return p;
}

eachCore(ALL_CORES, (core) => {
  it("[MIG-19] a page is unmapped in every process that maps it", () => {
    const p = family(core);
    const t = threads(p);
    const task = t.start(1, calls.toDevice(0, 0));
    t.until(task, "migrate.m5");
    expect([0, 1, 2].map((actor) => p.entry(0, actor))).toEqual(["present r dirty", "migration read dirty", "present r dirty"]);
    t.until(task, "migrate.m6");
    expect([0, 1, 2].map((actor) => p.entry(0, actor))).toEqual(Array.from({ length: 3 }, () => "migration read dirty"));
    t.finish(task);
  });

  it("[MIG-19] device-private entries of other processes are found and unmapped as well", () => {
    const p = family(core);
    p.toDevice(0, 0);
    const frame = p.frameOf(0);
    const t = threads(p);
    const task = t.start(2, calls.toSystem(0, 0));
    t.until(task, "migrate.m6");
    for (const actor of [0, 1, 2]) expect(p.pte(0, actor)).toEqual({ kind: "migration", pfn: frame, mode: "read", dirty: false });
    t.finish(task);
    for (const actor of [0, 1, 2]) expect(p.entry(0, actor)).toBe("present r");
    expectQuiet(p);
  });

  it("[MIG-20] the walk tells each mapping that could hold the page, the caller's own included", () => {
    const p = family(core);
    // Actor 1 has a copy of its own now, so the page is not mapped there any more.
    p.as(1).write(0, 8);
    p.as(1).devRead(0, 0);
    p.notices();
    const t = threads(p);
    const task = t.start(2, calls.toDevice(0, 0));
    t.until(task, "migrate.m5");
    p.notices();
    expect(mirror(p, 0, 0, 1)).not.toBe("none");
    const walk = ["CLEAR 0-1", "1:CLEAR 0-1", "2:CLEAR 0-1"];
    t.until(task, "migrate.m6");
    // It may stop when the page is mapped nowhere: it has been taken from actor 2 in collect, and is taken from actor 0 first.
    const told = p.notices();
    expect(told).toEqual(walk.slice(0, told.length));
    expect(told.length).toBeGreaterThan(0);
    t.finish(task);
  });

  it("[MIG-20] a mapping that could hold the page is told although the page is not there", () => {
    const p = family(core);
    p.as(1).write(0, 8);
    p.as(1).devRead(0, 0);
    const t = threads(p);
    const task = t.start(0, calls.toDevice(0, 0));
    t.until(task, "migrate.m5");
    p.notices();
    t.until(task, "migrate.m6");
    expect(p.notices()).toEqual(["CLEAR 0-1", "1:CLEAR 0-1", "2:CLEAR 0-1"]);
    expect([0, 1, 2].map((actor) => mirrors(p, 0, 0, 1, actor))).toEqual([["none"], ["none"], ["none"]]);
    t.finish(task);
    expect(p.as(1).read(0)).toBe(8);
  });

  it("[MIG-20] a page that is mapped once is told to nobody by the walk", () => {
    const p = system({ core });
    p.mmap(0);
    p.write(0, 7);
    p.notices();
    p.toDevice(0, 0);
    expect(p.notices()).toEqual(["MIGRATE 0-1"]);
  });
});

it("[MIG-20] the walk costs the mirrors of the migrating device their entry too, which ignored the MIGRATE event", () => {
  const p = family("linux-6.1");
  const t = threads(p);
  const task = t.start(0, calls.toDevice(0, 0));
  t.until(task, "migrate.m5");
  expect([mirror(p, 0, 0), mirror(p, 1, 0)]).toEqual(["read", "none"]);
  t.until(task, "migrate.m6");
  expect([mirror(p, 0, 0), mirror(p, 1, 0)]).toEqual(["none", "none"]);
  t.finish(task);
});

/** Situations in which a migration of page 0 takes the page back, and the step behind which that is so. */
interface Refusal {
  readonly title: string;
  readonly direction: "toDevice" | "toSystem";
  /** The step at which something comes in between, and what. */
  readonly at: string;
  readonly disturb: (p: System, t: Threads, task: number, frame: number) => void;
  /** The last step that is taken for the page before it is given up. */
  readonly refused: "m4" | "m6" | "m8";
}

const get = (p: System, t: Threads, _task: number, frame: number): void => t.act({ type: "get", pfn: frame });
const REFUSALS: readonly Refusal[] = [
  { title: "cannot be taken off the LRU", direction: "toDevice", at: "m4", disturb: (_p, t, task) => t.step(task, "busy"), refused: "m4" },
  { title: "somebody holds it briefly", direction: "toDevice", at: "m4", disturb: get, refused: "m6" },
  { title: "somebody gets it while it is unmapped", direction: "toDevice", at: "m6", disturb: get, refused: "m6" },
  { title: "somebody gets it while it is copied", direction: "toDevice", at: "m7_copy", disturb: get, refused: "m8" },
  { title: "a device page that one more holds", direction: "toSystem", at: "m4", disturb: get, refused: "m8" },
  {
    title: "a device page that two more hold",
    direction: "toSystem",
    at: "m4",
    disturb: (p, t, task, frame) => [get(p, t, task, frame), get(p, t, task, frame)],
    refused: "m6",
  },
];

describe.each(REFUSALS)("$direction of a page: $title", ({ direction, at, disturb, refused }) => {
  function started(core: Core, shared = false) {
    const p = system({ core, deviceFrames: 2 });
    p.mmap(0, 2);
    p.write(0, 7);
    p.write(1, 8);
    if (shared) p.fork(1);
    if (direction === "toSystem") p.toDevice(0, 0, 2);
    const actors = shared ? [0, 1] : [0];
    const before = actors.map((actor) => p.pte(0, actor));
    const frame = p.frameOf(0);
    const page = p.frame(0);
    const t = threads(p);
    const task = t.start(0, calls[direction](0, 0, 2));
    t.until(task, `migrate.${at}`);
    disturb(p, t, task, frame);
    return { p, t, task, frame, page, before, actors };
  }

  it.each(ALL_CORES)(`%s: [MIG-21] [MIG-29] is refused at ${refused}`, (core) => {
    const { p, t, task } = started(core);
    const given = (): boolean => candidates(p, task)[0]?.migrate === false;
    if (refused === "m4") expect(given()).toBe(true);
    else {
      while (t.at(task) !== `migrate.${refused}` || position(p, task) !== 0) t.step(task);
      expect(given()).toBe(false);
      t.step(task);
      expect(given()).toBe(true);
    }
    t.finish(task);
  });

  const cases = ALL_CORES.flatMap((core) =>
    [false, true].map((shared) => ({ core, shared, who: shared ? "two processes" : "one process" })),
  );

  it.each(cases)("$core: [MIG-22] keeps its entries, data, frame and place on the LRU in $who", ({ core, shared }) => {
    const { p, t, task, frame, page, before, actors } = started(core, shared);
    t.until(task, "migrate_call.moved");
    expect(actors.map((actor) => p.pte(0, actor))).toEqual(before);
    const now = frameAt(p, frame);
    const count = (list: readonly { kind: string }[], kind: string): number => list.filter((h) => h.kind === kind).length;
    expect(count(now.holders, "map")).toBe(actors.length);
    expect(count(now.holders, "task")).toBe(0);
    expect({ ...now, holders: [], dirty: true }).toEqual({ ...page, holders: [], dirty: true });
    // The other page of the piece has moved all the same.
    expect(p.frame(1).dev).toBe(direction === "toDevice" ? 0 : null);
    expect(used(p, 0)).toBe(1);
    while (holders(p, frame).includes("brief")) t.act({ type: "put", pfn: frame });
    t.finish(task);
    expectQuiet(p);
    expect(actors.map((actor) => p.as(actor).read(0))).toEqual(actors.map(() => 7));
  });
});

describe.each(["toDevice", "toSystem"] as const)("%s without memory for a destination", (direction) => {
  it.each(ALL_CORES)("%s: [MIG-22] [MIG-43] a declined page gets its entries back, in every process", (core) => {
    const p = system({ core });
    p.mmap(0, 1);
    p.write(0, 7);
    p.fork(1);
    if (direction === "toSystem") p.toDevice(0, 0);
    const before = { entries: [p.pte(0), p.pte(0, 1)], page: p.frame(0), used: used(p, 0) };
    const t = threads(p);
    const task = t.start(0, calls[direction](0, 0));
    t.until(task, "migrate.m7");
    t.step(task, "no-memory");
    t.until(task, "migrate_call.moved");
    expect([p.pte(0), p.pte(0, 1)]).toEqual(before.entries);
    expect(p.frame(0)).toMatchObject({ contents: before.page.contents, lru: before.page.lru, locked: null });
    expect(used(p, 0)).toBe(before.used);
    t.finish(task);
    expectQuiet(p);
  });
});

describe("[MIG-21] pinned pages", () => {
  it.each(ALL_CORES)("%s: a pinned page stays where it is, whether collect or the check finds the pin", (core) => {
    for (const shared of [false, true]) {
      const p = system({ core });
      p.mmap(0);
      p.write(0, 7);
      if (shared) p.fork(1);
      const t = threads(p);
      const frame = p.frameOf(0);
      t.act({ type: "pin", pfn: frame });
      const entry = p.pte(0);
      p.toDevice(0, 0);
      expect(p.pte(0)).toEqual(entry);
      t.act({ type: "unpin", pfn: frame });
      expect(p.toDevice(0, 0)).toBe("ok");
      expect(p.frame(0).dev).toBe(0);
      expectQuiet(p);
    }
  });
});

eachCore(LINUX_CORES, (core) => {
  it("[MIG-30] a shared-memory page is collected, copied and refused last; its destination goes back", () => {
    const p = system({ core, deviceFrames: 2 });
    p.mmap(0, 1, "rw", "shared");
    p.write(0, 7);
    const frame = p.frameOf(0);
    const before = p.pte(0);
    const t = threads(p);
    const task = t.start(0, calls.toDevice(0, 0));
    t.until(task, "migrate.m8");
    const [entry] = candidates(p, task);
    expect(entry).toMatchObject({ src: frame, migrate: true });
    expect(frameAt(p, entry?.dst ?? -1)).toMatchObject({ dev: 0, free: false, contents: { first: 7 } });
    t.step(task);
    expect(candidates(p, task)[0]?.migrate).toBe(false);
    expect(t.finish(task)).toEqual({ status: "errno", errno: "ENOENT" });
    expect(p.pte(0)).toEqual(before);
    expect(used(p, 0)).toBe(0);
    expect(p.state.devices[0]?.freeList).toHaveLength(2);
    expectQuiet(p);
  });
});

describe("[MIG-31] a page in the swap cache", () => {
  /** Page 0 of two processes: actor 0 has it back from swap space, actor 1 has not. */
  function cached(core: Core): System {
    const p = system({ core });
    p.mmap(0);
    p.write(0, 7);
    p.fork(1);
    const t = threads(p);
    const reclaim = t.reclaim(p.frameOf(0));
    t.finish(reclaim, { "reclaim.r1": "swap" });
    expect([p.entry(0), p.entry(0, 1)]).toEqual(["swap", "swap"]);
    expect(p.read(0)).toBe(7);
    expect(holders(p, p.frameOf(0))).toContain("swap-cache");
    return p;
  }

  it.each(ALL_CORES)("%s: stays while others use its slot", (core) => {
    const p = cached(core);
    const before = p.pte(0);
    const t = threads(p);
    const task = t.start(0, calls.toDevice(0, 0));
    t.until(task, "migrate.m8");
    expect(candidates(p, task)[0]?.migrate).toBe(true);
    t.until(task, "migrate_call.moved");
    expect(p.pte(0)).toEqual(before);
    t.finish(task);
    expect([p.read(0), p.as(1).read(0)]).toEqual([7, 7]);
    expectQuiet(p);
  });

  it.each(ALL_CORES)("%s: without other users it gives its slot back and moves; under v14 it stays", (core) => {
    const p = system({ core });
    p.mmap(0);
    p.write(0, 7);
    swapOut(p, 0);
    expect(p.read(0)).toBe(7);
    const frame = p.frameOf(0);
    expect(holders(p, frame).toSorted()).toEqual(["map", "swap-cache"]);
    expect(p.frame(0).slot).toBe(0);
    p.toDevice(0, 0);
    expect(p.frame(0).dev).toBe(core === "v14" ? null : 0);
    expect(p.state.slots[0]?.cache ?? null).toBe(core === "v14" ? frame : null);
    expect(p.read(0)).toBe(7);
    expectQuiet(p);
  });
});
