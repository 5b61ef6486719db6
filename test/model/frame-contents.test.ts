/** What a process finds in a frame that is new to it. */
import { describe, expect, it } from "vitest";
import { swapOut, system, threads } from "./support.ts";
import type { System } from "./support.ts";

describe("contents", () => {
  const ZEROES = { first: 0, fill: 0 };

  /** Fills every free frame that a later call can get with an earlier user's bytes. */
  function dirty(p: System): void {
    p.mmap(0, 4);
    p.devWrite(0, 0, 4, 99);
    expect(p.frame(3).contents).toEqual({ first: 99, fill: 99 });
    p.toDevice(0, 0, 2);
    p.munmap(0, 4);
  }

  it.each([
    ["a CPU write", "private", (p: System) => p.write(0, 1), { first: 1, fill: 0 }],
    ["populate for writing", "private", (p: System) => p.madvise(0, 1, "populate_w"), ZEROES],
    ["a device write of its neighbour's batch", "private", (p: System) => p.read(0) === 0 && p.madvise(0, 1, "populate_w"), ZEROES],
    ["a read of shared memory", "shared", (p: System) => p.read(0), ZEROES],
    ["a write to shared memory", "shared", (p: System) => p.write(0, 2), { first: 2, fill: 0 }],
    ["mmap of the driver's file", "device", () => null, ZEROES],
    ["make_exclusive", "private", (p: System) => p.exclusive(0, 0), ZEROES],
    ["the migration of an empty page", "private", (p: System) => p.toDevice(0, 0), ZEROES],
    ["the migration of a zero page", "private", (p: System) => p.read(0) === 0 && p.toDevice(0, 0), ZEROES],
    ["the way home of an empty page", "private", (p: System) => p.toDevice(0, 0) && p.read(0), ZEROES],
  ] as const)("[FRM-4] after %s the frame holds nothing of an earlier user (%s memory)", (_, map, make, contents) => {
    const p = system();
    dirty(p);
    p.mmap(0, 1, "rw", map);
    make(p);
    expect(p.frame(0).contents).toEqual(contents);
  });

  it.each([
    ["copy on write", (p: System) => p.fork(1) && p.write(0, 50), { first: 50, fill: 44 }],
    ["the migration to a device", (p: System) => p.toDevice(0, 0), { first: 44, fill: 44 }],
    ["the migration home", (p: System) => p.toDevice(0, 0) && p.read(0), { first: 44, fill: 44 }],
    ["swap", (p: System) => [swapOut(p, 0), p.write(0, 51)], { first: 51, fill: 44 }],
  ])("[FRM-4] after %s the new frame holds a copy of the page", (_, make, contents) => {
    const p = system({ driver: "ideal" });
    dirty(p);
    p.mmap(0, 1);
    p.devWrite(1, 0, 1, 44);
    make(p);
    expect(p.frame(0).contents).toEqual(contents);
  });

  it("[FRM-4] a copy that fork makes at once holds the page's contents", () => {
    const p = system();
    dirty(p);
    p.mmap(0, 1);
    p.devWrite(0, 0, 1, 44);
    threads(p).act({ type: "pin", pfn: p.frameOf(0) });
    p.fork(1);
    expect(p.frame(0, 1).contents).toEqual({ first: 44, fill: 44 });
  });

  it("[FRM-4] under v14 a page that goes to a device is copied as a whole", () => {
    const p = system({ core: "v14" });
    dirty(p);
    p.mmap(0, 1);
    p.write(0, 3);
    p.toDevice(0, 0);
    expect(p.frame(0)).toMatchObject({ kind: "private", contents: { first: 3, fill: 0 } });
  });
});
