import { describe, expect, it } from "vitest";
import { system, type System } from "./support.ts";

/** What random traces on the real 6.1 kernel showed and no document said. */
const HUGE = 512;

function hugeSystem(pages = HUGE): System {
  const sys = system({ pages });
  sys.mmap(0, pages);
  sys.madvise(0, pages, "huge");
  return sys;
}

const all = (code: string, n = HUGE): string => Array.from({ length: n }, () => code).join(" ");

describe("a mapping that can only be executed", () => {
  it("[CPU-12] refuses loads, also of a page that is there, and changes nothing", () => {
    const sys = system();
    sys.mmap(0, 2, "rw");
    sys.write(0, 7);
    sys.mprotect(0, 2, "x");
    expect(sys.nothing(() => [sys.read(0), sys.read(1)])).toEqual(["SIGSEGV", "SIGSEGV"]);
    sys.mprotect(0, 2, "rx");
    expect(sys.read(0)).toBe(7);
  });
});

describe("huge pages", () => {
  it("[FRK-8] a mapping of which only the huge zero page was read is copied by fork", () => {
    const sys = hugeSystem();
    sys.read(63);
    sys.fork(1);
    expect(sys.as(1).snap(0, 0)).toBe("05");
  });

  it.each(["free", "cold", "pageout"] as const)("[RCL-13] %s of a part splits the page", (advice) => {
    const sys = hugeSystem();
    sys.write(176, 216);
    expect(sys.snap(0, 1)).toBe("06");
    sys.madvise(0, 1, advice);
    expect(sys.snap(0, 1)).toBe("02");
    expect(sys.read(176)).toBe(216);
  });

  it.each([
    ["free", "06"],
    ["cold", "06"],
    ["pageout", "02"],
  ] as const)("[RCL-13] %s of all of it shows %s", (advice, code) => {
    const sys = hugeSystem();
    sys.write(0, 1);
    sys.madvise(0, HUGE, advice);
    expect(sys.snap(0, 1)).toBe(code);
  });

  it("[RCL-13] a page that two processes have is left alone", () => {
    const sys = hugeSystem();
    sys.write(0, 1);
    sys.fork(1);
    sys.madvise(0, 1, "cold");
    expect(sys.snap(0, 1)).toBe("05");
  });

  it("[EXC-25] the first page of a huge page takes all of it, the other ones cannot be taken", () => {
    const sys = hugeSystem();
    expect(sys.exclusive(0, 0, 1)).toBe("ok");
    expect(sys.snap(0, 0, HUGE)).toBe(all("00"));
    expect(sys.check(0, 0, 1)).toBe("EPERM");
    expect(sys.check(0, 1, HUGE - 1)).toBe("ok");
    expect(hugeSystem().exclusive(0, 1, 1)).toBe("EBUSY");
  });
});

describe("device frames", () => {
  it("[MEM-46] leaves an exclusive coherent page where it is, read-only, and its holder the tag", () => {
    const sys = system({ pages: 2, devices: ["private", "private", "coherent", "coherent"] });
    sys.mmap(1, 1);
    sys.toDevice(2, 1);
    expect(sys.exclusive(0, 1)).toBe("ok");
    sys.close(2);
    expect(sys.snap(0, 1)).toBe("51");
    expect(sys.check(0, 1)).toBe("EPERM");
    sys.devRead(0, 1);
    expect(sys.last()).toMatchObject({ faults: 0 });
    sys.write(1, 5);
    expect(sys.snap(0, 1)).toBe("52");
  });

  it("[MEM-47] a lazily freed page that has been on a device is not dropped any more", () => {
    const travelled = (away: boolean): string => {
      const sys = system({ pages: 1 });
      sys.mmap(0, 1);
      sys.write(0, 1);
      sys.madvise(0, 1, "free");
      if (away) sys.toDevice(0, 0);
      sys.toSystem(0, 0);
      sys.madvise(0, 1, "pageout");
      return sys.snap(0, 0);
    };
    expect([travelled(false), travelled(true)]).toEqual(["00", "02"]);
  });

  it("[MEM-47] a device frame that has held a dirty page makes the next one dirty", () => {
    const sys = system({ pages: 2, deviceFrames: 1 });
    sys.mmap(0, 2);
    const dirtyAfterTravel = (): boolean => {
      sys.toDevice(0, 0);
      sys.toSystem(0, 0);
      return sys.frame(0).dirty;
    };
    expect(dirtyAfterTravel()).toBe(false);
    sys.write(1, 1);
    sys.toDevice(0, 1);
    sys.toSystem(0, 1);
    sys.madvise(0, 1, "dontneed");
    expect(dirtyAfterTravel()).toBe(true);
  });
});

describe("dropping a dirty entry", () => {
  it.each([
    ["munmap", (sys: System) => sys.munmap(0, 1)],
    ["MADV_DONTNEED", (sys: System) => sys.madvise(0, 1, "dontneed")],
    ["a CPU write that copies", (sys: System) => sys.write(0, 5)],
  ] as const)("[RCL-14] %s of a private page does not make it dirty for the process that has freed it lazily", (_, drop) => {
    const sys = system({ pages: 1 });
    sys.mmap(0, 1);
    sys.write(0, 7);
    sys.fork(1);
    sys.as(1).madvise(0, 1, "free");
    drop(sys);
    sys.as(1).madvise(0, 1, "pageout");
    expect(sys.as(1).snap(0, 0)).toBe("00");
  });

  it("[RCL-14] a dirty page of shared memory keeps its contents over pageout", () => {
    const sys = system({ pages: 1 });
    sys.mmap(0, 1, "rw", "shared");
    sys.read(0);
    sys.write(0, 7);
    const pfn = sys.frameOf(0);
    sys.madvise(0, 1, "dontneed");
    expect(sys.state.frames[pfn]?.dirty).toBe(true);
    expect(sys.read(0)).toBe(7);
  });
});
