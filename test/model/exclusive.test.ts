/** Exclusive access, one call at a time: which pages are taken, what holds while they are, and what ends it. */
import { describe, expect, it } from "vitest";
import type { Core, DriverName } from "../../spec/vocabulary.ts";
import { expectQuiet, frameAt, holders, mirror, mirrors } from "./migrate-support.ts";
import { LINUX_CORES, system } from "./support.ts";
import type { Setup, System } from "./support.ts";

const PROFILES = LINUX_CORES.flatMap((core) => (["dmirror-fixed", "ideal"] as const).map((driver) => ({ core, driver })));
const DMIRRORS = PROFILES.filter(({ driver }) => driver !== "ideal");

/** Page 0 with the value 7, taken by device 0. */
function taken(core: Core, driver: DriverName, more: Setup = {}): System {
  const p = system({ core, driver, ...more });
  p.mmap(0);
  p.write(0, 7);
  p.open(1);
  expect(p.exclusive(0, 0)).toBe("ok");
  expect([p.entry(0), mirror(p, 0, 0)]).toEqual(["device_exclusive rw", "atomic"]);
  p.notices();
  return p;
}

it("[EXC-1] v14: the request answers EOPNOTSUPP and changes nothing", () => {
  const p = system({ core: "v14" });
  p.mmap(0, 2);
  p.write(0, 7);
  p.open(0);
  expect(p.nothing(() => p.exclusive(0, 0, 2))).toBe("EOPNOTSUPP");
  expect(p.nothing(() => p.check(0, 0, 2))).toBe("ok");
});

describe.each(PROFILES)("$core, $driver", ({ core, driver }) => {
  it.each<[string, (p: System) => unknown, number]>([
    ["an untouched page", () => "nothing", 0],
    ["a zero page", (p) => p.read(0), 0],
    ["a written page", (p) => p.write(0, 7), 7],
    ["an own device page", (p) => [p.write(0, 7), p.toDevice(0, 0)], 7],
    ["a device page of another device", (p) => [p.write(0, 7), p.toDevice(1, 0)], 7],
    ["a page shared after fork", (p) => [p.write(0, 7), p.fork(1)], 7],
    ["a device page shared after fork", (p) => [p.write(0, 7), p.toDevice(0, 0), p.fork(1)], 7],
    ["a swapped page", (p) => [p.write(0, 7), p.as(0, { "reclaim.r1": "swap" }).madvise(0, 1, "pageout")], 7],
  ])("[EXC-2] [EXC-12] %s becomes a writable system page of the process and then succeeds", (_, place, value) => {
    const p = system({ core, driver });
    p.mmap(0, 2);
    place(p);
    expect(p.exclusive(0, 0)).toBe("ok");
    expect(p.last()).toEqual({ status: "ok", cpages: 1, data: [value] });
    expect([p.entry(0), mirror(p, 0, 0)]).toEqual(["device_exclusive rw", "atomic"]);
    expect(p.frame(0).dev).toBe(null);
    expect(holders(p, p.frameOf(0))).toEqual(["map"]);
    expect(p.entry(1)).toBe("none");
    if (p.state.actors[1]) expect(p.as(1).read(0)).toBe(value);
    expectQuiet(p);
  });

  it("[EXC-2] a coherent page stays where it is", () => {
    const p = system({ core, driver, devices: ["coherent", "private"] });
    p.mmap(0);
    p.write(0, 7);
    p.toDevice(0, 0);
    expect(p.exclusive(1, 0)).toBe("ok");
    expect(p.frame(0).dev).toBe(0);
    expect(p.read(0)).toBe(7);
    expect([p.entry(0), p.frame(0).dev]).toEqual(["present rw dirty", 0]);
  });

  it("[EXC-12] the answer has the number of pages, and the first byte of each as the device reads it", () => {
    const p = system({ core, driver, pages: 70 });
    p.mmap(0, 70);
    for (const page of [0, 5, 63, 64, 69]) p.write(page, page + 1);
    expect(p.exclusive(0, 0, 70)).toBe("ok");
    const data = Array.from({ length: 70 }, (_, page) => ([0, 5, 63, 64, 69].includes(page) ? page + 1 : 0));
    expect(p.last()).toEqual({ status: "ok", cpages: 70, data });
  });

  describe.each<[string, (p: System, page: number) => unknown]>([
    ["nothing is mapped", (p, page) => p.munmap(page)],
    ["the mapping is read-only", (p, page) => p.mprotect(page, 1, "r")],
    ["the mapping is prot n", (p, page) => p.mprotect(page, 1, "n")],
  ])("where %s", (_, spoil) => {
    it("[EXC-3] it answers EBUSY and changes nothing there", () => {
      const p = system({ core, driver });
      p.mmap(0, 2);
      p.write(0, 7);
      spoil(p, 0);
      p.open(0);
      expect(p.nothing(() => p.exclusive(0, 0))).toBe("EBUSY");
      expect(p.nothing(() => p.exclusive(0, 0, 2))).toBe("EBUSY");
    });

    it("[EXC-4] the pages of the batch before are exclusive and not tagged, those behind are unchanged, earlier batches are tagged", () => {
      const p = system({ core, driver, pages: 70 });
      p.mmap(0, 70);
      p.madvise(0, 70, "populate_w");
      p.write(68, 3);
      spoil(p, 67);
      const behind = p.entries(67, 3);
      expect(p.exclusive(0, 0, 70)).toBe("EBUSY");
      expect(new Set(p.entries(0, 67))).toEqual(new Set(["device_exclusive rw"]));
      expect(new Set(mirrors(p, 0, 0, 64))).toEqual(new Set(["atomic"]));
      expect(new Set(mirrors(p, 0, 64, 6))).toEqual(new Set(["none"]));
      expect(p.entries(67, 3)).toEqual(behind);
      expect([p.check(0, 64, 6), p.check(0, 0, 70)]).toEqual(["ok", "EPERM"]);
      expectQuiet(p);
    });
  });

  it("[EXC-5] a page that is not anonymous is left out with EBUSY, and the others of its batch are taken", () => {
    const p = system({ core, driver });
    p.mmap(0, 3);
    p.mmap(1, 1, "rw", "shared");
    for (const page of [0, 1, 2]) p.write(page, 7);
    expect(p.exclusive(0, 0, 3)).toBe("EBUSY");
    expect(p.entries(0, 3)).toEqual(["device_exclusive rw", "present rw dirty", "device_exclusive rw"]);
    expect(mirrors(p, 0, 0, 3)).toEqual(["atomic", "none", "atomic"]);
    expectQuiet(p);
  });

  it("[EXC-6] each mapping that is linked to the page is told before the entry changes, also where the page is not", () => {
    const p = system({ core, driver });
    p.mmap(0);
    p.write(0, 7);
    p.fork(1);
    p.as(1).write(0, 8);
    p.write(0, 9);
    p.as(1).devRead(1, 0);
    // A moved mapping is walked last.
    p.mremap(0, 1, 2);
    p.notices();
    p.exclusive(0, 2);
    expect(p.notices()).toEqual(["1:EXCLUSIVE 0-1", "EXCLUSIVE 2-3"]);
    expect(mirror(p, 1, 0, 1)).toBe("none");
    expect(p.entry(0, 1)).toBe("present rw dirty");
  });

  it("[EXC-9] the entry keeps its reference, and the page is dirty if the entry was", () => {
    const p = system({ core, driver });
    p.mmap(0, 1);
    p.write(0, 7);
    const frame = p.frameOf(0);
    expect(frameAt(p, frame).dirty).toBe(false);
    p.exclusive(0, 0);
    expect(p.frameOf(0)).toBe(frame);
    expect(frameAt(p, frame)).toMatchObject({ dirty: true, locked: null });
    expect(holders(p, frame)).toEqual(["map"]);
  });

  it("[EXC-13] a second device takes an exclusive page over, and the first is not told by an error", () => {
    const p = taken(core, driver);
    expect(p.exclusive(1, 0)).toBe("ok");
    expect(p.entry(0)).toBe("device_exclusive rw");
    expect([mirror(p, 0, 0), mirror(p, 1, 0)]).toEqual(["none", "atomic"]);
    expect([p.check(0, 0), p.check(1, 0)]).toEqual(["ok", "EPERM"]);
  });

  it("[EXC-15] a read by the device that has tagged the page uses the tagged entry and keeps it", () => {
    const p = taken(core, driver);
    expect(p.devRead(0, 0)).toEqual([7]);
    expect(p.last()).toMatchObject({ faults: 0 });
    expect([p.entry(0), mirror(p, 0, 0), p.check(0, 0)]).toEqual(["device_exclusive rw", "atomic", "EPERM"]);
    expect(p.notices()).toEqual([]);
  });

  it("[EXC-16] check_exclusive answers for the asking actor's mirror of the asked device, addresses without an entry aside", () => {
    const p = system({ core, driver, pages: 6 });
    p.mmap(1, 4);
    p.exclusive(0, 2, 2);
    p.fork(1);
    p.exclusive(0, 2);
    p.as(1).open(0);
    p.devRead(0, 1);
    const ask = (actor: number, dev: number): string =>
      [0, 1, 2, 3, 4, 5].map((page) => (p.as(actor).check(dev, page) === "ok" ? "." : "X")).join("");
    expect([ask(0, 0), ask(0, 1), ask(1, 0)]).toEqual(["..X...", "......", "......"]);
    expect([p.check(0, 0, 6), p.check(0, 3, 3), p.check(0, 0, 0)]).toEqual(["EPERM", "ok", "EINVAL"]);
  });

  it.each([
    ["read", (p: System) => p.read(0), 7],
    ["write", (p: System) => p.write(0, 9), "ok"],
  ])("[EXC-17] [EXC-18] a CPU %s invalidates every mirror, restores the entry and is tried again", (_, access, answer) => {
    const p = taken(core, driver);
    expect(access(p)).toBe(answer);
    expect([p.entry(0), mirror(p, 0, 0), p.check(0, 0)]).toEqual(["present rw dirty", "none", "ok"]);
    expect(p.notices()).toEqual(["EXCLUSIVE 0-1"]);
    expectQuiet(p);
  });

  it("[EXC-18] [EXC-21] mprotect keeps an exclusive entry as the read kind without a tag, which a CPU read restores read-only and clean", () => {
    for (const back of [false, true]) {
      const p = taken(core, driver);
      p.mprotect(0, 1, "r");
      if (back) p.mprotect(0, 1, "rw");
      expect([p.entry(0), mirror(p, 0, 0), p.check(0, 0)]).toEqual(["device_exclusive r", "none", "ok"]);
      expect(p.read(0)).toBe(7);
      expect(p.entry(0)).toBe("present r");
      expect(p.write(0, 9)).toBe(back ? "ok" : "SIGSEGV");
    }
  });

  it("[EXC-19] a device write ends it, also by the holder", () => {
    for (const dev of [0, 1]) {
      const p = taken(core, driver);
      expect(p.devWrite(dev, 0, 1, 9)).toBe("ok");
      expect(p.last()).toMatchObject({ faults: 1 });
      expect([p.entry(0), mirror(p, dev, 0), mirror(p, 1 - dev, 0)]).toEqual(["present rw dirty", "write", "none"]);
      expect([p.read(0), p.check(0, 0)]).toEqual([9, "ok"]);
    }
  });

  it("[EXC-19] a read by another device ends it", () => {
    const p = taken(core, driver);
    expect(p.devRead(1, 0)).toEqual([7]);
    expect([p.entry(0), mirror(p, 0, 0)]).toEqual(["present rw dirty", "none"]);
  });

  it.each<[string, (p: System) => unknown, string]>([
    ["munmap", (p) => p.munmap(0), "none"],
    ["MADV_DONTNEED", (p) => p.madvise(0, 1, "dontneed"), "none"],
    ["a new mapping", (p) => p.mmap(0), "none"],
  ])("[EXC-20] %s drops the entry with its reference, and the mirrors lose the tag", (_, drop, entry) => {
    const p = taken(core, driver);
    const frame = p.frameOf(0);
    drop(p);
    expect([p.entry(0), mirror(p, 0, 0)]).toEqual([entry, "none"]);
    expect(frameAt(p, frame).free).toBe(true);
  });

  it("[EXC-20] exit drops the entry with its reference", () => {
    const p = system({ core, driver });
    p.fork(1);
    p.as(1).mmap(0);
    p.as(1).write(0, 7);
    p.as(1).exclusive(0, 0);
    expect(p.entry(0, 1)).toBe("device_exclusive rw");
    const frame = p.frameOf(0, 1);
    p.exit(1);
    expect(frameAt(p, frame).free).toBe(true);
  });

  it("[EXC-22] fork restores the parent's entry and shares the page read-only, and the tag goes", () => {
    const p = taken(core, driver);
    expect(p.fork(1)).toBe("ok");
    expect([p.entry(0), p.entry(0, 1)]).toEqual(["present r dirty", "present r dirty"]);
    expect(p.frameOf(0)).toBe(p.frameOf(0, 1));
    expect([mirror(p, 0, 0), p.check(0, 0)]).toEqual(["none", "ok"]);
  });

  it("[EXC-23] mremap moves an exclusive entry unchanged, without its tag", () => {
    const p = taken(core, driver);
    const entry = p.pte(0);
    p.mremap(0, 1, 2);
    expect(p.pte(2)).toEqual(entry);
    expect(p.entry(0)).toBe("none");
    expect([mirror(p, 0, 0), mirror(p, 0, 2)]).toEqual(["none", "none"]);
    expect(p.read(2)).toBe(7);
  });

  it.each([
    ["free", "none"],
    ["cold", "atomic"],
    ["pageout", "atomic"],
  ] as const)("[EXC-23] MADV %s leaves the entry; the tag is then: %s", (advice, tag) => {
    const p = taken(core, driver);
    const entry = p.pte(0);
    expect(p.madvise(0, 1, advice)).toBe("ok");
    expect(p.pte(0)).toEqual(entry);
    expect(mirror(p, 0, 0)).toBe(tag);
    expect(p.read(0)).toBe(7);
  });
});

describe("[EXC-7] the EXCLUSIVE event", () => {
  it.each(PROFILES)("$core, $driver: other mirrors lose their entry; the asking one does only under dmirror", ({ core, driver }) => {
    const p = system({ core, driver });
    p.mmap(0, 2);
    p.mmap(1, 1, "r");
    p.write(0, 7);
    for (const dev of [0, 1]) expect(p.devRead(dev, 0, 2)).toEqual([7, 0]);
    // The batch is not tagged, because it fails; so the old entries are seen.
    expect(p.exclusive(0, 0, 2)).toBe("EBUSY");
    expect(p.entry(0)).toBe("device_exclusive rw");
    expect([mirror(p, 0, 0), mirror(p, 1, 0)]).toEqual([driver === "ideal" ? "write" : "none", "none"]);
  });
});

describe("[EXC-19] a read of the holder that faults on an earlier page", () => {
  it.each(PROFILES)("$core, $driver: ends it under dmirror, which faults the whole batch, and not under ideal", ({ core, driver }) => {
    const p = system({ core, driver });
    p.mmap(0, 4);
    p.exclusive(0, 0);
    p.exclusive(0, 2);
    // Page 0 is tagged and in front of the page that is missing: it stays in any case.
    expect(p.devRead(0, 0, 4)).toEqual([0, 0, 0, 0]);
    expect(p.entry(0)).toBe("device_exclusive rw");
    expect([p.entry(2), p.check(0, 2)]).toEqual(driver === "ideal" ? ["device_exclusive rw", "EPERM"] : ["present rw dirty", "ok"]);
  });
});

describe.each(DMIRRORS)("$core, $driver", ({ core, driver }) => {
  it("[EXC-24] an invalidation that ends in front of a tagged page removes the tag, and the entry stays exclusive", () => {
    const p = system({ core, driver });
    p.mmap(0, 3);
    p.exclusive(0, 0, 3);
    expect(p.madvise(0, 1, "dontneed")).toBe("ok");
    expect(p.entries(0, 3)).toEqual(["none", "device_exclusive rw", "device_exclusive rw"]);
    expect(mirrors(p, 0, 0, 3)).toEqual(["none", "none", "atomic"]);
    expect([p.check(0, 1), p.check(0, 2)]).toEqual(["ok", "EPERM"]);
  });
});
