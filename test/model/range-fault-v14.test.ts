import { describe, expect, it } from "vitest";
import { dpte, faulted, fileOf, frameBehind, onePage, table, V14, walkOf, words } from "./mirror-support.ts";
import { calls, threads } from "./support.ts";
import type { System } from "./support.ts";

describe("v14", () => {
  it.each([
    ["without access", "n"],
    ["for writing only", "w"],
  ] as const)("[RF-5] an empty entry of a mapping %s gives the word EMPTY and no error", (_what, prot) => {
    const s = onePage(V14);
    s.mmap(1, 1, prot);
    const t = threads(s);
    const read = t.start(0, calls.devRead(0, 1));
    t.until(read, "hmm_range_fault.d8");
    expect([words(s, read), walkOf(s, read).error]).toEqual([["EMPTY"], null]);
    expect(t.finish(read)).toEqual({ status: "errno", errno: "EFAULT" });
    expect([s.entry(1), table(s, 0)[1]]).toEqual(["none", "-"]);
  });

  it.each<[string, string, (s: System) => unknown]>([
    ["[RF-6]", "a write to a mapping without write permission", (s) => s.mprotect(0, 1, "r")],
    ["[RF-6]", "a write to an untouched mapping without write permission", (s) => s.mmap(0, 1, "r")],
    ["[RF-14]", "an address that is not mapped", (s) => s.munmap(0, 1)],
  ])("%s [RF-14] %s gets the word ERROR, and the call answers EFAULT", (_id, _what, prepare) => {
    const s = onePage(V14);
    prepare(s);
    const before = s.pte(0);
    const t = threads(s);
    const write = t.start(0, calls.devWrite(0, 0, 1, 9));
    t.until(write, "hmm_range_fault.d7");
    expect(words(s, write)).toEqual(["ERROR"]);
    t.step(write);
    expect([t.at(write), s.pte(0)]).toEqual(["dmirror_fault.walked", before]);
    expect(t.finish(write)).toEqual({ status: "errno", errno: "EFAULT" });
  });

  it("[RF-14] a page for which there is no memory gets the word ERROR, and the call answers EFAULT", () => {
    const s = onePage(V14);
    s.read(1);
    const t = threads(s);
    const write = t.start(0, calls.devWrite(0, 1, 1, 9));
    t.until(write, "handle_mm_fault.c4b");
    t.step(write, "no-memory");
    t.until(write, "hmm_range_fault.d7");
    expect(words(s, write)).toEqual(["ERROR"]);
    expect(t.finish(write)).toEqual({ status: "errno", errno: "EFAULT" });
    expect(s.entry(1)).toBe("zero");
  });

  it("[RF-14] the range fault answers EAGAIN if the address space lock was dropped, and the driver looks the mapping up again", () => {
    const s = onePage(V14);
    const t = threads(s);
    const read = t.start(0, calls.devRead(0, 1));
    t.until(read, "hmm_range_fault.d6");
    expect(t.choices(read)).toEqual(["", "dropped"]);
    t.step(read, "dropped");
    expect(t.at(read)).toBe("dmirror_fault.walked");
    expect(s.state.tasks[0]?.stack.at(-1)).toMatchObject({ got: "EAGAIN" });
    expect(s.state.mms[0]?.lock).toEqual({ writer: null, readers: [] });
    t.finish(t.start(0, calls.munmap(1, 1)));
    expect(t.finish(read)).toEqual({ status: "errno", errno: "EFAULT" });
  });

  it("[RF-15] a range fault in a special mapping sets all words to SPECIAL and answers 0", () => {
    const s = onePage(V14);
    s.mmap(4, 2, "rw", "device");
    const before = s.entries(4, 2);
    const t = threads(s);
    const read = t.start(0, calls.devRead(0, 4, 2));
    t.until(read, "hmm_range_fault.d8");
    expect(walkOf(s, read).error).toBeNull();
    expect(new Set(words(s, read))).toEqual(new Set(["SPECIAL"]));
    t.finish(read);
    expect([s.entries(4, 2), table(s, 0).slice(4)]).toEqual([before, "--"]);
  });

  it("[RF-15] each range lies in one mapping", () => {
    const s = onePage(V14);
    s.mprotect(2, 2, "r");
    const t = threads(s);
    const read = t.start(0, calls.devRead(0, 0, 4));
    const ranges = new Set<string>();
    while (t.at(read) !== null) {
      if (t.at(read) === "hmm_range_fault.d5") {
        const { start, end } = walkOf(s, read);
        expect(s.vmas().filter((v) => v.start <= start && end <= v.end)).toHaveLength(1);
        ranges.add(`${start}`);
      }
      t.step(read);
    }
    expect(ranges.size).toBeGreaterThan(1);
  });

  it.each([
    ["a driver that asks for it", "ideal"],
    ["one that does not", "dmirror-fixed"],
  ] as const)(
    "[RF-8] for %s a read-only own device-private page is faulted like a CPU write, and copied if it is shared",
    (_what, driver) => {
      const s = onePage({ core: "v14", driver });
      s.fork(1);
      s.toDevice(0, 0);
      s.madvise(0, 1, "free");
      expect(s.devWrite(0, 0, 1, 9)).toBe("ok");
      expect([s.entry(0), s.frame(0).kind, s.read(0)]).toEqual(["present rw dirty", "system", 9]);
      expect([s.entry(0, 1), s.frame(0, 1).kind, s.as(1).read(0)]).toEqual(["present r", "system", 7]);
    },
  );

  it("[RF-9] a device-private page of another device is reported where it is", () => {
    const s = onePage(V14);
    s.toDevice(1, 0);
    const frame = s.frameOf(0);
    expect(faulted(s, 0, calls.devRead(0, 0))).toEqual([]);
    expect([s.entry(0), dpte(s, 0, 0)?.pfn, frameBehind(s, 0, 0).dev]).toEqual(["device_private rw", frame, 1]);
    expect(s.devRead(0, 0)).toEqual([7]);
  });

  it("[RF-16] a range that is registered between i1 and i3 may stay valid, and enter what the notification takes away", () => {
    const s = onePage(V14);
    const t = threads(s);
    const frame = s.frameOf(0);
    const zap = t.start(0, calls.madvise(0, 1, "dontneed"));
    t.until(zap, "madvise.page");
    expect(t.finish(t.start(0, calls.devRead(0, 0)))).toMatchObject({ data: [7] });
    t.finish(zap);
    expect([s.entry(0), fileOf(s, 0).dpt[0]?.pfn, s.state.frames[frame]?.free]).toEqual(["none", frame, true]);
  });
});
