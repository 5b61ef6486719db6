/** The life of an address space beside that of others: its number, and what a failed call leaves behind. */
import { expect, it } from "vitest";
import { audit } from "./audit.ts";
import { ALL_CORES, calls, eachCore, system, threads } from "./support.ts";

eachCore(ALL_CORES, (core) => {
  it("[MIR-8] [FRM-1] an address space that is still being torn down is not given to another process", () => {
    const p = system({ core });
    p.fork(1);
    p.mmap(0, 1);
    p.write(0, 4);
    const t = threads(p);
    const exit = t.start(0, calls.exit(1));
    t.until(exit, "exit_mmap.release");
    t.finish(t.start(0, calls.fork(2)));
    const { mm } = p.state.actors[2] ?? {};
    expect(mm).not.toBe(p.state.actors[1]?.mm);
    t.finish(exit);
    expect([p.as(2).read(0), audit(p.state)]).toEqual([4, []]);
  });

  it("[VMA-20] [MIR-9] a failed mremap that has unmapped the last mapping of a closed device file ends its mirror", () => {
    const p = system({ core });
    p.mmap(0, 1, "rw", "device");
    p.close(0);
    p.mmap(2, 1);
    expect(p.state.files[0]?.interval).toBe("inserted");
    expect(p.mremap(2, 2, 0)).toBe("EFAULT");
    expect(p.state.files[0]?.interval).toBe("none");
  });

  it("[RCL-15] reclaim does not find the copy that a write is about to map", () => {
    const p = system({ core });
    p.mmap(0, 1);
    p.read(0);
    const t = threads(p);
    const write = t.start(0, calls.write(0, 9));
    t.until(write, "handle_mm_fault.c4c");
    const copy = p.state.frames.findIndex((frame) => !frame.free && frame.kind === "system");
    expect(t.refused({ type: "reclaim", pfn: copy })).not.toBeNull();
    t.finish(write);
    expect(t.refused({ type: "reclaim", pfn: copy })).toBeNull();
    expect(p.read(0)).toBe(9);
  });

  it("[MIR-9] [MIR-7] a file is released once, also when two calls see that nobody uses it any more", () => {
    const p = system({ core });
    p.open(0);
    p.mmap(0, 1);
    const t = threads(p);
    const munmap = t.start(0, calls.munmap(0, 1));
    const close = t.start(0, calls.close(0));
    t.until(munmap, "munmap.fput");
    t.until(close, "close.fput");
    t.step(close);
    expect(t.at(close)).toBe("release.remove");
    t.step(munmap);
    expect(t.at(munmap)).toBeNull();
    t.finish(close);
    expect(p.state.files[0]?.interval).toBe("none");
  });
});
