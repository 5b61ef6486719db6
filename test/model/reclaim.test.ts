/** Lazily freed pages, MADV_PAGEOUT, and what reclaim leaves alone. */
import { describe, expect, it } from "vitest";
import type { Frame } from "../../model/index.ts";
import { audit } from "./audit.ts";
import { ALL_CORES, calls, eachCore, LINUX_CORES, swapOut, system, threads } from "./support.ts";
import type { System } from "./support.ts";
import type { Advice } from "../../spec/vocabulary.ts";

/** Pages that one page table maps: the size of a huge page. */
const HUGE = 512;

const frameAt = (p: System, pfn: number): Frame => p.state.frames[pfn] as Frame;
const taken = (p: System): number => p.state.frames.filter((frame) => !frame.free).length;

eachCore(ALL_CORES, (core) => {
  describe("MADV_FREE", () => {
    it.each(["rw", "r"] as const)(
      "[RCL-1] cleans entry and frame of each private page with %s and leaves it mapped with its contents",
      (prot) => {
        const p = system({ core });
        p.mmap(0, 2);
        p.write(0, 4);
        p.write(1, 5);
        p.mprotect(0, 2, prot);
        const pfn = p.frameOf(0);
        expect(p.madvise(0, 1, "free")).toBe("ok");
        expect(p.entries(0, 2)).toEqual([`present ${prot}`, `present ${prot} dirty`]);
        expect([p.frameOf(0), p.frame(0).swapBacked, p.frame(1).swapBacked, p.frame(0).dirty]).toEqual([pfn, false, true, false]);
        expect([p.read(0), p.read(1)]).toEqual([4, 5]);
      },
    );

    it("[RCL-1] leaves a page alone whose frame is dirty and mapped elsewhere too", () => {
      const p = system({ core });
      p.mmap(0, 1);
      p.write(0, 4);
      p.toDevice(0, 0);
      p.read(0);
      p.fork(1);
      expect(p.frame(0).dirty).toBe(true);
      p.madvise(0, 1, "free");
      expect(p.frame(0)).toMatchObject({ swapBacked: true, dirty: true });
      p.exit(1);
      p.madvise(0, 1, "free");
      expect(p.frame(0)).toMatchObject({ swapBacked: false, dirty: false });
    });

    it("[RCL-1] leaves a dirty page alone that is locked", () => {
      const p = system({ core });
      p.mmap(0, 1);
      p.write(0, 4);
      p.fork(1);
      p.exit(1);
      swapOut(p, 0);
      p.read(0);
      p.write(0, 6);
      const t = threads(p);
      const reclaim = t.reclaim(p.frameOf(0));
      t.step(reclaim, "swap");
      t.finish(t.start(0, calls.madvise(0, 1, "free")));
      expect([p.entry(0), p.frame(0).swapBacked]).toEqual(["present rw dirty", true]);
      t.finish(reclaim);
      expect(p.read(0)).toBe(6);
    });

    it("[RCL-1] drops a swap entry", () => {
      const p = system({ core });
      p.mmap(0, 1);
      p.write(0, 4);
      swapOut(p, 0);
      p.madvise(0, 1, "free");
      expect([p.entry(0), p.state.slots[0]?.count, p.read(0)]).toEqual(["none", 0, 0]);
    });

    it.each([
      ["users: the page is left alone", true],
      ["no users: the page leaves the swap cache and is lazily freed", false],
    ])("[RCL-1] a page in the swap cache whose slot has %s", (_, used) => {
      const p = system({ core });
      p.mmap(0, 1);
      p.write(0, 4);
      if (used) p.fork(1);
      swapOut(p, 0);
      p.read(0);
      expect([p.frame(0).slot, p.state.slots[0]?.count]).toEqual([0, used ? 1 : 0]);
      p.madvise(0, 1, "free");
      expect([p.frame(0).slot, p.frame(0).swapBacked]).toEqual(used ? [0, true] : [null, false]);
      expect(audit(p.state)).toEqual([]);
    });
  });

  describe("a lazily freed page", () => {
    function freed(): System {
      const p = system({ core });
      p.mmap(0, 2);
      p.write(0, 4);
      p.open(0);
      p.madvise(0, 1, "free");
      p.notices();
      return p;
    }

    it("[RCL-3] is dropped by MADV_PAGEOUT, after CLEAR for that page, and reads as 0 afterwards", () => {
      const p = freed();
      expect([p.madvise(0, 2, "pageout"), p.notices(), p.entry(0), taken(p)]).toEqual(["ok", ["CLEAR 0-1"], "none", 0]);
      expect(p.read(0)).toBe(0);
    });

    it("[RCL-3] is dropped after the callback of every mirror", () => {
      const p = freed();
      p.devRead(0, 0);
      const t = threads(p);
      const pageout = t.start(0, calls.madvise(0, 1, "pageout"));
      t.until(pageout, "rmap_walk.clear");
      expect([p.entry(0), p.state.files[0]?.dpt[0]]).toEqual(["present rw", null]);
      t.finish(pageout);
      expect(p.entry(0)).toBe("none");
    });

    it("[RCL-4] that the CPU has written since stays mapped with its contents, and is an ordinary one again", () => {
      const p = freed();
      p.write(0, 5);
      p.madvise(0, 1, "pageout");
      expect([p.notices(), p.read(0), p.frame(0).swapBacked, p.frame(0).lru, p.frame(0).locked]).toEqual([
        ["CLEAR 0-1"],
        5,
        true,
        true,
        null,
      ]);
      expect([p.madvise(0, 1, "pageout"), p.notices(), p.read(0)]).toEqual(["ok", [], 5]);
    });

    it("[RCL-4] that the CPU writes while it is being reclaimed stays too", () => {
      const p = freed();
      const t = threads(p);
      const pageout = t.start(0, calls.madvise(0, 1, "pageout"));
      t.until(pageout, "rmap_walk.clear");
      t.finish(t.start(0, calls.write(0, 6)));
      t.finish(pageout);
      expect([p.read(0), p.frame(0).swapBacked]).toEqual([6, true]);
    });
  });

  describe("MADV_PAGEOUT", () => {
    it.each([
      ["in its entry", (p: System) => [p.read(0), p.write(0, 4)], 4],
      ["in its frame", (p: System) => [p.write(0, 4), p.madvise(0, 1, "dontneed"), p.read(0)], 4],
      ["nowhere", (p: System) => [p.read(0)], 0],
    ] as const)("[RCL-5] of a shared-memory page that is dirty %s drops its entry, after CLEAR", (_, make, value) => {
      const p = system({ core });
      p.mmap(0, 1, "rw", "shared");
      make(p);
      p.notices();
      expect(p.madvise(0, 1, "pageout")).toBe("ok");
      expect([p.notices(), p.entry(0), taken(p)]).toEqual([["CLEAR 0-1"], "none", value === 0 ? 0 : 1]);
      expect(p.read(0)).toBe(value);
    });

    it.each([
      ["pages that two entries map", "shared", (p: System) => [p.write(0, 4), p.fork(1), p.as(1).read(0)]],
      ["lazily freed pages that two entries map", "private", (p: System) => [p.write(0, 4), p.madvise(0, 1, "free"), p.fork(1)]],
      ["pages of the driver's file", "device", () => null],
    ] as const)("[RCL-6] leaves %s alone", (_, map, make) => {
      const p = system({ core });
      p.mmap(0, 1, "rw", map);
      make(p);
      p.notices();
      expect(p.nothing(() => p.madvise(0, 1, "pageout"))).toBe("ok");
    });

    it("[RCL-6] leaves a locked page alone", () => {
      const p = system({ core });
      p.mmap(0, 2, "rw", "shared");
      p.read(0);
      p.read(1);
      const t = threads(p);
      const reclaim = t.reclaim(p.frameOf(1));
      t.step(reclaim);
      t.finish(t.start(0, calls.madvise(0, 2, "pageout")));
      expect(p.entries(0, 2)).toEqual(["none", "present rw"]);
      t.finish(reclaim);
      expect([p.entry(1), audit(p.state)]).toEqual(["none", []]);
    });
  });

  it.each(["cold", "huge", "pageout"] as const)("[RCL-7] %s of private pages changes no entry and notifies nobody", (advice) => {
    const p = system({ core });
    p.mmap(0, 3);
    p.write(0, 4);
    p.read(1);
    p.devRead(0, 0, 3);
    p.notices();
    const before = [p.state.mms[0]?.ptes, p.state.files];
    expect(p.madvise(0, 3, advice)).toBe("ok");
    expect([p.state.mms[0]?.ptes, p.state.files, p.notices()]).toEqual([...before, []]);
  });

  it.each(["cold"] as const)("[RCL-7] %s leaves lazily freed and shared pages alone too", (advice) => {
    const p = system({ core });
    p.mmap(0, 1);
    p.mmap(1, 1, "rw", "shared");
    p.write(0, 4);
    p.madvise(0, 1, "free");
    p.read(1);
    p.notices();
    expect(p.nothing(() => p.madvise(0, 2, advice))).toBe("ok");
  });
});

describe("device pages", () => {
  const ADVICE: readonly Advice[] = ["free", "cold", "pageout"];
  it.each(ADVICE)("[RCL-2] %s leaves device pages of any kind mapped as they are", (advice) => {
    for (const core of LINUX_CORES) {
      const p = system({ core, devices: ["private", "coherent"] });
      p.mmap(0, 3);
      for (const page of [0, 1, 2]) p.write(page, page + 1);
      p.toDevice(0, 0);
      p.toDevice(1, 1);
      p.exclusive(0, 2);
      const before = [p.entries(0, 3), p.state.frames];
      expect(p.madvise(0, 3, advice)).toBe("ok");
      expect([p.entries(0, 3), p.state.frames]).toEqual(before);
      expect([0, 1, 2].map((page) => p.read(page))).toEqual([1, 2, 3]);
    }
  });

  it("[RCL-2] reclaim takes no device page", () => {
    const p = system({ devices: ["private", "coherent"] });
    p.mmap(0, 2);
    p.toDevice(0, 0);
    p.toDevice(1, 1);
    const t = threads(p);
    for (const page of [0, 1]) expect(t.refused({ type: "reclaim", pfn: p.frameOf(page) })).toContain("cannot be reclaimed");
  });

  it("[RCL-2] under v14 too", () => {
    const p = system({ core: "v14" });
    p.mmap(0, 1);
    p.write(0, 3);
    p.toDevice(0, 0);
    for (const advice of ADVICE) expect(p.madvise(0, 1, advice)).toBe("ok");
    expect([p.entry(0), p.read(0)]).toEqual(["device_private rw", 3]);
  });
});

describe("other holders of a lazily freed page", () => {
  it.each(LINUX_CORES)("[RCL-4] [RCL-11] under %s it stays mapped with its contents", (core) => {
    for (const type of ["pin", "get"] as const) {
      const p = system({ core });
      p.mmap(0, 1);
      p.write(0, 4);
      p.madvise(0, 1, "free");
      threads(p).act({ type, pfn: p.frameOf(0) });
      p.notices();
      p.madvise(0, 1, "pageout");
      expect([p.notices(), p.entry(0), p.read(0), p.frame(0).swapBacked]).toEqual([["CLEAR 0-1"], "present rw", 4, true]);
    }
  });

  it("[RCL-4] under v14 they do not count", () => {
    const p = system({ core: "v14" });
    p.mmap(0, 1);
    p.write(0, 4);
    p.madvise(0, 1, "free");
    const pfn = p.frameOf(0);
    threads(p).act({ type: "get", pfn });
    p.madvise(0, 1, "pageout");
    expect([p.entry(0), p.read(0), frameAt(p, pfn).free]).toEqual(["none", 0, false]);
  });
});

describe("a device write that leaves the page clean", () => {
  it.each(LINUX_CORES)("[RCL-5] is lost under %s when MADV_PAGEOUT drops the page of shared memory", (core) => {
    const p = system({ core, driver: "dmirror-fixed" });
    p.mmap(0, 1, "rw", "shared");
    p.read(0);
    p.devWrite(0, 0, 1, 9);
    expect([p.entry(0), p.frame(0).dirty, p.read(0)]).toEqual(["present rw", false, 9]);
    p.madvise(0, 1, "pageout");
    expect(p.read(0)).toBe(0);
  });
});

describe("huge pages", () => {
  it.each([
    ["linux-6.1", "present rw", "none"],
    ["linux-6.12", "zero", "zero"],
  ] as const)(
    "[RCL-6, RCL-13] under %s MADV_FREE of a part splits one, and MADV_PAGEOUT takes its pages one by one",
    (core, entry, freed) => {
      const p = system({ core, pages: HUGE });
      p.mmap(0, HUGE);
      p.madvise(0, HUGE, "huge");
      p.write(0, 1);
      p.madvise(3, 1, "free");
      expect(p.entries(2, 3)).toEqual([entry, entry, entry]);
      p.madvise(0, HUGE, "pageout");
      expect([p.entry(0), p.entry(2), p.entry(3)]).toEqual(["present rw", entry, freed]);
    },
  );
});
