import { expect, it } from "vitest";
import { calls, system, threads, eachCore, ALL_CORES } from "./support.ts";
eachCore(ALL_CORES, (core) => {
it("smoke", () => {
  const p = system({ core });
  p.mmap(0, 4);
  expect(p.write(0, 7)).toBe("ok");
  expect(p.read(0)).toBe(7);
  expect(p.entry(0)).toBe("present rw dirty");
  expect(p.notices()).toEqual([]);
  expect(p.toDevice(0, 0)).toBe("ok");
  console.log(p.last(), p.entries(0,4), p.notices(), p.layout(), p.snap(0,0,4), p.fork(1), p.as(1).read(0), p.entries(0,4,1), p.notices());
  expect(p.nothing(() => p.mmap(0,0))).toBe("EINVAL");
  const t = threads(p);
  const a = t.start(1, calls.write(0, 3));
  t.until(a, "handle_mm_fault.c4b");
  const b = t.start(0, calls.write(0, 9));
  console.log(t.finish(b), t.at(a), t.finish(a), p.read(0), p.as(1).read(0), p.notices());
});
});
