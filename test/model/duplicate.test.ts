/** Read duplication (extension): read-only copies of a page in the memory of devices. */
import { describe, expect, it } from "vitest";
import { profile } from "../../model/index.ts";
import type { Replica } from "../../model/index.ts";
import { CORES, DRIVERS } from "../../spec/vocabulary.ts";
import type { Core, DeviceKind, DriverName, ModelCall } from "../../spec/vocabulary.ts";
import {
  added,
  answer,
  auditDevmem,
  COHERENT,
  devmem,
  driver,
  framesOf,
  freeList,
  mapFrame,
  notes,
  onDevice,
  PRIVATE,
} from "./devmem-support.ts";
import { ALL_CORES, calls, eachCore, LINUX_CORES, threads } from "./support.ts";
import type { System } from "./support.ts";

interface Kind {
  readonly core: Core;
  readonly driver?: DriverName;
  readonly devices?: readonly DeviceKind[];
}

/** One process with four pages, written with 1 to 4, and memory on two devices; pages can be duplicated. */
function ready({ core, driver: name = "ideal", devices = ["private", "private"] }: Kind): System {
  const s = devmem({ core, driver: name, devices, physicalPages: 8, switches: { readDuplication: true } });
  for (const [dev, kind] of devices.entries()) added(s, dev, 4, kind === "private" ? PRIVATE : COHERENT);
  s.mmap(0, 4);
  for (let page = 0; page < 4; page++) s.write(page, page + 1);
  s.notices();
  return s;
}

/** Duplicates pages; answers for how many a replica was entered. */
function duplicate(s: System, dev: number, page: number, npages = 1, actor = 0): number {
  const ret = s.call(actor, driver.duplicate(dev, page, npages));
  return ret.status === "ok" ? (ret.cpages ?? -1) : -1;
}

/** The replicas of what a page is, by device. */
const replicas = (s: System, page: number, actor = 0): readonly Replica[] =>
  s.state.replicas.filter((r) => r.page === s.frameOf(page, actor));

const devices = (s: System, page: number, actor = 0): readonly number[] => replicas(s, page, actor).map(({ dev }) => dev);

/** The frame that an actor's mirror of a device reaches at a page. */
const reached = (s: System, dev: number, page: number, actor = 0): number | null =>
  s.state.files[s.state.actors[actor]?.files[dev] ?? -1]?.dpt[page]?.pfn ?? null;

it.each(CORES.flatMap((core) => DRIVERS.map((name) => [core, name] as const)))("[DUP-1] read duplication is off: %s, %s", (core, name) => {
  expect(profile(core, name).readDuplication).toBe(false);
  const s = devmem({ core, driver: name });
  added(s, 0, 2);
  s.mmap(0, 1);
  s.write(0, 1);
  s.open(0);
  expect(s.nothing(() => answer(s, driver.duplicate(0, 0)))).toBe("EOPNOTSUPP");
});

eachCore(ALL_CORES, (core) => {
  it("[DUP-1] the call answers for how many pages the mirror has got a replica", () => {
    const s = ready({ core });
    expect(duplicate(s, 0, 0, 3)).toBe(3);
    expect(answer(s, driver.duplicate(0, 0, 0))).toBe("EINVAL");
    expect(answer(s, driver.duplicate(5, 0))).toBe("ENOENT");
    expect(s.state.replicas.every(({ installed }) => installed)).toBe(true);
    expect([0, 1, 2, 3].map((page) => devices(s, page))).toEqual([[0], [0], [0], []]);
  });

  it("[DUP-2] before the first replica is made every entry of the page is read-only", () => {
    const s = ready({ core });
    s.devWrite(1, 0, 1, 9);
    expect(s.entry(0)).toBe("present rw dirty");
    s.notices();
    const t = threads(s);
    const task = t.start(0, driver.duplicate(0, 0));
    t.until(task, "duplicate.u4");
    expect(s.entry(0)).toBe("present r dirty");
    expect(reached(s, 1, 0)).toBeNull();
    expect(s.notices()).toEqual(["CLEAR 0-1"]);
    t.finish(task);
    expect(auditDevmem(s.state)).toEqual([]);
  });

  it("[DUP-2, DUP-3] every mapping of a shared page is found, and a page that is read-only already is left as it is", () => {
    const s = ready({ core });
    s.fork(1);
    s.notices();
    expect([duplicate(s, 0, 0), duplicate(s, 1, 0)]).toEqual([1, 1]);
    expect(s.notices()).toEqual([]);
    expect(devices(s, 0)).toEqual([0, 1]);
    expect([s.entry(0), s.entry(0, 1)].every((entry) => entry.startsWith("present r"))).toBe(true);
    expect(auditDevmem(s.state)).toEqual([]);
  });

  it("[DUP-3] the owner copy and all replicas hold equal bytes, and each device reads its own", () => {
    const s = ready({ core });
    expect([duplicate(s, 0, 1), duplicate(s, 1, 1)]).toEqual([1, 1]);
    const frames = replicas(s, 1).map(({ pfn }) => pfn);
    expect(frames.map((pfn) => s.state.frames[pfn])).toMatchObject([
      { dev: 0, contents: { first: 2, fill: 0 } },
      { dev: 1, contents: { first: 2, fill: 0 } },
    ]);
    expect([reached(s, 0, 1), reached(s, 1, 1)]).toEqual(frames);
    // No access faults.
    expect([s.devRead(0, 1), s.devRead(1, 1), s.read(1)]).toEqual([[2], [2], 2]);
    expect([s.frame(1).kind, ...devices(s, 1)]).toEqual(["system", 0, 1]);
  });

  it("[DUP-3] two mirrors of one device share its replica", () => {
    const s = ready({ core });
    s.fork(1);
    expect([duplicate(s, 0, 0), duplicate(s, 0, 0, 1, 1)]).toEqual([1, 1]);
    expect(replicas(s, 0)).toHaveLength(1);
    expect(reached(s, 0, 0, 1)).toBe(reached(s, 0, 0));
    // The copy that one of them makes by a write leaves nobody with a wrong replica.
    s.write(0, 8);
    expect([s.devRead(0, 0), s.as(1).devRead(0, 0)]).toEqual([[8], [1]]);
  });

  it.each([
    ["a CPU write", calls.write(0, 8)],
    ["a write of the device that has the replica", calls.devWrite(0, 0, 1, 8)],
    ["a write of another device", calls.devWrite(1, 0, 1, 8)],
  ])("[DUP-4] %s first invalidates all copies and then gets write permission", (_, call: ModelCall) => {
    const s = ready({ core });
    duplicate(s, 0, 0);
    duplicate(s, 1, 0);
    const t = threads(s);
    const task = t.start(0, call);
    while (s.state.replicas.length > 0) {
      expect(s.entry(0)).toBe("present r dirty");
      expect(t.step(task)).toBeNull();
    }
    expect(s.entry(0)).toBe("present r dirty");
    t.finish(task);
    expect([s.read(0), s.devRead(0, 0), s.devRead(1, 0)]).toEqual([8, [8], [8]]);
  });

  it.each(["duplicate.u2", "duplicate.u3", "duplicate.u4", "duplicate.u5", "duplicate.u6"])(
    "[DUP-4] a write that comes before %s leaves no replica with the old bytes",
    (step) => {
      const s = ready({ core });
      const t = threads(s);
      const task = t.start(0, driver.duplicate(0, 0));
      t.until(task, step);
      t.finish(t.start(0, calls.write(0, 8)));
      expect(t.finish(t.start(0, calls.read(0)))).toEqual({ status: "ok", value: 8 });
      t.finish(task);
      expect(auditDevmem(s.state)).toEqual([]);
      expect(s.devRead(0, 0)).toEqual([8]);
    },
  );

  it("[DUP-4] a write waits for a device that is reading its replica", () => {
    const s = ready({ core });
    duplicate(s, 0, 0);
    const t = threads(s);
    const reader = t.start(0, calls.devRead(0, 0));
    t.until(reader, "device_access.a1");
    const writer = t.start(0, calls.write(0, 8));
    expect(t.drive(writer)).toBe("waits");
    expect(t.finish(reader)).toMatchObject({ data: [1], faults: 0 });
    t.finish(writer);
    expect(s.read(0)).toBe(8);
  });

  it("[DUP-5] a replica is not written back: the page is the owner copy, with the entry that it has", () => {
    const s = ready({ core });
    duplicate(s, 0, 0);
    const [replica] = replicas(s, 0);
    const owner = s.frameOf(0);
    // Whatever became of the copy.
    s.state = {
      ...s.state,
      frames: s.state.frames.map((f, n) => (n === replica?.pfn ? { ...f, contents: { first: 99, fill: 99 } } : f)),
    };
    s.close(0);
    expect(s.state.replicas).toEqual([]);
    expect([s.frameOf(0), s.entry(0), s.read(0)]).toEqual([owner, "present r dirty", 1]);
    expect(notes(s, "free").map(({ pfn }) => pfn)).toEqual([replica?.pfn]);
    expect(freeList(s, 0)).toHaveLength(4);
  });

  it("[DUP-5] removing device memory drops the replicas in it, and does not wait for them", () => {
    const s = ready({ core });
    duplicate(s, 0, 0, 2);
    expect(answer(s, driver.remove(0, 0))).toBe("ok");
    expect([s.state.replicas, framesOf(s, 0)]).toEqual([[], []]);
    expect([s.read(0), s.read(1)]).toEqual([1, 2]);
  });

  it.each([
    ["munmap", calls.munmap(0)],
    ["MADV_DONTNEED", calls.madvise(0, 1, "dontneed")],
    ["exit", calls.exit(1)],
    ["mprotect", calls.mprotect(0, 1, "r")],
    ["mremap", calls.mremap(0, 1, 3)],
    ["fork", calls.fork(2)],
    ["migration to the device", calls.toDevice(0, 0)],
    ["migration to another device", calls.toDevice(1, 0)],
  ] as const)("[DUP-6] %s invalidates the replicas before it changes an entry", (_, call) => {
    const s = ready({ core });
    const actor = call.op === "exit" ? 1 : 0;
    if (actor === 1) s.fork(1);
    const mm = s.state.actors[actor]?.mm ?? 0;
    if (call.op === "migrate_to_device") s.open(call.dev);
    duplicate(s, 0, 0, 1, actor);
    duplicate(s, 1, 0, 1, actor);
    expect(devices(s, 0, actor)).toEqual([0, 1]);
    const entries = (): unknown => s.state.mms[mm]?.ptes[0];
    const before = entries();
    const t = threads(s);
    const task = t.start(0, call);
    s.notices();
    while (s.state.replicas.length > 0) {
      expect(entries()).toEqual(before);
      expect(s.notices().filter((line) => line.includes(" 0-"))).toEqual([]);
      expect(t.step(task)).toBeNull();
    }
    t.finish(task);
    expect(auditDevmem(s.state)).toEqual([]);
  });

  it("[DUP-6] reclaim, and the move to another system frame, invalidate the replicas first", () => {
    const s = ready({ core });
    duplicate(s, 0, 0, 2);
    const t = threads(s);
    const frame = s.frameOf(0);
    t.finish(t.reclaim(frame), { "reclaim.r1": "swap" });
    expect(s.entry(0)).toMatch(/^swap/);
    t.act({ type: "move", pfn: s.frameOf(1) });
    t.finish(s.state.tasks[0]?.id ?? expect.fail());
    expect(s.state.replicas).toEqual([]);
    expect([s.read(0), s.read(1)]).toEqual([1, 2]);
    expect([s.devRead(0, 0), s.devRead(0, 1)]).toEqual([[1], [2]]);
  });

  it("[DUP-7] holes, untouched pages and the zero page stay single, and a swapped page is brought back first", () => {
    const s = ready({ core });
    s.munmap(1);
    s.madvise(2, 2, "dontneed");
    s.read(2);
    const t = threads(s);
    t.finish(t.reclaim(s.frameOf(0)), { "reclaim.r1": "swap" });
    expect(s.entry(0)).toMatch(/^swap/);
    expect(duplicate(s, 0, 0, 4)).toBe(1);
    expect(s.entries(0, 4).map((entry) => entry.split(" ")[0])).toEqual(["present", "none", "zero", "none"]);
    expect(devices(s, 0)).toEqual([0]);
  });

  it("[DUP-7] pinned pages, pages of a shared mapping and pages without read permission stay single", () => {
    const s = ready({ core });
    threads(s).act({ type: "pin", pfn: s.frameOf(0) });
    s.mmap(1, 1, "rw", "shared");
    s.write(1, 5);
    s.mprotect(2, 1, "n");
    expect(duplicate(s, 0, 0, 4)).toBe(1);
    expect(s.state.replicas.map(({ page }) => page)).toEqual([s.frameOf(3)]);
  });

  it("[DUP-7] a page on the device itself stays single, one of another private device comes home first", () => {
    const s = ready({ core });
    onDevice(s, 0, 1, 0);
    onDevice(s, 1, 2, 1);
    expect(duplicate(s, 0, 0, 2)).toBe(1);
    expect([s.entry(0).split(" ")[0], s.frame(1).kind]).toEqual(["device_private", "system"]);
    expect([devices(s, 0), devices(s, 1)]).toEqual([[], [0]]);
  });

  it("[DUP-7] a page for which the device has no frame stays single", () => {
    const s = devmem({ core, physicalPages: 1, switches: { readDuplication: true } });
    added(s, 0, 1);
    s.mmap(0, 2);
    s.write(0, 1);
    s.write(1, 2);
    expect(duplicate(s, 0, 0, 2)).toBe(1);
    expect([devices(s, 0), devices(s, 1)]).toEqual([[0], []]);
  });
});

eachCore(LINUX_CORES, (core) => {
  it("[DUP-3, DUP-7] a coherent page of another device can be the owner copy", () => {
    const s = ready({ core, devices: ["coherent", "private"] });
    const owner = onDevice(s, 0, 7, 0);
    expect(duplicate(s, 1, 0)).toBe(1);
    expect([s.frameOf(0), devices(s, 0), s.devRead(1, 0)]).toEqual([owner, [1], [7]]);
    s.close(0);
    expect([s.state.replicas, s.read(0)]).toEqual([[], 7]);
    // The pages that are there already are not copied beside themselves.
    onDevice(s, 1, 8, 0);
    expect(duplicate(s, 0, 1)).toBe(0);
  });

  it("[DUP-6] exclusive access of a device invalidates the replicas of all", () => {
    const s = ready({ core });
    duplicate(s, 0, 0);
    duplicate(s, 1, 0);
    expect(s.exclusive(0, 0)).toBe("ok");
    expect(s.state.replicas).toEqual([]);
    expect(s.read(0)).toBe(1);
  });
});

describe("dmirror", () => {
  it("[DUP-6] a driver that ignores its own migration does not keep a replica", () => {
    const s = ready({ core: "linux-6.1", driver: "dmirror-fixed" });
    duplicate(s, 0, 0);
    s.toDevice(0, 0);
    expect(s.state.replicas).toEqual([]);
    expect(s.devRead(0, 0)).toEqual([1]);
    s.write(0, 8);
    expect(s.devRead(0, 0)).toEqual([8]);
  });

  it("[DUP-5] a replica whose entry is erased with its neighbour's is freed", () => {
    const s = ready({ core: "linux-6.1", driver: "dmirror-fixed" });
    duplicate(s, 0, 1);
    s.munmap(0);
    expect([s.state.replicas, freeList(s, 0).length]).toEqual([[], 4]);
    expect(s.devRead(0, 1)).toEqual([2]);
  });

  it("[DUP-3] a device fault on a neighbour leaves the device its replica", () => {
    const s = ready({ core: "linux-6.1", driver: "dmirror-fixed" });
    duplicate(s, 0, 1);
    const [replica] = replicas(s, 1);
    expect(s.devRead(0, 0, 3)).toEqual([1, 2, 3]);
    expect(reached(s, 0, 1)).toBe(replica?.pfn);
    expect(auditDevmem(s.state)).toEqual([]);
  });
});

it("[DUP-3] what the audit of these tests calls wrong", () => {
  const s = ready({ core: "linux-6.1" });
  duplicate(s, 0, 0);
  const frame = freeList(s, 1)[0] as ReturnType<System["frameOf"]>;
  const wrong = {
    ...s.state,
    frames: s.state.frames.map((f, n) => (n === replicas(s, 0)[0]?.pfn ? { ...f, contents: { first: 9, fill: 9 } } : f)),
  };
  expect(auditDevmem(wrong)).toEqual([expect.stringMatching(/^DUP-3/)]);
  mapFrame(s, 1, frame);
  expect(auditDevmem(s.state).some((line) => line.startsWith("MEM-27"))).toBe(true);
});
