/** Migration, section 7: what the caller sees, and what other mirrors lose; section 8: what happens to device-private entries. */
import { describe, expect, it } from "vitest";
import type { Core } from "../../spec/vocabulary.ts";
import { expectQuiet, frameAt, holders, mirror, mirrored, mirrors, used } from "./migrate-support.ts";
import { ALL_CORES, LINUX_CORES, calls, eachCore, system, threads } from "./support.ts";
import type { System } from "./support.ts";

/** Anonymous pages that are resident in a process: those whose frame has a mapping there. */
function resident(p: System, actor = 0): number {
  const mm = p.state.actors[actor]?.mm;
  return p.state.frames.filter((f) => f.mapping?.kind === "anon" && f.holders.some((h) => h.kind === "map" && h.mm === mm)).length;
}

eachCore(ALL_CORES, (core) => {
  it("[MIG-43] a page that stays keeps nobody from moving, and a later failure undoes nothing", () => {
    const p = system({ core, pages: 6 });
    p.mmap(0, 5);
    for (let page = 0; page < 5; page++) p.write(page, page);
    const t = threads(p);
    t.act({ type: "get", pfn: p.frameOf(1) });
    const answer = p.toDevice(0, 0, 3);
    expect(answer).toBe(core === "v14" ? "ok" : "ENOENT");
    expect([0, 1, 2].map((page) => p.frame(page).dev)).toEqual([0, null, 0]);
    expect(p.toDevice(0, 3, 3)).toBe("EINVAL");
    expect([3, 4].map((page) => p.frame(page).dev)).toEqual([0, 0]);
    expect(p.toSystem(0, 3, 3)).toBe("EINVAL");
    expect([0, 3, 4].map((page) => p.frame(page).dev)).toEqual([0, null, null]);
    t.act({ type: "put", pfn: p.frameOf(1) });
    expectQuiet(p);
  });

  it("[MIG-44] no page changes its value, for any process that may read it, whatever moves where", () => {
    const p = system({ core, pages: 6 });
    p.mmap(0, 6);
    for (let page = 0; page < 4; page++) p.write(page, 10 + page);
    p.read(4);
    p.mprotect(3, 1, "r");
    p.fork(1);
    p.as(1).write(1, 21);
    const want = [
      [10, 11, 12, 13, 0, 0],
      [10, 21, 12, 13, 0, 0],
    ];
    const values = (): unknown[] =>
      [0, 1].map((actor) => p.state.mms[actor]?.ptes.map((pte) => ("pfn" in pte ? frameAt(p, pte.pfn).contents.first : 0)));
    for (const actor of [0, 1, 0]) {
      for (const dev of [0, 1]) {
        p.as(actor).toDevice(dev, 0, 6);
        expect(values()).toEqual(want);
        p.as(actor).toSystem(dev, 1, 4);
        expect(values()).toEqual(want);
      }
    }
    for (const actor of [0, 1]) for (let page = 0; page < 6; page++) expect(p.as(actor).read(page)).toBe(want[actor]?.[page]);
    expectQuiet(p);
  });

  it("[MIG-46] the entries of other devices' mirrors go, also those of pages that then stay", () => {
    const p = system({ core, pages: 5 });
    p.mmap(0, 5);
    for (let page = 0; page < 5; page++) p.write(page, 7);
    p.devWrite(1, 0, 5, 8);
    const t = threads(p);
    t.act({ type: "get", pfn: p.frameOf(2) });
    p.toDevice(0, 1, 2);
    expect(p.frame(2).dev).toBe(null);
    // dmirror erases one entry too many.
    expect(mirrors(p, 1, 0, 5)).toEqual(["write", "none", "none", core === "v14" ? "write" : "none", "write"]);
  });

  it("[MIG-48] migrate_to_system counts the pages that leave the device", () => {
    const p = system({ core, pages: 6 });
    p.mmap(0, 6);
    for (let page = 1; page < 5; page++) p.write(page, 7);
    p.toDevice(0, 1, 2);
    p.toDevice(1, 3);
    expect(p.toSystem(0, 0, 6)).toBe("ok");
    expect(p.last()).toEqual({ status: "ok", cpages: 2 });
    expect(p.frame(3).dev).toBe(1);
    expect(p.toSystem(0, 0, 6)).toBe("ok");
    expect(p.last()).toEqual({ status: "ok", cpages: 0 });
  });

  it.each<[string, (p: System) => unknown]>([
    ["munmap", (p) => p.munmap(0)],
    ["MADV_DONTNEED", (p) => p.madvise(0, 1, "dontneed")],
    ["a new mapping", (p) => p.mmap(0)],
  ])("[MIG-50] %s drops a device-private entry with its mapping and its reference", (title, drop) => {
    const p = system({ core });
    p.mmap(0);
    p.write(0, 7);
    p.toDevice(0, 0);
    const frame = p.frameOf(0);
    drop(p);
    expect(p.entry(0)).toBe("none");
    expect(frameAt(p, frame).free).toBe(true);
    expect(p.read(0)).toBe(title === "munmap" ? "SIGSEGV" : 0);
  });

  it("[MIG-50] exit drops the entries of its process, and the frame lives on with the others", () => {
    const p = system({ core });
    p.mmap(0);
    p.write(0, 7);
    p.toDevice(0, 0);
    const frame = p.frameOf(0);
    p.fork(1);
    p.exit(1);
    expect(holders(p, frame)).toEqual(["map"]);
    expect(frameAt(p, frame).free).toBe(false);
    expect(p.read(0)).toBe(7);
  });

  it("[MIG-51] mprotect makes a device-private entry read-only, and only a write fault makes the page writable again", () => {
    const p = system({ core });
    p.mmap(0);
    p.write(0, 7);
    p.toDevice(0, 0);
    p.mprotect(0, 1, "r");
    expect(p.entry(0)).toBe("device_private r");
    p.mprotect(0, 1, "rw");
    expect(p.entry(0)).toBe("device_private r");
    p.write(0, 9);
    expect(p.entry(0)).toBe("present rw dirty");
    expect(p.read(0)).toBe(9);
  });

  it("[MIG-52] mremap moves a device-private entry unchanged; the old addresses lose their mirror entries, the new have none", () => {
    const p = system({ core });
    p.mmap(0, 2);
    p.write(0, 7);
    p.toDevice(0, 0);
    p.devRead(0, 0, 2);
    const entry = p.pte(0);
    expect(entry.kind).toBe("device_private");
    expect(p.mremap(0, 1, 2)).toBe("ok");
    expect(p.pte(2)).toEqual(entry);
    expect(p.entry(0)).toBe("none");
    expect([mirror(p, 0, 0), mirror(p, 0, 2)]).toEqual(["none", "none"]);
    expect(p.read(2)).toBe(7);
  });

  it("[MIG-53] fork shares a device-private frame read-only, one mapping and one reference more; so it stays", () => {
    const p = system({ core });
    p.mmap(0, 2);
    p.write(0, 7);
    p.toDevice(0, 0);
    const frame = p.frameOf(0);
    expect([p.entry(0), holders(p, frame)]).toEqual(["device_private rw", ["map"]]);
    p.fork(1);
    expect([p.entry(0), p.entry(0, 1)]).toEqual(["device_private r", "device_private r"]);
    expect([p.frameOf(0), p.frameOf(0, 1)]).toEqual([frame, frame]);
    expect(holders(p, frame)).toEqual(["map", "map"]);
    p.exit(1);
    expect(p.entry(0)).toBe("device_private r");
    expect(holders(p, frame)).toEqual(["map"]);
  });

  it("[MIG-54] a device-private page counts as a resident anonymous page of each process", () => {
    const p = system({ core });
    p.mmap(0, 2);
    p.write(0, 7);
    p.write(1, 7);
    expect(resident(p)).toBe(2);
    p.toDevice(0, 0, 2);
    expect(p.frame(0).dev).toBe(0);
    expect(resident(p)).toBe(2);
    p.fork(1);
    expect([resident(p, 0), resident(p, 1)]).toEqual([2, 2]);
    p.madvise(0, 1, "dontneed");
    expect([resident(p, 0), resident(p, 1)]).toEqual([1, 2]);
    p.toSystem(0, 1);
    expect([resident(p, 0), resident(p, 1)]).toEqual([1, 2]);
  });
});

describe("[MIG-45] migrate_to_device of dmirror succeeds if and only if each page has a mirror entry afterwards", () => {
  const cases: readonly [string, (p: System) => unknown, "ok" | "ENOENT", number | null][] = [
    ["a page that moves", (p) => p.write(1, 7), "ok", 0],
    ["an untouched page", () => "nothing", "ok", 0],
    ["an own page with its entry", (p) => [p.write(1, 7), p.toDevice(0, 1)], "ok", 0],
    ["an own page that has lost its entry", (p) => [p.write(1, 7), p.toDevice(0, 1), p.mprotect(1, 1, "r")], "ENOENT", 0],
    ["a page of another device", (p) => [p.write(1, 7), p.toDevice(1, 1)], "ENOENT", 1],
    ["a shared page without an entry", (p) => [p.mmap(1, 1, "rw", "shared"), p.write(1, 7)], "ENOENT", null],
    ["a shared page with an entry", (p) => [p.mmap(1, 1, "rw", "shared"), p.devWrite(0, 1, 1, 7)], "ok", null],
    ["an exclusive page without an entry", (p) => [p.write(1, 7), p.exclusive(1, 1)], "ENOENT", null],
    ["an exclusive page with a tag", (p) => [p.write(1, 7), p.exclusive(0, 1)], "ok", null],
  ];
  const all = LINUX_CORES.flatMap((core) => cases.map(([title, place, answer, dev]) => ({ core, title, place, answer, dev })));

  it.each(all)("$core: $title: $answer", ({ core, place, answer, dev }) => {
    const p = system({ core });
    p.mmap(0, 3);
    p.write(0, 5);
    place(p);
    expect(p.toDevice(0, 0, 2)).toBe(answer);
    expect(p.frame(1).dev).toBe(dev);
    // The other page has moved in any case.
    expect(p.frame(0).dev).toBe(0);
    expect(mirrors(p, 0, 0, 2).includes("none")).toBe(answer === "ENOENT");
  });
});

describe("[MIG-47] a second mirror of the migrating device in the same address space", () => {
  /** The child holds the first open file of device 0, which mirrors the parent; the parent has opened a second one. */
  function twoMirrors(core: Core, driver: "dmirror" | "dmirror-fixed" | "ideal"): System {
    const p = system({ core, driver });
    p.mmap(0);
    p.write(0, 7);
    p.open(0);
    p.fork(1, "inherit");
    p.open(0);
    // A page of its own for the parent.
    p.write(0, 8);
    expect([p.devRead(0, 0), p.as(1).devRead(0, 0)]).toEqual([[8], [8]]);
    return p;
  }

  it.each(LINUX_CORES)("%s: keeps its entry to the source frame, which is free", (core) => {
    for (const driver of ["dmirror", "dmirror-fixed"] as const) {
      const p = twoMirrors(core, driver);
      const frame = p.frameOf(0);
      const t = threads(p);
      const task = t.start(0, calls.toDevice(0, 0));
      t.until(task, "migrate.m5");
      expect([mirrored(p, 0, 0), mirrored(p, 0, 0, 1)]).toEqual([frame, frame]);
      t.finish(task);
      expect(mirrored(p, 0, 0)).toBe(p.frameOf(0));
      expect(mirrored(p, 0, 0, 1)).toBe(frame);
      expect(frameAt(p, frame).free).toBe(true);
    }
  });

  it.each(ALL_CORES)("%s: under ideal it is called like the others", (core) => {
    const p = twoMirrors(core, "ideal");
    p.toDevice(0, 0);
    expect(mirrored(p, 0, 0, 1)).toBe(null);
    expect(p.as(1).devRead(0, 0)).toEqual([8]);
    expect(used(p, 0)).toBe(1);
  });
});
