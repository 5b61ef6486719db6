/** Dummy devices of v14, and memory of several devices under one of them. */
import { describe, expect, it } from "vitest";
import { added, answer, auditDevmem, chunks, devmem, driver, framesOf, onDevice, PRIVATE, short } from "./devmem-support.ts";
import { calls, LINUX_CORES, threads } from "./support.ts";
import type { System } from "./support.ts";

const MINORS = 256;

const v14 = (): System => devmem({ core: "v14", physicalPages: 6 });

/** Adds memory of a device under a dummy device; answers the number of the chunk. */
const hosted = (s: System, dev: number, npages: number, minor: number): number | string =>
  answer(s, driver.add(dev, npages, PRIVATE, { minor }));

describe("v14", () => {
  it("[MEM-41] each dummy device gets the lowest minor that is unused", () => {
    const s = v14();
    expect([0, 1, 2, 3].map(() => answer(s, driver.newDevice))).toEqual([0, 1, 2, 3]);
    answer(s, driver.put(1));
    expect([0, 1].map(() => answer(s, driver.newDevice))).toEqual([1, 4]);
    expect(new Set(s.state.dummies.map(({ minor }) => minor)).size).toBe(5);
  });

  it("[MEM-42] a dummy device cannot be had while all 256 minors are in use", () => {
    const s = v14();
    const minors = Array.from({ length: MINORS }, () => answer(s, driver.newDevice));
    expect(minors).toEqual(Array.from({ length: MINORS }, (_, n) => n));
    expect(s.nothing(() => answer(s, driver.newDevice))).toBe("EBUSY");
    answer(s, driver.put(200));
    expect([answer(s, driver.newDevice), answer(s, driver.newDevice)]).toEqual([200, "EBUSY"]);
  });

  it("[MEM-43] a released minor is available again, and one that is not in use cannot be released", () => {
    const s = v14();
    expect(s.nothing(() => answer(s, driver.put(0)))).toBe("ENODEV");
    for (let round = 0; round < 3; round++) {
      expect(answer(s, driver.newDevice)).toBe(0);
      expect(answer(s, driver.put(0))).toBe("ok");
      expect(s.nothing(() => answer(s, driver.put(0)))).toBe("ENODEV");
    }
  });

  it("[MEM-43] a minor that still hosts memory is free when that has been removed", () => {
    const s = v14();
    answer(s, driver.newDevice);
    hosted(s, 0, 2, 0);
    hosted(s, 1, 2, 0);
    s.mmap(0, 1);
    onDevice(s, 0, 7, 1);
    const t = threads(s);
    const put = t.start(0, driver.put(0));
    expect(t.drive(put)).toBe("waits");
    expect(framesOf(s, 0)).toEqual([]);
    // Meanwhile it is neither given away nor taken for new memory.
    expect(short(t.finish(t.start(0, driver.newDevice)))).toBe(1);
    expect(short(t.finish(t.start(0, driver.put(0))))).toBe("ENODEV");
    expect(short(t.finish(t.start(0, driver.add(0, 1, PRIVATE, { minor: 0 }))))).toBe("ENODEV");
    t.finish(t.start(0, calls.munmap(0)));
    expect(short(t.finish(put))).toBe("ok");
    expect([framesOf(s, 1), answer(s, driver.newDevice)]).toEqual([[], 0]);
  });

  it("[MEM-44] one dummy device hosts memory of several devices, and each is removed alone", () => {
    const s = v14();
    answer(s, driver.newDevice);
    expect([hosted(s, 0, 2, 0), hosted(s, 1, 2, 0), hosted(s, 1, 1, 0)]).toEqual([0, 0, 1]);
    expect([...chunks(s, 0), ...chunks(s, 1)].map(({ minor }) => minor)).toEqual([0, 0, 0]);
    s.mmap(0, 2);
    onDevice(s, 0, 7, 0);
    expect(answer(s, driver.remove(1, 0))).toBe("ok");
    expect([framesOf(s, 0).length, framesOf(s, 1).length]).toEqual([2, 1]);
    onDevice(s, 1, 8, 1);
    expect([s.read(0), s.read(1)]).toEqual([7, 8]);
    expect(answer(s, driver.remove(0, 0))).toBe("ok");
    expect(framesOf(s, 1)).toHaveLength(1);
    expect(auditDevmem(s.state)).toEqual([]);
  });

  it("[MEM-44] memory cannot be added under a minor that is not in use", () => {
    const s = v14();
    expect(s.nothing(() => hosted(s, 0, 1, 0))).toBe("ENODEV");
    answer(s, driver.newDevice);
    expect(s.nothing(() => hosted(s, 0, 1, 1))).toBe("ENODEV");
    const t = threads(s);
    const adding = t.start(0, driver.add(0, 1, PRIVATE, { minor: 0 }));
    t.until(adding, "devmem_add.reserve");
    t.finish(t.start(0, driver.put(0)));
    expect(short(t.finish(adding))).toBe("ENODEV");
    expect([chunks(s, 0), s.state.dummies]).toEqual([[], []]);
  });

  it("[MEM-44] memory of a device itself is not touched by a put of a dummy device", () => {
    const s = v14();
    answer(s, driver.newDevice);
    added(s, 0, 2);
    hosted(s, 0, 1, 0);
    answer(s, driver.put(0));
    expect(framesOf(s, 0)).toHaveLength(2);
  });
});

it.each(LINUX_CORES)("[MEM-41] there are no dummy devices: %s", (core) => {
  const s = devmem({ core });
  expect(s.nothing(() => answer(s, driver.newDevice))).toBe("EOPNOTSUPP");
  expect(s.nothing(() => answer(s, driver.put(0)))).toBe("ENODEV");
  expect(s.nothing(() => hosted(s, 0, 1, 0))).toBe("ENODEV");
});
