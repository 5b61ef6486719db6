import { describe, expect, it } from "vitest";
import { system, type System } from "./support.ts";

const faults = (sys: System, page: number): number | undefined => {
  sys.devRead(0, page, 1);
  const ret = sys.last();
  return ret.status === "ok" ? ret.faults : undefined;
};

/** Blocks of 512 pages, which one page table maps: what a split inside one does to the mirrors. */
describe.each(["linux-6.1", "linux-6.12"] as const)("on %s", (core) => {
  const PAGES = 1025;

  it("[INV-17] a split inside a block that lies wholly in the mapping tells the mirrors about all of it", () => {
    const sys = system({ core, driver: "ideal", pages: PAGES });
    sys.mmap(0, PAGES);
    sys.devRead(0, 1, 1);
    sys.devRead(0, 600, 1);
    sys.munmap(300, 1);
    expect(faults(sys, 1)).toBe(1);
    expect(faults(sys, 600)).toBe(0);
  });

  it("[INV-17] a split at the border of a block, or in one that reaches beyond the mapping, does not", () => {
    const sys = system({ core, driver: "ideal", pages: PAGES });
    sys.mmap(0, PAGES);
    sys.devRead(0, 1, 1);
    sys.munmap(512, 513);
    expect(faults(sys, 1)).toBe(0);
    sys.munmap(511, 1);
    expect(faults(sys, 1)).toBe(1);
    sys.munmap(510, 1);
    expect(faults(sys, 1)).toBe(0);
  });

  it("[INV-18] of several children the last one is told first of a page of shared memory, and loses its entry", () => {
    const sys = system({ core, driver: "dmirror-fixed", pages: 2 });
    sys.mmap(1, 1, "rw", "shared");
    sys.fork(1);
    sys.as(1).madvise(1, 1, "populate_r");
    sys.fork(2);
    sys.as(2).devWrite(0, 1, 1, 250);
    // Child 2 collects its own entry; the walk for child 1's comes to child 2 first.
    expect(sys.as(2).toDevice(0, 1, 1)).toBe("ENOENT");
  });
});
