/** Device memory, patches 1 to 6: the safety net, flags of memory, the free callback, un-addressable memory. */
import { expect, it } from "vitest";
import { linearMap, refcount } from "../../model/index.ts";
import type { Core } from "../../spec/vocabulary.ts";
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
  mapFrame,
  notes,
  onDevice,
  PMEM,
  PRIVATE,
} from "./devmem-support.ts";
import { ALL_CORES, calls, eachCore, LINUX_CORES, threads } from "./support.ts";
import type { System } from "./support.ts";

/** One process with a mapping of four pages and a device with memory. */
function ready(core: Core, npages = 2): System {
  const s = devmem({ core });
  added(s, 0, npages);
  s.mmap(0, 4);
  return s;
}

eachCore(ALL_CORES, (core) => {
  const base = core === "v14" ? 1 : 0;

  it.each([
    ["without the flag device", ["allow_migrate", "unaddressable"]],
    ["un-addressable, but not for migration", ["device", "unaddressable"]],
    ["of another kind than its device", COHERENT],
    ["without any flag", []],
  ] as const)("[MEM-2] memory %s is refused without a trace", (_, flags) => {
    const s = devmem({ core });
    expect(s.nothing(() => answer(s, driver.add(0, 1, flags)))).toBe("EINVAL");
    expect(s.nothing(() => answer(s, driver.add(0, 0)))).toBe("EINVAL");
    expect(answer(s, driver.add(0, 4))).toBe(0);
  });

  it("[MEM-2] a flag that the architecture does not know is refused without a trace", () => {
    const s = devmem({ core, archFlags: COHERENT });
    expect(s.nothing(() => answer(s, driver.add(0, 1)))).toBe("EINVAL");
    expect(answer(s, driver.add(0, 4, PMEM))).toBe(0);
  });

  it("[MEM-2] want of memory for the frame records gives the addresses back", () => {
    const s = devmem({ core });
    expect(s.nothing(() => answer(s, driver.add(0, 4), { "devmem_add.online": "no-memory" }))).toBe("ENOMEM");
    expect(answer(s, driver.add(0, 4))).toBe(0);
  });

  it("[MEM-3] the flags of a range are remembered, and its removal goes by them", () => {
    const s = devmem({ core });
    added(s, 0, 1);
    added(s, 0, 1, PMEM);
    expect(chunks(s, 0).map(({ flags }) => flags)).toEqual([PRIVATE, PMEM]);
    const [, addressable] = chunks(s, 0);
    expect(answer(s, driver.remove(0, 1))).toBe("ok");
    expect(linearMap(s.state, addressable?.first ?? expect.fail())).toBe("bus error");
    // A removal that believes other flags leaves the linear map behind.
    const wrong = added(s, 0, 1, PMEM);
    s.state = {
      ...s.state,
      devices: s.state.devices.map((d) => ({ ...d, chunks: d.chunks.map((c, n) => (n === wrong ? { ...c, flags: PRIVATE } : c)) })),
    };
    answer(s, driver.remove(0, wrong));
    expect(chunks(s, 0)[wrong]).toMatchObject({ linear: true });
  });

  it("[MEM-4] a frame of a range that does not allow migration is no destination", () => {
    const s = devmem({ core });
    added(s, 0, 4, PMEM);
    expect(freeList(s, 0)).toEqual([]);
    s.mmap(0, 1);
    s.write(0, 7);
    s.toDevice(0, 0);
    expect(s.frame(0).kind).toBe("system");
    expect(s.read(0)).toBe(7);
  });

  it("[MEM-4] a frame of a range that does not allow migration is neither collected nor unmapped", () => {
    const s = devmem({ core });
    added(s, 0, 2, PMEM);
    added(s, 1, 2);
    s.mmap(0, 1);
    s.write(0, 7);
    const pmem = framesOf(s, 0)[0]?.pfn ?? expect.fail();
    mapFrame(s, 0, pmem);
    const before = s.frame(0);
    s.toDevice(1, 0);
    s.toSystem(0, 0);
    s.close(0);
    expect(s.frameOf(0)).toBe(pmem);
    expect(s.frame(0)).toEqual(before);
    expect(s.read(0)).toBe(7);
  });

  it("[MEM-6] every frame of a new range is free, with the count of the profile", () => {
    const s = ready(core);
    const frames = framesOf(s, 0);
    expect(frames).toHaveLength(2);
    for (const { pfn, frame } of frames) {
      expect(frame.free).toBe(true);
      expect(refcount(s.state, pfn)).toBe(base);
    }
    const used = onDevice(s, 0, 7);
    expect(refcount(s.state, used)).toBe(base + 1);
    s.fork(1);
    expect(refcount(s.state, used)).toBe(base + 2);
  });

  it("[MEM-7] the linear map does not reach private memory, whose frame record can be used", () => {
    const s = ready(core);
    const frame = onDevice(s, 0, 7);
    expect(linearMap(s.state, frame)).toBe("bus error");
    expect(s.frame(0).contents.first).toBe(7);
    expect(refcount(s.state, frame)).toBe(base + 1);
    for (const { pfn } of framesOf(s, 0)) expect(linearMap(s.state, pfn)).toBe("bus error");
    s.write(1, 8);
    expect(linearMap(s.state, s.frameOf(1))).toEqual({ first: 8, fill: 0 });
  });

  it("[MEM-8] addressable memory has a linear map from the moment it is there", () => {
    const s = devmem({ core });
    const t = threads(s);
    const task = t.start(0, driver.add(0, 2, PMEM));
    t.until(task, "devmem_add.online");
    const { first } = chunks(s, 0)[0] ?? expect.fail();
    expect(linearMap(s.state, first)).toBe("bus error");
    t.finish(task);
    for (const { pfn } of framesOf(s, 0)) expect(linearMap(s.state, pfn)).toEqual({ first: null, fill: null });
  });

  it("[MEM-9] a free device frame is on the list of its own device, and the system does not get it", () => {
    const s = ready(core, 1);
    added(s, 1, 1);
    const [mine, other] = [freeList(s, 0), freeList(s, 1)];
    expect([mine, other].map((list) => list.length)).toEqual([1, 1]);
    for (let page = 0; page < 4; page++) s.write(page, page + 1);
    expect([0, 1, 2, 3].map((page) => s.frame(page).kind)).toEqual(["system", "system", "system", "system"]);
    s.toDevice(0, 0);
    expect([freeList(s, 0), freeList(s, 1)]).toEqual([[], other]);
    s.munmap(0);
    expect([freeList(s, 0), freeList(s, 1)]).toEqual([mine, other]);
    expect(auditDevmem(s.state)).toEqual([]);
  });

  it.each([
    ["munmap", (s: System) => s.munmap(0)],
    ["MADV_DONTNEED", (s: System) => s.madvise(0, 1, "dontneed")],
    ["a CPU access", (s: System) => s.read(0)],
    ["migrate_to_system", (s: System) => s.toSystem(0, 0)],
    ["mmap over it", (s: System) => s.mmap(0)],
  ])("[MEM-12] the free callback runs once, with the frame and what was registered: %s", (_, free) => {
    const s = ready(core);
    const frame = onDevice(s, 0, 7);
    const word = s.frame(0).driverWord;
    expect(word).not.toBeNull();
    expect(notes(s, "free")).toEqual([]);
    free(s);
    expect(notes(s, "free")).toEqual([{ kind: "free", pfn: frame, dev: 0, word }]);
    expect(freeList(s, 0).filter((pfn) => pfn === frame)).toHaveLength(1);
  });

  it("[MEM-12] the callback runs once each time a frame becomes free", () => {
    const s = ready(core, 1);
    for (let round = 0; round < 3; round++) {
      onDevice(s, 0, round);
      s.read(0);
      expect(notes(s, "free")).toHaveLength(round + 1);
    }
  });

  it("[MEM-12] the callback runs for the destination of a page that is refused", () => {
    const s = ready(core);
    s.write(0, 7);
    const t = threads(s);
    const task = t.start(0, calls.toDevice(0, 0));
    t.until(task, "migrate.m8");
    t.act({ type: "get", pfn: s.state.frames.findIndex((f) => f.kind === "system" && !f.free) });
    t.finish(task);
    expect(s.entry(0)).toContain("present");
    expect(notes(s, "free")).toHaveLength(1);
    expect(auditDevmem(s.state)).toEqual([]);
  });

  it("[MEM-13] the callback does not run while a reference is left", () => {
    const s = ready(core);
    const frame = onDevice(s, 0, 7);
    s.fork(1);
    s.munmap(0);
    expect(notes(s, "free")).toEqual([]);
    threads(s).act({ type: "get", pfn: frame });
    s.exit(1);
    expect(notes(s, "free")).toEqual([]);
    expect(s.state.frames[frame]?.free).toBe(false);
    threads(s).act({ type: "put", pfn: frame });
    expect(notes(s, "free").map(({ pfn }) => pfn)).toEqual([frame]);
  });

  it("[MEM-13] the callback does not run for a frame that was never allocated", () => {
    const s = ready(core);
    onDevice(s, 0, 7);
    s.munmap(0, 4);
    answer(s, driver.remove(0, 0));
    expect(notes(s, "free")).toHaveLength(1);
  });

  it("[MEM-14] a freed frame shows nothing of what it was, and can be allocated at once", () => {
    const s = ready(core, 1);
    const fresh = framesOf(s, 0)[0]?.frame;
    const frame = onDevice(s, 2, 7);
    s.read(2);
    // All but the dirty mark, which stays: MEM-47.
    expect(s.state.frames[frame]).toEqual({ ...fresh, dirty: true });
    expect(onDevice(s, 1, 8)).toBe(frame);
    expect(s.frame(1)).toMatchObject({ index: 1, contents: { first: 8 } });
    // The reverse map finds the new page and not the old one.
    s.fork(1);
    s.read(1);
    expect([s.read(1), s.as(1).read(1), s.read(2)]).toEqual([8, 8, 7]);
  });

  it("[MEM-27] a present entry of private memory is reported, and the access ends with SIGBUS", () => {
    const s = ready(core);
    s.write(0, 7);
    const frame = freeList(s, 0)[0] as ReturnType<System["frameOf"]>;
    mapFrame(s, 0, frame);
    expect([s.read(0), s.write(0, 9)]).toEqual(["SIGBUS", "SIGBUS"]);
    expect(s.state.frames[frame]?.contents.first).toBe(7);
    const report = { kind: "bad-entry", mm: 0, vpn: 0, pfn: frame };
    expect(notes(s, "bad-entry")).toEqual([report, report]);
  });
});

it("[MEM-15] a device frame that is put once too often is reported, and its count is put back", () => {
  const s = ready("v14", 1);
  const t = threads(s);
  const frame = onDevice(s, 0, 7);
  expect(t.refused({ type: "wrong_put", pfn: frame })).toMatch(/no free device frame/);
  s.munmap(0);
  const before = s.state;
  t.act({ type: "wrong_put", pfn: frame });
  expect(notes(s, "bad-refcount")).toEqual([{ kind: "bad-refcount", pfn: frame }]);
  expect(refcount(s.state, frame)).toBe(1);
  expect({ ...s.state, notes: [] }).toEqual({ ...before, notes: [] });
  // The page allocator did not get it, and the device can go on using it.
  s.write(1, 8);
  expect(s.frameOf(1)).not.toBe(frame);
  expect(onDevice(s, 2, 9)).toBe(frame);
});

it.each(LINUX_CORES)("[MEM-16] a device frame with the count 0 is no error: %s", (core) => {
  const s = ready(core, 1);
  const frame = onDevice(s, 0, 7);
  s.munmap(0);
  expect(refcount(s.state, frame)).toBe(0);
  expect(notes(s, "bad-refcount")).toEqual([]);
  expect(freeList(s, 0)).toEqual([frame]);
  expect(threads(s).refused({ type: "wrong_put", pfn: frame })).toMatch(/no free device frame with a count/);
  expect(onDevice(s, 1, 8)).toBe(frame);
});
