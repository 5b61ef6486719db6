import { describe, expect, it } from "vitest";
import { ALL, dpte, eachProfile, faulted, frameBehind, LINUX, LINUX_DMIRROR, onePage, table, walkOf } from "./mirror-support.ts";
import { calls, threads } from "./support.ts";
import type { System } from "./support.ts";
import type { ModelCall } from "../../spec/vocabulary.ts";

const swapOut = (s: System, page: number): unknown => s.as(0, { "reclaim.r1": "swap" }).madvise(page, 1, "pageout");

/** Moves page 0 to a device and takes the mirror's entry of it away: MADV_FREE leaves device pages alone. */
function onDevice(s: System, dev = 0): void {
  s.toDevice(dev, 0);
  s.madvise(0, 1, "free");
}

const access = (write: boolean, page = 0, npages = 1): ModelCall =>
  write ? calls.devWrite(0, page, npages, 9) : calls.devRead(0, page, npages);

eachProfile(ALL, (profile) => {
  const v14 = profile.core === "v14";

  it.each([
    ["read", false, "zero"],
    ["write", true, "present rw dirty"],
  ])("[RF-1] goes through its range in address order and stops at the first page that cannot be had: %s", (_kind, write, entry) => {
    const s = onePage(profile);
    s.munmap(2, 1);
    expect(s.call(0, access(write, 1, 3))).toEqual({ status: "errno", errno: "EFAULT" });
    expect(s.entries(1, 3)).toEqual([entry, "none", "none"]);
    s.mmap(2, 1);
    expect(faulted(s, 0, access(write, 1, 3))).toEqual([2, 3]);
  });

  const usable: readonly (readonly [string, (s: System) => unknown, boolean])[] = [
    ["a read of a writable page", () => {}, false],
    ["a read of a read-only page", (s) => s.fork(1), false],
    ["a read of the zero page", (s) => (s.madvise(0, 1, "dontneed"), s.read(0)), false],
    ["a read of an own device-private page", (s) => onDevice(s), false],
    ["a read of a read-only own device-private page", (s) => (s.fork(1), onDevice(s)), false],
    ["a write to a writable page", () => {}, true],
    ["a write to a writable own device-private page", (s) => onDevice(s), true],
  ];
  it.each(usable)("[RF-2] %s needs no fault", (_what, prepare, write) => {
    const s = onePage(profile);
    prepare(s);
    const before = s.pte(0);
    expect(faulted(s, 0, access(write))).toEqual([]);
    expect(s.pte(0)).toEqual(before);
    expect(table(s, 0)[0]).not.toBe("-");
  });

  const unusable: readonly (readonly [string, (s: System) => unknown, boolean])[] = [
    ["a read of an empty page", (s) => s.madvise(0, 1, "dontneed"), false],
    ["a read of a swapped page", (s) => swapOut(s, 0), false],
    ["a write to the zero page", (s) => (s.madvise(0, 1, "dontneed"), s.read(0)), true],
    ["a write to a shared page", (s) => s.fork(1), true],
    ["a write to an empty page", (s) => s.madvise(0, 1, "dontneed"), true],
    ["a write to a swapped page", (s) => swapOut(s, 0), true],
    ["a read of an exclusive page", (s) => (v14 ? swapOut(s, 0) : s.exclusive(1, 0)), false],
    ["a write to an exclusive page", (s) => (v14 ? swapOut(s, 0) : s.exclusive(1, 0)), true],
  ];
  it.each(unusable)("[RF-2] [RF-4] %s faults and does to the page what a CPU access does", (_what, prepare, write) => {
    const s = onePage(profile);
    const cpu = onePage(profile);
    for (const each of [s, cpu]) prepare(each);
    const pages = faulted(s, 0, access(write));
    expect([...new Set(pages)]).toEqual([0]);
    if (write) cpu.write(0, 9);
    else cpu.read(0);
    const plain = (of: System, actor: number): string => of.entry(0, actor).replace(" dirty", "");
    expect(plain(s, 0)).toBe(plain(cpu, 0));
    expect(s.read(0)).toBe(cpu.read(0));
    if (s.state.actors[1]) expect([plain(s, 1), s.as(1).read(0)]).toEqual([plain(cpu, 1), cpu.as(1).read(0)]);
  });

  it.each([false, true])(
    "[RF-3] after success each page is readable for the device, and writable if it asked for that (write: %s)",
    (write) => {
      const s = onePage(profile);
      s.fork(1);
      for (const page of [1, 2]) s.write(page, page);
      swapOut(s, 1);
      s.toDevice(1, 2);
      expect(s.call(0, access(write, 0, 4))).toMatchObject({ status: "ok", faults: 1 });
      expect(table(s, 0).slice(0, 4)).toMatch(write ? /^wwww$/ : /^[rw]{4}$/);
      expect(s.call(0, access(write, 0, 4))).toMatchObject({ status: "ok", faults: 0 });
    },
  );

  const readable: readonly (readonly [string, (s: System) => unknown, boolean])[] = [
    ["a read of a writable one", () => {}, false],
    ["a read of a read-only one", (s) => s.fork(1), false],
    ["a write to a writable one", () => {}, true],
  ];
  it.each(readable)("[RF-7] an own device-private page is reported where it is: %s", (_what, prepare, write) => {
    const s = onePage(profile);
    s.toDevice(0, 0);
    prepare(s);
    s.madvise(0, 1, "free");
    const frame = s.frameOf(0);
    const t = threads(s);
    const task = t.start(0, access(write));
    t.until(task, "hmm_range_fault.d8");
    expect(walkOf(s, task).pfns).toMatchObject([{ kind: "valid", pfn: frame }]);
    t.drive(task);
    expect([s.pte(0).kind, s.frameOf(0), dpte(s, 0, 0)?.pfn]).toEqual(["device_private", frame, frame]);
  });

  it("[RF-13] a range fault that meets a migration entry waits for the end of the migration and looks again", () => {
    const s = onePage(profile);
    const t = threads(s);
    const move = t.start(0, calls.toDevice(1, 0));
    t.until(move, "migrate.m7");
    expect(s.entry(0)).toBe("migration write dirty");
    const read = t.start(0, calls.devRead(0, 0));
    expect(t.drive(read)).toBe("waits");
    expect(t.at(read)).toMatch(/^handle_mm_fault\.c5/);
    for (const step of ["migrate.m7_copy", "migrate.m8", "migrate.m9"]) {
      t.until(move, step);
      expect(t.blocked(read)).toBe(true);
    }
    t.finish(move);
    expect(t.finish(read)).toMatchObject({ data: [7] });
  });
});

eachProfile(LINUX, (profile) => {
  const noAccess: readonly (readonly [string, (s: System) => unknown])[] = [
    ["an address that is not mapped", (s) => s.munmap(1, 1)],
    ["an untouched page without access", (s) => s.mmap(1, 1, "n")],
    ["a populated page without access", (s) => (s.write(1, 8), s.mprotect(1, 1, "n"))],
    ["an untouched page for writing only", (s) => s.mmap(1, 1, "w")],
    ["a populated page for writing only", (s) => (s.mmap(1, 1, "w"), s.write(1, 8))],
    ["an own device page without access", (s) => (s.toDevice(0, 1), s.mprotect(1, 1, "n"))],
    ["an exclusive page without access", (s) => (s.exclusive(1, 1), s.mprotect(1, 1, "n"))],
  ];
  describe.each([false, true])("write: %s", (write) => {
    it.each(noAccess)("[RF-5] answers EFAULT at %s, and the pages before it have been faulted in", (_what, prepare) => {
      const s = onePage(profile);
      s.madvise(0, 1, "dontneed");
      prepare(s);
      const before = s.pte(1);
      expect(s.call(0, access(write, 0, 2))).toEqual({ status: "errno", errno: "EFAULT" });
      expect(s.entry(0)).toBe(write ? "present rw dirty" : "zero");
      expect(s.pte(1)).toEqual(before);
    });
  });

  it.each<[string, (s: System) => unknown]>([
    ["untouched page", (s) => s.mmap(1, 2, "r")],
    ["zero page", (s) => (s.mmap(1, 2, "r"), s.read(1))],
    ["written page", (s) => (s.write(1, 8), s.mprotect(1, 2, "r"))],
    ["coherent page", (s) => (s.write(1, 8), s.toDevice(2, 1), s.mprotect(1, 2, "r"))],
    ["private page of another device", (s) => (s.write(1, 8), s.toDevice(1, 1), s.mprotect(1, 2, "r"))],
  ])(
    "[RF-6] a request to write answers EPERM at an %s of a mapping without write permission, and changes nothing there",
    (_what, prepare) => {
      const s = onePage(profile);
      s.madvise(0, 1, "dontneed");
      prepare(s);
      const before = [s.pte(1), s.pte(2)];
      expect(s.devWrite(0, 0, 3, 9)).toBe("EPERM");
      expect([s.pte(1), s.pte(2)]).toEqual(before);
      expect(s.entry(0)).toBe("present rw dirty");
    },
  );

  it("[RF-9] a device-private page of another device is faulted, so it comes home", () => {
    const s = onePage(profile);
    s.toDevice(1, 0);
    expect(faulted(s, 0, access(false))).toEqual([0]);
    expect(s.entry(0)).toBe("present rw");
    expect(frameBehind(s, 0, 0).kind).toBe("system");
    expect(s.devRead(0, 0)).toEqual([7]);
  });

  it("[RF-11] a range fault that begins while its interval is invalidating sleeps until the sequence changes", () => {
    const s = onePage(profile);
    const t = threads(s);
    const zap = t.start(0, calls.madvise(3, 1, "dontneed"));
    t.until(zap, "madvise.page");
    const read = t.start(0, calls.devRead(0, 0));
    expect(t.drive(read)).toBe("waits");
    expect(t.at(read)).toBe("hmm_range_fault.d2");
    t.step(zap);
    expect([t.at(zap), t.blocked(read)]).toEqual(["madvise.end", true]);
    t.step(zap);
    expect(t.blocked(read)).toBe(false);
    t.finish(zap);
    expect(t.finish(read)).toMatchObject({ data: [7], faults: 1 });
  });

  it("[RF-11] a mirror that the notification has not called yet does not wait", () => {
    const s = onePage(profile);
    const t = threads(s);
    const zap = t.start(0, calls.madvise(3, 1, "dontneed"));
    t.until(zap, "invalidate.i2");
    t.step(zap, `${s.state.actors[0]?.files[1]}`);
    expect(t.finish(t.start(0, calls.devRead(0, 0)))).toMatchObject({ data: [7] });
    const other = t.start(0, calls.devRead(1, 0));
    expect([t.drive(other), t.at(other)]).toEqual(["waits", "hmm_range_fault.d2"]);
    t.finish(zap);
    t.finish(other);
  });

  it.each([
    ["hmm_range_fault.d3", "hmm_range_fault.d4"],
    ["hmm_range_fault.d7", "hmm_range_fault.d8"],
    ["hmm_range_fault.d8", "hmm_range_fault.d8"],
  ])("[RF-12] a notification at %s makes it begin again at %s and enter nothing of the earlier round", (where, noticed) => {
    const s = onePage(profile);
    const t = threads(s);
    const read = t.start(0, calls.devRead(0, 0));
    t.until(read, where);
    const { seq } = walkOf(s, read);
    t.finish(t.start(0, calls.madvise(0, 1, "dontneed")));
    t.until(read, noticed);
    t.step(read);
    expect([t.at(read), table(s, 0)[0]]).toEqual(["hmm_range_fault.d1", "-"]);
    t.step(read);
    expect([walkOf(s, read).seq, walkOf(s, read).pfns]).toEqual([seq + 2, [{ kind: "input" }]]);
    expect(t.finish(read)).toMatchObject({ data: [0] });
    expect(dpte(s, 0, 0)).toMatchObject({ zero: true });
  });

  it("[RF-12] it begins again as well if the sequence has changed while a page was faulted", () => {
    const s = onePage(profile);
    const t = threads(s);
    const read = t.start(0, calls.devRead(0, 1));
    t.until(read, "hmm_range_fault.d6");
    t.finish(t.start(0, calls.madvise(3, 1, "dontneed")));
    t.until(read, "hmm_range_fault.d4");
    t.step(read);
    expect(t.at(read)).toBe("hmm_range_fault.d1");
    expect(t.finish(read)).toMatchObject({ data: [0], faults: 1 });
  });
});

eachProfile(LINUX_DMIRROR, (profile) => {
  it("[RF-8] a request to write reports an own read-only device-private page as success without write permission, and does not fault it", () => {
    const s = onePage(profile);
    s.fork(1);
    onDevice(s);
    const before = s.pte(0);
    const t = threads(s);
    const write = t.start(0, calls.devWrite(0, 0, 1, 9));
    t.until(write, "hmm_range_fault.d8");
    expect(walkOf(s, write)).toMatchObject({ error: null, pfns: [{ kind: "valid", write: false }] });
    t.drive(write);
    expect(s.pte(0)).toEqual(before);
    expect(faulted(s, 0, calls.devWrite(0, 0, 1, 9))).toEqual([]);
  });

  /** Page 0 is written, 1 and 3 are on device 0, 2 is empty, 4 is exclusive and 5 is written. */
  function mixed(pages = 6): System {
    const s = onePage(profile, pages);
    s.mmap(4, 2);
    s.write(4, 4);
    s.write(5, 5);
    for (const page of [1, 3]) s.toDevice(0, page);
    s.exclusive(1, 4);
    return s;
  }

  it("[RF-10] each page from the first that needs a fault is faulted once, and the pages before it are left as they are", () => {
    const s = mixed();
    const before = [s.pte(0), s.pte(1)];
    expect(faulted(s, 0, access(false, 0, 6))).toEqual([2, 3, 4, 5]);
    expect([s.pte(0), s.pte(1)]).toEqual(before);
    expect(s.entries(2, 4)).toEqual(["zero", "present rw", "present rw dirty", "present rw dirty"]);
  });

  it("[RF-10] the pages behind it are faulted with the same kind of access", () => {
    const s = mixed();
    s.fork(1);
    expect(faulted(s, 0, access(true, 2, 4)).filter((page, i, all) => all.indexOf(page) === i)).toEqual([2, 3, 4, 5]);
    expect(s.entries(2, 4).map((entry) => entry.replace(" dirty", ""))).toEqual(Array.from({ length: 4 }, () => "present rw"));
  });

  it("[RF-10] a page whose write needs two faults has the second one in another round", () => {
    const s = mixed();
    s.fork(1);
    const pages = faulted(s, 0, access(true, 2, 2));
    expect(pages).toEqual([2, 3, 3]);
  });

  it.each<[string, (s: System) => unknown, number, readonly number[]]>([
    ["the request", () => {}, 1, [2]],
    ["the mapping", (s) => s.mprotect(3, 3, "r"), 4, [2, 4, 5]],
  ])("[RF-10] the pages behind it end with %s", (_what, prepare, npages, expected) => {
    const s = mixed();
    prepare(s);
    expect(faulted(s, 0, access(false, 2, npages))).toEqual(expected);
    expect(s.pte(3).kind).toBe("device_private");
  });

  it("[RF-10] the pages behind it end with the page table of 512 pages", () => {
    const s = onePage(profile, 520);
    s.mmap(4, 516);
    for (const page of [511, 512]) s.toDevice(0, page);
    expect(faulted(s, 0, access(false, 510, 3))).toEqual([510, 511]);
    expect(s.entries(511, 2)).toEqual(["present rw", "device_private rw"]);
  });
});
