/** File-backed memory, for which shared anonymous memory stands: it stays in system memory whatever is asked. */
import { describe, expect, it } from "vitest";
import type { Core, DriverName } from "../../spec/vocabulary.ts";
import { expectQuiet, frameAt, holders, mirror, mirrors, used } from "./migrate-support.ts";
import { ALL_CORES, LINUX_CORES, calls, system, threads } from "./support.ts";
import type { System } from "./support.ts";

interface Case {
  readonly core: Core;
  readonly driver: DriverName;
  readonly kind: "private" | "coherent";
}

const CASES: readonly Case[] = ALL_CORES.flatMap((core) =>
  (core === "v14" ? (["ideal"] as const) : (["ideal", "dmirror-fixed"] as const)).flatMap((driver) =>
    (core === "v14" ? (["private"] as const) : (["private", "coherent"] as const)).map((kind) => ({ core, driver, kind })),
  ),
);

/** Pages 0 and 3 private, 1 and 2 shared; all written, page 2 read-only. */
function mixed({ core, driver, kind }: Case): System {
  const p = system({ core, driver, devices: [kind, "private"], deviceFrames: 4 });
  p.mmap(0, 4);
  p.mmap(1, 2, "rw", "shared");
  for (let page = 0; page < 4; page++) p.write(page, page + 7);
  p.mprotect(2, 1, "r");
  p.open(0);
  return p;
}

describe.each(CASES)("$core, $driver, $kind device", (setup) => {
  it("[FILE-1] a shared page stays in system memory, and the private pages of the range move", () => {
    const p = mixed(setup);
    p.toDevice(0, 0, 4);
    expect([0, 1, 2, 3].map((page) => p.frame(page).dev)).toEqual([0, null, null, 0]);
    expect(p.toSystem(0, 0, 4)).toBe("ok");
    expect(p.last()).toEqual({ status: "ok", cpages: 2 });
    expect([0, 1, 2, 3].map((page) => p.frame(page).dev)).toEqual([null, null, null, null]);
    expect([0, 1, 2, 3].map((page) => p.read(page))).toEqual([7, 8, 9, 10]);
    expectQuiet(p);
  });

  it.each(["one process", "two processes"])(
    "[FILE-2] a refused page of %s is as it was, and its destination is with its device again",
    (processes) => {
      const p = mixed(setup);
      if (processes === "two processes") {
        p.fork(1);
        for (const page of [1, 2]) p.as(1).read(page);
      }
      const actors = processes === "two processes" ? [0, 1] : [0];
      const pages = [1, 2];
      const entries = (): unknown => actors.map((actor) => pages.map((page) => p.pte(page, actor)));
      const frames = pages.map((page) => p.frameOf(page));
      const before = { entries: entries(), frames: frames.map((n) => ({ ...frameAt(p, n), holders: holders(p, n).toSorted() })) };
      const t = threads(p);
      const task = t.start(0, calls.toDevice(0, 1, 2));
      t.until(task, "migrate.m8");
      // One page a piece, as their mappings differ.
      expect(used(p, 0)).toBe(1);
      t.until(task, "migrate_call.unlock");
      expect(entries()).toEqual(before.entries);
      expect(frames.map((n) => ({ ...frameAt(p, n), holders: holders(p, n).toSorted() }))).toEqual(before.frames);
      expect(used(p, 0)).toBe(0);
      expect(p.state.devices[0]?.freeList).toHaveLength(4);
      t.finish(task);
      expectQuiet(p);
    },
  );

  it("[FILE-3] migrating an untouched address of a shared mapping makes no page", () => {
    const p = system({ core: setup.core, driver: setup.driver, devices: [setup.kind] });
    p.mmap(0, 2, "rw", "shared");
    p.open(0);
    for (const call of [calls.toDevice(0, 0, 2), calls.toSystem(0, 0, 2)]) {
      const frames = p.state.frames.filter((f) => !f.free).length;
      const t = threads(p);
      const task = t.start(0, call);
      t.until(task, "migrate_call.unlock");
      // What the driver reads back afterwards is another matter.
      expect(p.state.frames.filter((f) => !f.free)).toHaveLength(frames);
      if (call.op === "migrate_to_device") expect(p.entries(0, 2)).toEqual(["none", "none"]);
      t.finish(task);
    }
  });
});

describe.each(LINUX_CORES)("%s, dmirror", (core) => {
  /** A shared page that the actors mirror with both devices. */
  function mirrored(actors: readonly number[]): System {
    const p = system({ core });
    p.mmap(0, 1, "rw", "shared");
    p.write(0, 7);
    for (const actor of actors.slice(1)) {
      p.fork(actor);
      p.as(actor).read(0);
    }
    for (const actor of actors) for (const dev of [0, 1]) p.as(actor).devRead(dev, 0);
    p.notices();
    return p;
  }

  it("[FILE-4] a page that is mapped once keeps the entry of the migrating device, and loses those of others", () => {
    const p = mirrored([0]);
    expect(p.toDevice(0, 0)).toBe("ok");
    expect(p.last()).toEqual({ status: "ok", cpages: 1, data: [7] });
    expect([mirror(p, 0, 0), mirror(p, 1, 0)]).toEqual(["write", "none"]);
    expect(p.notices()).toEqual(["MIGRATE 0-1"]);
    expect(p.frame(0).dev).toBe(null);
  });

  it("[FILE-4] a page that is mapped elsewhere too: the mirrors of each place are told, and lose their entry", () => {
    const p = mirrored([0, 1]);
    expect(p.toDevice(0, 0)).toBe("ENOENT");
    expect(p.notices()).toEqual(["MIGRATE 0-1", "CLEAR 0-1", "1:CLEAR 0-1"]);
    for (const actor of [0, 1]) expect([...mirrors(p, 0, 0, 1, actor), ...mirrors(p, 1, 0, 1, actor)]).toEqual(["none", "none"]);
    expect([p.devRead(0, 0), p.as(1).devRead(0, 0)]).toEqual([[7], [7]]);
  });

  it("[FILE-4] the walk ends behind the last place that still maps the page, so the caller's own may be spared", () => {
    const p = mirrored([0, 1]);
    expect(p.as(1).toDevice(0, 0)).toBe("ok");
    expect(p.notices()).toEqual(["1:MIGRATE 0-1", "CLEAR 0-1"]);
    expect([mirror(p, 0, 0, 1), mirror(p, 1, 0, 1), mirror(p, 0, 0), mirror(p, 1, 0)]).toEqual(["write", "none", "none", "none"]);
  });
});
