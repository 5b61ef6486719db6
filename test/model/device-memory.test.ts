/** Device memory: adding a range, allocation, removal and eviction. */
import { describe, expect, it } from "vitest";
import { refcount } from "../../model/index.ts";
import type { Core, DeviceKind, DevmemPart, DriverName } from "../../spec/vocabulary.ts";
import {
  added,
  answer,
  auditDevmem,
  chunks,
  COHERENT,
  devmem,
  driver,
  framesOf,
  freeList,
  notes,
  onDevice,
  PMEM,
  PRIVATE,
  short,
} from "./devmem-support.ts";
import { ALL_CORES, calls, eachCore, LINUX_CORES, threads } from "./support.ts";
import type { System } from "./support.ts";

/** One process with a mapping of four pages; device 0 has two ranges of two frames. */
function ready(core: Core, name: DriverName = "ideal", devices: readonly DeviceKind[] = ["private", "private"]): System {
  const s = devmem({ core, driver: name, devices, physicalPages: 8 });
  const flags = devices[0] === "private" ? PRIVATE : COHERENT;
  added(s, 0, 2, flags);
  added(s, 0, 2, flags);
  s.mmap(0, 4);
  return s;
}

/** The chunk that a page is in. */
const chunkOf = (s: System, page: number, dev = 0): number =>
  chunks(s, dev).findIndex(({ first, npages }) => first <= s.frameOf(page) && s.frameOf(page) < first + npages);

const range = (s: System): readonly number[] => {
  const ret = s.last();
  return ret.status === "ok" ? (ret.data ?? []) : [];
};

eachCore(ALL_CORES, (core) => {
  it("[MEM-1] the size is rounded up to whole sections, and the range is taken from the top", () => {
    const s = devmem({ core, physicalPages: 8, sectionPages: 2 });
    answer(s, driver.add(0, 3));
    expect(range(s)).toEqual([4, 8]);
    answer(s, driver.add(1, 1));
    expect(range(s)).toEqual([2, 4]);
    expect(framesOf(s, 0).map(({ pfn }) => pfn)).toEqual([4, 5, 6, 7]);
    expect(framesOf(s, 1).map(({ pfn }) => pfn)).toEqual([2, 3]);
  });

  it("[MEM-1] a range lies a whole number of its own size below the top, and without one the answer is ERANGE", () => {
    const s = devmem({ core, physicalPages: 5 });
    answer(s, driver.add(0, 1));
    answer(s, driver.add(0, 2));
    expect(range(s)).toEqual([1, 3]);
    // Two pages are unused, but not together.
    expect(s.nothing(() => answer(s, driver.add(0, 2)))).toBe("ERANGE");
    answer(s, driver.add(0, 1));
    expect(range(s)).toEqual([3, 4]);
    // Three pages in a row are unused then, but none such range begins there.
    answer(s, driver.remove(0, 1));
    expect(s.nothing(() => answer(s, driver.add(0, 3)))).toBe("ERANGE");
    expect(s.nothing(() => answer(s, driver.add(0, 6)))).toBe("ERANGE");
  });

  it("[MEM-1] two drivers that add memory at the same time get different addresses", () => {
    const s = devmem({ core });
    const t = threads(s);
    const [one, two] = [t.start(0, driver.add(0, 2)), t.start(0, driver.add(1, 2))];
    t.until(one, "devmem_add.online");
    t.until(two, "devmem_add.online");
    expect([t.finish(one), t.finish(two)]).toMatchObject([{ data: [2, 4] }, { data: [0, 2] }]);
  });

  it("[MEM-10] an allocated frame is handed out locked, with one reference and mapped nowhere", () => {
    const s = ready(core);
    s.write(0, 7);
    const t = threads(s);
    const task = t.start(0, calls.toDevice(0, 0));
    t.until(task, "migrate.m7_copy");
    const [allocated, ...others] = framesOf(s, 0).filter(({ frame }) => !frame.free);
    expect(others).toEqual([]);
    expect(allocated?.frame).toMatchObject({ locked: task, mapping: null, holders: [{ kind: "task", task, why: "alloc" }] });
    expect(refcount(s.state, allocated?.pfn ?? expect.fail())).toBe(s.state.profile.refBase + 1);
    t.finish(task);
  });

  it("[MEM-11] the driver word of a frame keeps its value while the frame is allocated", () => {
    const s = ready(core);
    s.as(0).open(1);
    const frame = onDevice(s, 0, 7);
    const word = s.frame(0).driverWord;
    expect(s.state.files[word ?? -1]).toMatchObject({ dev: 0, mm: 0 });
    s.fork(1);
    s.as(1).toDevice(1, 1);
    s.mremap(0, 1, 3);
    s.mprotect(3, 1, "r");
    expect(s.frameOf(3)).toBe(frame);
    expect(s.frame(3).driverWord).toBe(word);
  });

  it("[MEM-28] removal waits for the last reference, and every other call goes on meanwhile", () => {
    const s = ready(core);
    const frame = onDevice(s, 0, 7);
    const chunk = chunkOf(s, 0);
    const t = threads(s);
    t.act({ type: "get", pfn: frame });
    const removal = t.start(0, driver.remove(0, chunk));
    expect(t.drive(removal)).toBe("waits");
    expect(t.at(removal)).toBe("remove_chunk.e7");
    for (const call of [calls.write(1, 8), calls.toDevice(0, 1), calls.munmap(0), calls.fork(1)]) {
      expect(t.finish(t.start(0, call)).status).toBe("ok");
      expect(t.blocked(removal)).toBe(true);
    }
    t.act({ type: "put", pfn: frame });
    expect(t.finish(removal)).toEqual({ status: "ok" });
  });

  it("[MEM-29] nothing of a removed range is left, and its addresses can be had again", () => {
    const s = ready(core);
    const frame = onDevice(s, 0, 7);
    s.fork(1);
    const chunk = chunkOf(s, 0);
    const { first, npages } = chunks(s, 0)[chunk] ?? expect.fail();
    s.munmap(0);
    s.exit(1);
    expect(answer(s, driver.remove(0, chunk))).toBe("ok");
    const gone = s.state.frames.slice(first, first + npages);
    expect(gone.map(({ kind, dev, free }) => ({ kind, dev, free }))).toEqual(
      Array.from({ length: 2 }, () => ({ kind: "absent", dev: null, free: true })),
    );
    const named = [...s.state.mms.flatMap(({ ptes }) => ptes), ...s.state.files.flatMap(({ dpt }) => dpt)];
    expect(named.filter((entry) => entry !== null && "pfn" in entry && entry.pfn === frame)).toEqual([]);
    expect(auditDevmem(s.state)).toEqual([]);
    answer(s, driver.add(1, 2));
    expect(range(s)).toEqual([first, first + npages].toSorted((a, b) => a - b));
  });

  it.each([2, -1, 9])("[MEM-30] removing range %i, which was never added, is an error and changes nothing", (chunk) => {
    const s = ready(core);
    expect(s.nothing(() => answer(s, driver.remove(0, chunk)))).toBe("ENOENT");
    expect(s.nothing(() => answer(s, driver.remove(1, 0)))).toBe("ENOENT");
    expect(s.nothing(() => answer(s, driver.remove(7, 0)))).toBe("ENODEV");
  });

  it("[MEM-30] a range cannot be removed twice, nor while it is being added", () => {
    const s = ready(core);
    const frame = onDevice(s, 0, 7);
    const chunk = chunkOf(s, 0);
    const t = threads(s);
    t.act({ type: "get", pfn: frame });
    const removal = t.start(0, driver.remove(0, chunk));
    t.drive(removal);
    expect(short(t.finish(t.start(0, driver.remove(0, chunk))))).toBe("ENOENT");
    const adding = t.start(0, driver.add(0, 1));
    t.until(adding, "devmem_add.online");
    expect(short(t.finish(t.start(0, driver.remove(0, 2))))).toBe("ENOENT");
    t.finish(adding);
    t.finish(t.start(0, calls.munmap(0)));
    t.act({ type: "put", pfn: frame });
    expect(short(t.finish(removal))).toBe("ok");
    expect(answer(s, driver.remove(0, chunk))).toBe("ENOENT");
  });

  it("[MEM-31] the other ranges of the device go on working, and memory can be added again", () => {
    const s = ready(core);
    onDevice(s, 0, 7);
    const other = 1 - chunkOf(s, 0);
    expect(answer(s, driver.remove(0, other))).toBe("ok");
    expect(s.entry(0)).toContain("device_private");
    onDevice(s, 1, 8);
    expect(s.read(1)).toBe(8);
    expect(added(s, 0, 2)).toBe(other);
    expect(freeList(s, 0)).toHaveLength(3);
    expect(s.read(0)).toBe(7);
  });

  it("[MEM-33] from the start of a removal no frame of the range is allocated, and none goes back to the free list", () => {
    const s = ready(core);
    const frame = onDevice(s, 0, 7);
    const chunk = chunkOf(s, 0);
    answer(s, driver.remove(0, 1 - chunk));
    s.write(1, 8);
    const t = threads(s);
    const removal = t.start(0, driver.remove(0, chunk));
    t.until(removal, "remove_chunk.e1");
    expect(freeList(s, 0)).toHaveLength(1);
    t.step(removal);
    expect(freeList(s, 0)).toEqual([]);
    t.finish(t.start(0, calls.toDevice(0, 1)));
    expect(s.frame(1).kind).toBe("system");
    t.finish(t.start(0, calls.munmap(0)));
    expect(notes(s, "free").map(({ pfn }) => pfn)).toEqual([frame]);
    expect(s.state.frames[frame]?.free).toBe(true);
    expect(freeList(s, 0)).toEqual([]);
    t.finish(removal);
  });

  it("[MEM-29, MEM-31] giving all memory of a device back leaves none, and none of another device's", () => {
    const s = ready(core);
    added(s, 1, 2);
    for (const page of [0, 1, 2]) onDevice(s, page, page + 1);
    if (core === "v14") s.munmap(0, 4);
    expect(answer(s, driver.release(0))).toBe("ok");
    expect(framesOf(s, 0)).toEqual([]);
    expect(chunks(s, 0)).toEqual([]);
    expect(framesOf(s, 1)).toHaveLength(2);
    if (core !== "v14") expect([0, 1, 2].map((page) => s.read(page))).toEqual([1, 2, 3]);
  });
});

describe("v14", () => {
  it.each([
    ["a CPU access", calls.read(0), true],
    ["munmap", calls.munmap(0), true],
    ["exit of one process that shares it", calls.exit(1), false],
  ] as const)("[MEM-32] removal does not evict: it waits for %s", (_, call, enough) => {
    const s = ready("v14");
    const frame = onDevice(s, 0, 7);
    if (call.op === "exit") s.fork(1);
    const t = threads(s);
    const removal = t.start(0, driver.remove(0, chunkOf(s, 0)));
    expect(t.drive(removal)).toBe("waits");
    expect(s.frameOf(0)).toBe(frame);
    expect(s.log.filter((line) => line.startsWith("CLEAR"))).toEqual([]);
    t.finish(t.start(0, call));
    expect(t.blocked(removal)).toBe(!enough);
    if (!enough) t.finish(t.start(0, calls.read(0)));
    t.finish(removal);
    if (call.op === "cpu_read") expect(s.read(0)).toBe(7);
  });

  it("[MEM-35] nothing is evicted by a close", () => {
    const s = ready("v14");
    const frame = onDevice(s, 0, 7);
    s.close(0);
    expect(s.frameOf(0)).toBe(frame);
    expect(s.read(0)).toBe(7);
  });

  it("[MEM-5] there are no owners, so none is asked for", () => {
    expect(answer(devmem({ core: "v14" }), driver.add(0, 1, PRIVATE, { lacks: ["owner"] }))).toBe(0);
  });
});

eachCore(LINUX_CORES, (core) => {
  it.each([
    ["private", "owner", "EINVAL"],
    ["private", "page_free", "EINVAL"],
    ["private", "migrate_to_ram", "EINVAL"],
    ["coherent", "owner", "EINVAL"],
    ["coherent", "page_free", "EINVAL"],
    ["coherent", "migrate_to_ram", 0],
  ] as const)("[MEM-5] %s memory without %s: %s", (kind, part: DevmemPart, expected) => {
    const s = devmem({ core, devices: [kind, "private"] });
    const call = driver.add(0, 1, kind === "private" ? PRIVATE : COHERENT, { lacks: [part] });
    expect(expected === 0 ? answer(s, call) : s.nothing(() => answer(s, call))).toBe(expected);
    // Memory that no page moves to needs none of them.
    expect(answer(devmem({ core }), driver.add(0, 1, PMEM, { lacks: [part] }))).toBe(0);
  });

  it("[MEM-32] removal brings the pages of the range home first, and those of no other range", () => {
    const s = ready(core);
    for (const page of [0, 1, 2]) onDevice(s, page, page + 1);
    const chunk = chunkOf(s, 0);
    const others = [0, 1, 2].filter((page) => chunkOf(s, page) !== chunk);
    expect(others).toHaveLength(1);
    expect(answer(s, driver.remove(0, chunk))).toBe("ok");
    for (const page of [0, 1, 2]) expect(s.entry(page)).toContain(others.includes(page) ? "device_private" : "present");
    expect([0, 1, 2].map((page) => s.read(page))).toEqual([1, 2, 3]);
  });

  it.each(["ideal", "dmirror-fixed"] as const)(
    "[MEM-34] eviction skips a page with another reference, and a second pass is made by ideal only: %s",
    (name) => {
      const s = ready(core, name);
      const frame = onDevice(s, 0, 7);
      onDevice(s, 1, 8);
      const t = threads(s);
      t.act({ type: "get", pfn: frame });
      const removal = t.start(0, driver.remove(0, chunkOf(s, 0)));
      expect(t.drive(removal)).toBe("waits");
      expect([s.entry(0), s.entry(1)]).toEqual(["device_private rw", "present rw"]);
      t.act({ type: "put", pfn: frame });
      expect(t.drive(removal)).toBe(name === "ideal" ? "ended" : "waits");
      expect(s.entry(0)).toBe(name === "ideal" ? "present rw" : "device_private rw");
      t.finish(t.start(0, calls.read(0)));
      if (name !== "ideal") t.finish(removal);
      expect(chunks(s, 0).filter((c) => c.state === "online")).toHaveLength(1);
    },
  );

  it("[MEM-34] eviction skips a locked page and does not wait for it", () => {
    const s = ready(core, "dmirror-fixed");
    onDevice(s, 0, 7);
    const chunk = chunkOf(s, 0);
    const t = threads(s);
    const other = t.start(0, calls.toSystem(0, 0));
    t.until(other, "migrate.m7");
    const removal = t.start(0, driver.remove(0, chunk));
    expect(t.drive(removal)).toBe("waits");
    expect(t.at(removal)).toBe("remove_chunk.e7");
    t.finish(other);
    expect(short(t.finish(removal))).toBe("ok");
    expect(s.read(0)).toBe(7);
  });

  it.each(["private", "coherent"] as const)("[MEM-35] the last close of any open file evicts all pages of a %s device", (kind) => {
    const s = ready(core, "dmirror-fixed", [kind, "private"]);
    onDevice(s, 0, 7);
    s.fork(1);
    s.as(1).write(1, 8);
    s.as(1).toDevice(0, 1);
    expect([s.frame(0).dev, s.frame(1, 1).dev]).toEqual([0, 0]);
    s.as(1).close(0);
    expect([s.frame(0).dev, s.frame(1, 1).dev]).toEqual([null, null]);
    expect([s.read(0), s.as(1).read(1)]).toEqual([7, 8]);
    expect(framesOf(s, 0).filter(({ frame }) => !frame.free)).toEqual([]);
  });

  it("[MEM-35] the exit of an actor evicts if it has the device open, and nothing otherwise", () => {
    const s = ready(core, "dmirror-fixed");
    onDevice(s, 0, 7);
    s.fork(1);
    s.fork(2);
    s.as(2).open(0);
    onDevice(s, 0, 8);
    s.exit(1);
    expect(s.frame(0).dev).toBe(0);
    s.exit(2);
    expect(s.frame(0).dev).toBeNull();
  });

  it("[MEM-36] an evicted page becomes a system page in every process, with data and permission, and every mirror is told", () => {
    const s = ready(core, "ideal");
    onDevice(s, 0, 7);
    onDevice(s, 1, 8);
    s.fork(1);
    s.write(1, 9);
    s.toDevice(0, 1);
    s.devRead(0, 0, 2);
    s.as(1).devRead(0, 0);
    s.notices();
    expect([s.entry(0), s.entry(1), s.entry(0, 1)]).toEqual(["device_private r", "device_private rw", "device_private r"]);
    answer(s, driver.release(0));
    expect([s.entry(0), s.entry(1), s.entry(0, 1)]).toEqual(["present r", "present rw", "present r"]);
    expect(s.frameOf(0)).toBe(s.frameOf(0, 1));
    expect(s.notices().toSorted()).toEqual(["1:CLEAR 0-1", "CLEAR 0-1", "CLEAR 1-2"]);
    for (const { dpt } of s.state.files) expect(dpt.slice(0, 2)).toEqual([null, null]);
    expect([s.read(0), s.read(1), s.as(1).read(0)]).toEqual([7, 9, 7]);
  });
});
