/** Patch 12: migration whose contents a driver has copied before, and the ordinary one that copies by itself. */
import { describe, expect, it } from "vitest";
import type { Core, ModelCall } from "../../spec/vocabulary.ts";
import { destination, editFrame, expectQuiet, mirrored, swapOut } from "./migrate-support.ts";
import { ALL_CORES, calls, eachCore, LINUX_CORES, system, threads } from "./support.ts";
import type { System, Threads } from "./support.ts";

const ready = (core: Core): System => {
  const s = system({ core, driver: "ideal" });
  s.mmap(0, 4);
  for (let page = 0; page < 3; page++) s.write(page, page + 1);
  return s;
};

/** Begins to move the page at `page` to another system frame; answers the task. */
function move(s: System, t: Threads, page: number): number {
  t.act({ type: "move", pfn: s.frameOf(page) });
  return s.state.tasks.at(-1)?.id ?? expect.fail();
}

eachCore(ALL_CORES, (core) => {
  it.each([
    ["to a device", calls.toDevice(0, 0), (s: System) => s.entry(0)],
    ["to the system", calls.toSystem(0, 0), (s: System) => s.toDevice(0, 0)],
    ["to the system by a CPU fault", calls.read(0), (s: System) => s.toDevice(0, 0)],
  ] as const)("[MIG-27, MIG-32] the destination holds exactly what the copy engine wrote: %s", (_, call: ModelCall, prepare) => {
    const s = ready(core);
    prepare(s);
    const t = threads(s);
    const task = t.start(0, call);
    t.until(task, "migrate.m8");
    const dst = destination(s, task);
    expect(s.state.frames[dst]?.contents).toEqual({ first: 1, fill: 0 });
    // Had the engine written anything else, that would be the page.
    editFrame(s, dst, { contents: { first: 50, fill: 51 } });
    t.finish(task);
    expect([s.frameOf(0), s.frame(0).contents]).toEqual([dst, { first: 50, fill: 51 }]);
    expect(s.read(0)).toBe(50);
  });

  it("[MIG-28] nobody writes the source between the copy and the metadata", () => {
    const s = ready(core);
    s.devWrite(1, 0, 1, 5);
    s.devWrite(0, 0, 1, 6);
    expect(mirrored(s, 0, 0)).toBe(s.frameOf(0));
    const t = threads(s);
    const task = t.start(0, calls.toDevice(0, 0));
    t.until(task, "migrate.m7_copy");
    const src = s.state.frames.findIndex((f) => f.kind === "system" && f.locked === task && f.mapping !== null);
    expect([mirrored(s, 0, 0), mirrored(s, 1, 0)]).toEqual([null, null]);
    const writers = [t.start(0, calls.write(0, 7)), t.start(0, calls.devWrite(0, 0, 1, 8)), t.start(0, calls.devWrite(1, 0, 1, 9))];
    const before = s.state.frames[src]?.contents;
    for (const step of ["migrate.m8", "migrate.m9"]) {
      for (const writer of writers) expect(t.drive(writer)).toBe("waits");
      t.until(task, step);
      expect(s.state.frames[src]?.contents).toEqual(before);
    }
    t.finish(task);
    for (const writer of writers) expect(t.finish(writer).status).toBe("ok");
    expect(s.read(0)).toBe(9);
  });

  it("[MIG-32] a page whose owner was not looked at stays at the source, and does not disturb the others", () => {
    const s = ready(core);
    s.mmap(1, 1, "rw", "shared");
    s.write(1, 9);
    const page = s.frameOf(1);
    s.toDevice(0, 0, 3);
    expect([0, 1, 2].map((at) => s.frame(at).kind)).toEqual(["private", "system", "private"]);
    expect([s.frameOf(1), s.read(1)]).toEqual([page, 9]);
    expect([s.read(0), s.read(2)]).toEqual([1, 3]);
    expectQuiet(s);
  });

  it("[MIG-33] the ordinary migration copies the contents itself, at m8, for every process and mirror", () => {
    const s = ready(core);
    s.fork(1);
    s.devRead(0, 0);
    s.notices();
    const src = s.frameOf(0);
    const t = threads(s);
    const task = move(s, t, 0);
    t.until(task, "migrate.m8");
    expect([s.entry(0).split(" ")[0], s.entry(0, 1).split(" ")[0]]).toEqual(["migration", "migration"]);
    expect(mirrored(s, 0, 0)).toBeNull();
    const dst = destination(s, task);
    expect([s.state.frames[dst]?.kind, s.state.frames[dst]?.contents]).toEqual(["system", { first: 0, fill: 0 }]);
    t.step(task);
    expect(s.state.frames[dst]?.contents).toEqual({ first: 1, fill: 0 });
    t.finish(task);
    expect(s.notices()).toEqual(["CLEAR 0-1", "1:CLEAR 0-1"]);
    expect([s.frameOf(0), s.frameOf(0, 1), s.state.frames[src]?.free]).toEqual([dst, dst, true]);
    expect([s.read(0), s.as(1).read(0), s.devRead(0, 0)]).toEqual([1, 1, [1]]);
    expectQuiet(s);
  });

  it("[MIG-33] the ordinary migration moves a page of shared memory, with its place in the page cache", () => {
    const s = ready(core);
    s.mmap(0, 1, "rw", "shared");
    s.write(0, 9);
    s.fork(1);
    s.as(1).read(0);
    const src = s.frameOf(0);
    const t = threads(s);
    t.finish(move(s, t, 0));
    expect(s.frameOf(0)).not.toBe(src);
    expect(s.frameOf(0, 1)).toBe(s.frameOf(0));
    s.madvise(0, 1, "dontneed");
    s.as(1).munmap(0);
    expect(s.read(0)).toBe(9);
    expect(s.state.frames[src]?.free).toBe(true);
    expectQuiet(s);
  });

  it("[MIG-33] the ordinary migration moves a page in the swap cache, with its slot", () => {
    const s = ready(core);
    swapOut(s, 0);
    s.fork(1);
    s.read(0);
    const src = s.frameOf(0);
    expect(s.frame(0).slot).not.toBeNull();
    const t = threads(s);
    t.finish(move(s, t, 0));
    expect(s.frameOf(0)).not.toBe(src);
    expect(s.frame(0).slot).not.toBeNull();
    expect(s.as(1).read(0)).toBe(1);
    expect(s.frameOf(0, 1)).toBe(s.frameOf(0));
    s.munmap(0);
    s.exit(1);
    expect(s.state.slots.every((slot) => slot.count === 0 && slot.cache === null)).toBe(true);
    expectQuiet(s);
  });

  it("[MIG-33] the ordinary migration leaves a page that somebody else holds, and one that is not on the LRU", () => {
    const s = ready(core);
    const src = s.frameOf(0);
    const t = threads(s);
    t.act({ type: "get", pfn: src });
    t.finish(move(s, t, 0));
    expect([s.frameOf(0), s.read(0), s.frame(0).lru]).toEqual([src, 1, true]);
    s.toDevice(0, 1);
    expect(t.refused({ type: "move", pfn: s.frameOf(1) })).toMatch(/cannot be moved/);
    const moving = move(s, t, 2);
    t.until(moving, "migrate.m4");
    t.step(moving, "busy");
    t.finish(moving);
    expect([s.read(2), s.frame(2).lru]).toEqual([3, true]);
  });
});

describe.each(LINUX_CORES)("dmirror: %s", (core) => {
  it("[MIG-28] what the migrating device writes while its page is copied may be lost", () => {
    const s = system({ core, driver: "dmirror-fixed" });
    s.mmap(0, 1);
    s.write(0, 1);
    s.devWrite(0, 0, 1, 5);
    const t = threads(s);
    const task = t.start(0, calls.toDevice(0, 0));
    t.until(task, "migrate.m8");
    expect(t.finish(t.start(0, calls.devWrite(0, 0, 1, 6)))).toMatchObject({ faults: 0 });
    t.finish(task);
    expect(s.read(0)).toBe(5);
  });
});
