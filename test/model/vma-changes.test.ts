/** mprotect, mremap and madvise: what they change, where they stop, and what they have done by then. */
import { describe, expect, it } from "vitest";
import { audit } from "./audit.ts";
import { ALL_CORES, calls, eachCore, LINUX_CORES, swapOut, system, threads } from "./support.ts";
import type { System } from "./support.ts";
import type { Advice, Core, Prot } from "../../spec/vocabulary.ts";

/** Pages that one page table maps: the size of a huge page. */
const HUGE = 512;

eachCore(ALL_CORES, (core) => {
  describe("mprotect", () => {
    it("[VMA-12] with the flags that a mapping has already changes nothing there and notifies nobody", () => {
      const p = system({ core });
      p.mmap(0, 2);
      p.mmap(2, 2, "r");
      p.write(0, 1);
      p.devRead(0, 0);
      expect(p.nothing(() => p.mprotect(0, 2, "rw"))).toBe("ok");
      expect(p.nothing(() => p.mprotect(3, 1, "r"))).toBe("ok");
      p.notices();
      expect(p.mprotect(0, 4, "r")).toBe("ok");
      expect([p.notices(), p.layout()[0]]).toEqual([["PROTECTION_VMA 0-2"], "0-2 r private"]);
    });

    it("[VMA-13] that meets a hole answers ENOMEM and has changed the pages before it", () => {
      const p = system({ core });
      p.mmap(0, 2);
      p.mmap(3, 1);
      for (const page of [0, 1, 3]) p.write(page, 1);
      p.notices();
      expect(p.mprotect(1, 3, "r")).toBe("ENOMEM");
      expect(p.layout()).toEqual(["0-1 rw private", "1-2 r private", "3-4 rw private"]);
      expect(p.entries(0, 4)).toEqual(["present rw dirty", "present r dirty", "none", "present rw dirty"]);
      expect(p.notices()).toEqual(["PROTECTION_VMA 1-2"]);
    });

    it("[VMA-13] that begins in a hole changes nothing", () => {
      const p = system({ core });
      p.mmap(1, 1);
      p.write(1, 1);
      expect(p.nothing(() => p.mprotect(0, 2, "r"))).toBe("ENOMEM");
    });

    it.each([
      ["to read-only", "r"],
      ["to another writable protection", "rwx"],
      ["to no access", "n"],
    ] as const)("[VMA-14] %s takes the write permission of device-private entries", (_, prot) => {
      const p = system({ core });
      p.mmap(0, 2);
      p.write(0, 1);
      p.toDevice(0, 0);
      p.mprotect(0, 2, prot);
      expect(p.entry(0)).toBe("device_private r");
      p.mprotect(0, 2, "rw");
      expect(p.entry(0)).toBe("device_private r");
    });

    it.each(["r", "n", "x", "rx"] as const)(
      "[VMA-15] to %s takes the write permission of each present entry and keeps its page",
      (prot) => {
        const p = system({ core });
        p.mmap(0, 1);
        p.mmap(1, 1, "rw", "shared");
        p.mmap(2, 1, "rw", "device");
        for (const page of [0, 1, 2]) p.write(page, page + 4);
        const frames = [0, 1, 2].map((page) => p.frameOf(page));
        expect(p.mprotect(0, 3, prot)).toBe("ok");
        expect(p.entries(0, 3)).toEqual(["present r dirty", "present r dirty", "present r dirty"]);
        expect([0, 1, 2].map((page) => p.frameOf(page))).toEqual(frames);
        expect([p.read(0), p.write(0, 1)]).toEqual([prot === "n" || prot === "x" ? "SIGSEGV" : 4, "SIGSEGV"]);
        p.mprotect(0, 3, "rw");
        expect([0, 1, 2].map((page) => p.read(page))).toEqual([4, 5, 6]);
      },
    );

    it.each([
      ["shared memory", "shared", true, "present rw dirty"],
      ["shared memory that was only read", "shared", false, "present rw"],
      ["the driver's file", "device", false, "present rw"],
    ] as const)("[VMA-17] to writable makes the present entries of %s writable at once", (_, map, write, entry) => {
      const p = system({ core });
      p.mmap(0, 2, "rw", map);
      for (const page of [0, 1]) if (write) p.write(page, 1);
      for (const page of [0, 1]) if (!write) p.read(page);
      p.mprotect(0, 2, "r");
      expect(p.entry(1)).toBe(entry.replace("rw", "r"));
      p.mprotect(0, 2, "rw");
      expect(p.entries(0, 2)).toEqual([entry, entry]);
    });
  });
});

describe("mprotect to writable, private", () => {
  const written = (p: System): unknown => p.write(0, 1);
  /** A page that came home from a device for a read: its entry is clean. */
  const clean = (p: System): unknown => [p.toDevice(0, 0), p.read(0)];
  const sharedByFork = (p: System): unknown => [p.write(0, 1), p.fork(1)];
  const shortly = (p: System): unknown => [p.write(0, 1), p.fork(1), p.exit(1)];
  const rows: readonly (readonly [Core, string, (p: System) => unknown, string])[] = [
    ["linux-6.1", "a dirty page", written, "present rw dirty"],
    ["linux-6.1", "a clean page", clean, "present r"],
    ["linux-6.1", "a page that fork has shared", sharedByFork, "present r dirty"],
    ["linux-6.1", "a page that nobody shares any more", shortly, "present r dirty"],
    ["linux-6.12", "a dirty page", written, "present rw dirty"],
    ["linux-6.12", "a clean page", clean, "present rw"],
    ["linux-6.12", "a page that fork has shared", sharedByFork, "present r dirty"],
    ["linux-6.12", "a page that nobody shares any more", shortly, "present r dirty"],
    ["v14", "a dirty page", written, "present r dirty"],
    ["v14", "a page that fork has shared", sharedByFork, "present r dirty"],
  ];
  it.each(rows)("[VMA-16] under %s %s", (core, _, make, entry) => {
    const p = system({ core });
    p.mmap(0, 1);
    make(p);
    p.mprotect(0, 1, "r");
    p.mprotect(0, 1, "rw");
    expect(p.entry(0)).toBe(entry);
    p.write(0, 2);
    expect([p.entry(0), p.read(0)]).toEqual(["present rw dirty", 2]);
  });

  it.each([
    ["linux-6.1", "present r dirty huge"],
    ["linux-6.12", "present rw dirty huge"],
  ] as const)("[VMA-16] under %s a page that a huge page maps as a whole", (core, entry) => {
    const p = system({ core, pages: HUGE });
    p.mmap(0, HUGE);
    p.madvise(0, HUGE, "huge");
    p.write(0, 1);
    p.mprotect(0, HUGE, "r");
    p.mprotect(0, HUGE, "rw");
    expect(p.entry(7)).toBe(entry);
  });

  it.each(LINUX_CORES)("[VMA-14] under %s mprotect takes the write permission of device-exclusive entries", (core) => {
    for (const prot of ["r", "rwx"] as const) {
      const p = system({ core });
      p.mmap(0, 1);
      p.exclusive(0, 0);
      p.mprotect(0, 1, prot);
      expect(p.entry(0)).toBe("device_exclusive r");
      p.mprotect(0, 1, "rw");
      expect(p.entry(0)).toBe("device_exclusive r");
    }
  });

  it.each(LINUX_CORES)(
    "[VMA-14] under %s mprotect takes the write permission of migration entries, and what ends there is read-only",
    (core) => {
      const p = system({ core });
      p.mmap(0, 1);
      p.write(0, 1);
      p.toDevice(0, 0);
      p.mmap(2, 1);
      p.fork(1);
      p.write(0, 1);
      p.toDevice(0, 0);
      const t = threads(p);
      p.as(1).open(0);
      const evict = t.start(1, calls.close(0));
      t.until(evict, "migrate.m6");
      expect(p.entry(0)).toBe("migration write");
      const protect = t.start(0, calls.mprotect(0, 1, "rwx"));
      t.finish(protect);
      expect(p.entry(0)).toBe("migration read_exclusive");
      t.finish(evict);
      expect([p.entry(0).startsWith("present r"), p.entry(0).startsWith("present rw"), audit(p.state)]).toEqual([true, false, []]);
    },
  );
});

eachCore(ALL_CORES, (core) => {
  describe("mremap", () => {
    it.each([
      ["to the right", 0, 2, 1],
      ["to the left", 1, 2, 0],
      ["onto itself", 0, 2, 0],
    ])("[VMA-18] onto an overlapping range, %s, answers EINVAL and changes nothing", (_, page, npages, to) => {
      const p = system({ core });
      p.mmap(0, 4);
      p.write(1, 1);
      expect(p.nothing(() => p.mremap(page, npages, to))).toBe("EINVAL");
    });

    it.each([
      ["apart", 2],
      ["overlapping", 0],
    ])("[VMA-19] of an unmapped first page answers EFAULT and changes nothing, ranges %s", (_, to) => {
      const p = system({ core });
      p.mmap(2, 2);
      p.mmap(1, 1, "r");
      p.munmap(1, 1);
      p.write(2, 1);
      expect(p.nothing(() => p.mremap(1, 1, to === 0 ? 1 : to))).toBe("EFAULT");
      expect(p.nothing(() => p.mremap(0, 2, to === 0 ? 1 : to))).toBe("EFAULT");
    });

    it.each([
      ["reaches over two mappings", (p: System) => p.mmap(1, 1, "r")],
      ["ends in a hole", (p: System) => p.munmap(1, 1)],
    ])("[VMA-20] of a range that %s answers EFAULT after it has unmapped the target", (_, make) => {
      const p = system({ core, pages: 6 });
      p.mmap(0, 6);
      make(p);
      for (const page of [0, 3, 4, 5]) p.write(page, page + 1);
      p.notices();
      expect(p.mremap(0, 2, 3)).toBe("EFAULT");
      expect(p.notices()).toEqual(["UNMAP 3-5"]);
      expect([p.read(0), p.read(3), p.read(4), p.read(5)]).toEqual([1, "SIGSEGV", "SIGSEGV", 6]);
    });

    it("[VMA-21] moves each entry as it is, unmaps the target and leaves nothing in the old range", () => {
      const p = system({ core, pages: 10 });
      p.mmap(0, 5);
      p.mmap(5, 5, "r", "shared");
      p.read(1);
      for (const page of [2, 3, 4]) p.write(page, page);
      p.toDevice(0, 3);
      swapOut(p, 4);
      const before = p.entries(0, 5);
      const frames = [2, 3].map((page) => p.frameOf(page));
      expect(before).toEqual(["none", "zero", "present rw dirty", "device_private rw", core === "v14" ? "swap" : "swap exclusive"]);
      expect(p.mremap(0, 5, 5)).toBe("ok");
      expect(p.entries(5, 5)).toEqual(before);
      expect([7, 8].map((page) => p.frameOf(page))).toEqual(frames);
      expect(p.entries(0, 5)).toEqual(["none", "none", "none", "none", "none"]);
      expect(p.layout()).toEqual(["5-10 rw private"]);
      expect(audit(p.state)).toEqual([]);
      expect([p.read(5), p.read(6), p.read(7), p.read(8), p.read(9), p.read(0)]).toEqual([0, 0, 2, 3, 4, "SIGSEGV"]);
    });

    it("[VMA-21] of a part splits the mapping, and of shared memory takes the contents along", () => {
      const p = system({ core, pages: 6 });
      p.mmap(0, 3, "rw", "shared");
      for (const page of [0, 1, 2]) p.write(page, page + 1);
      expect(p.mremap(1, 1, 4)).toBe("ok");
      expect(p.layout()).toEqual(["0-1 rw shared", "2-3 rw shared", "4-5 rw shared"]);
      p.madvise(4, 1, "dontneed");
      expect([p.read(4), p.read(0), p.read(2)]).toEqual([2, 1, 3]);
    });
  });

  describe("madvise", () => {
    it.each([
      ["dontneed", ["none", "none", "none"]],
      ["free", ["present rw", "none", "present rw"]],
      ["cold", ["present rw dirty", "none", "present rw dirty"]],
      ["pageout", ["present rw dirty", "none", "present rw dirty"]],
    ] as const)("[VMA-22] %s over a hole acts on both sides of it and then answers ENOMEM", (advice, entries) => {
      const p = system({ core });
      p.mmap(0, 1);
      p.mmap(2, 1);
      p.write(0, 1);
      p.write(2, 1);
      expect(p.madvise(0, 3, advice)).toBe("ENOMEM");
      expect(p.entries(0, 3)).toEqual(entries);
    });

    it("[VMA-22] a hole at the begin, at the end, or everywhere is ENOMEM too", () => {
      const p = system({ core });
      p.mmap(1, 1);
      for (const [page, npages] of [
        [0, 2],
        [1, 2],
      ] as const) {
        p.write(1, 1);
        expect(p.madvise(page, npages, "dontneed")).toBe("ENOMEM");
        expect(p.entry(1)).toBe("none");
      }
      expect(p.nothing(() => p.madvise(2, 2, "dontneed"))).toBe("ENOMEM");
      p.madvise(0, 4, "huge");
      expect(p.vmas()[0]?.flags.hugepage).toBe(true);
    });

    const STOPS: readonly (readonly [Advice, Prot, "ENOMEM" | "EINVAL"])[] = [
      ["populate_r", "n", "EINVAL"],
      ["populate_r", "w", "EINVAL"],
      ["populate_w", "r", "EINVAL"],
      ["populate_w", "n", "EINVAL"],
    ];
    it.each(STOPS)("[VMA-23] %s stops at a mapping with %s with %s", (advice, prot, errno) => {
      const p = system({ core });
      p.mmap(0, 1);
      p.mmap(1, 1, prot);
      p.mmap(2, 1);
      expect(p.madvise(0, 3, advice)).toBe(errno);
      expect(p.entries(0, 3)).toEqual([advice === "populate_r" ? "zero" : "present rw dirty", "none", "none"]);
    });

    it.each(["populate_r", "populate_w"] as const)(
      "[VMA-24] %s leaves each page as an access of the CPU would, with its contents",
      (advice) => {
        const make = (): System => {
          const p = system({ core, pages: 8, devices: core === "v14" ? ["private"] : ["private", "private", "coherent"] });
          p.mmap(0, 6);
          p.read(1);
          for (const page of [2, 3, 4, 5]) p.write(page, page);
          p.toDevice(0, 2);
          swapOut(p, 3);
          if (core !== "v14") p.toDevice(2, 5);
          p.mmap(6, 2, "rw", "shared");
          p.write(6, 6);
          return p;
        };
        const populated = make();
        expect(populated.madvise(0, 8, advice)).toBe("ok");
        const accessed = make();
        for (let page = 0; page < 8; page++) {
          if (advice === "populate_r") accessed.read(page);
          else accessed.write(page, populated.frame(page).contents.first ?? 0);
        }
        const clean = (entry: string): string => entry.replace(" dirty", "");
        expect(populated.entries(0, 8).map(clean)).toEqual(accessed.entries(0, 8).map(clean));
        expect([0, 1, 2, 3, 4, 5, 6, 7].map((page) => populated.read(page))).toEqual([0, 0, 2, 3, 4, 5, 6, 0]);
        expect(populated.entry(2).startsWith("present")).toBe(true);
      },
    );

    it("[VMA-25] dontneed drops every entry: private memory reads as zero, shared memory keeps its contents", () => {
      const p = system({ core, pages: 8, devices: core === "v14" ? ["private"] : ["private", "private", "coherent"] });
      p.mmap(0, 5);
      p.mmap(5, 1, "rw", "shared");
      p.read(0);
      for (const page of [1, 2, 3, 4, 5]) p.write(page, page);
      p.toDevice(0, 2);
      swapOut(p, 3);
      if (core !== "v14") p.exclusive(0, 4);
      p.notices();
      expect(p.madvise(0, 6, "dontneed")).toBe("ok");
      expect(p.notices()).toEqual(["CLEAR 0-5", "CLEAR 5-6"]);
      expect(p.entries(0, 6)).toEqual(["none", "none", "none", "none", "none", "none"]);
      expect(p.state.frames.filter((f) => !f.free).length).toBe(1);
      expect([0, 1, 2, 3, 4, 5].map((page) => p.read(page))).toEqual([0, 0, 0, 0, 0, 5]);
    });

    it.each(["shared", "device"] as const)("[VMA-26] MADV_FREE answers EINVAL at a %s mapping, with the mappings before it done", (map) => {
      const p = system({ core });
      p.mmap(0, 1);
      p.mmap(1, 1, "rw", map);
      p.mmap(2, 1);
      for (const page of [0, 1, 2]) p.write(page, 1);
      p.notices();
      expect(p.madvise(0, 3, "free")).toBe("EINVAL");
      expect(p.entries(0, 3)).toEqual(["present rw", "present rw dirty", "present rw dirty"]);
      expect(p.notices()).toEqual(["CLEAR 0-1"]);
      expect(p.nothing(() => p.madvise(1, 2, "free"))).toBe("EINVAL");
    });
  });
});

describe("populate over a hole", () => {
  it.each([
    ["linux-6.1", "goes on behind it", "populate_r", "zero", true],
    ["linux-6.1", "goes on behind it", "populate_w", "present rw dirty", true],
    ["linux-6.12", "stops at it", "populate_r", "zero", false],
    ["linux-6.12", "stops at it", "populate_w", "present rw dirty", false],
  ] as const)("[VMA-22, VMA-23] under %s %s: %s", (core, _, advice, entry, goesOn) => {
    const p = system({ core, pages: 5 });
    p.mmap(0, 1);
    p.mmap(2, 1);
    p.mmap(4, 1);
    expect(p.madvise(0, 3, advice)).toBe("ENOMEM");
    expect(p.entries(0, 3)).toEqual([entry, "none", goesOn ? entry : "none"]);
    expect([p.madvise(3, 2, advice), p.entry(4)]).toEqual(["ENOMEM", goesOn ? entry : "none"]);
    expect(p.nothing(() => p.madvise(3, 1, advice))).toBe("ENOMEM");
  });
});

describe("moves in flight", () => {
  it("[VMA-21] mremap takes a migration entry along, and the migration ends at the new place", () => {
    const p = system();
    p.mmap(0, 1);
    p.write(0, 5);
    p.toDevice(0, 0);
    p.mmap(2, 1, "r");
    p.fork(1);
    const t = threads(p);
    p.as(1).open(0);
    const evict = t.start(1, calls.close(0));
    t.until(evict, "migrate.m6");
    const move = t.start(0, calls.mremap(0, 1, 1));
    t.finish(move);
    expect([p.pte(0).kind, p.pte(1).kind]).toEqual(["none", "migration"]);
    t.finish(evict);
    expect([p.pte(1).kind, p.read(1), p.as(1).read(0), audit(p.state)]).toEqual(["present", 5, 5, []]);
  });
});
