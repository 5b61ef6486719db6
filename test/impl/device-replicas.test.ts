/** Replicas, in lockstep with the model: who has to wait for whom, which of them go, and what a walk leaves alone. */
import { describe, expect, it } from "vitest";
import { DPTE, FRAME, PTE, TAG, dptePfn, dpteTag } from "../../spec/words.ts";
import { mapped, on, pair, store } from "./device-support.ts";
import type { Pair } from "./device-support.ts";

/** Two written pages; page 0 has a replica on device 0, page 1 one on device 1. The files are numbered as the devices. */
function ready(kind: Parameters<typeof pair>[0] = {}): Pair {
  const p = pair({ devices: ["private", "private"], switches: { readDuplication: true }, ...kind });
  p.call(mapped(0, 3));
  for (const page of [0, 1, 2]) p.call(store(page, page + 1));
  for (const dev of [0, 1]) expect(p.call(on("duplicate", dev, 1, dev))).toEqual({ status: "ok", cpages: 1 });
  return p;
}

const pages = (p: Pair): number[] => Array.from({ length: p.view.replicaCount() }, (_, i) => p.view.replicaPage(i));

describe.each([0, 1])("while device %s reads its replica", (dev) => {
  const reading = (): { p: Pair; task: number } => {
    const p = ready();
    const task = p.begin(on("device_read", dev, 1, dev));
    p.until(task, "device_access.a1");
    return { p, task };
  };

  it("a CPU write to that page waits, one to the other page does not", () => {
    const { p, task } = reading();
    const same = p.begin(store(dev, 9));
    p.until(same, "drop_replicas.next");
    expect(p.ready(same)).toBe(false);
    const other = p.begin(store(1 - dev, 8));
    p.until(other, "drop_replicas.next");
    expect(p.ready(other)).toBe(true);
    p.finish(other);
    expect(p.view.replicaCount()).toBe(1);
    expect(p.finish(task)).toMatchObject({ data: [dev + 1] });
    expect(p.ready(same)).toBe(true);
    p.finish(same);
    expect(p.view.replicaCount()).toBe(0);
  });

  it("a notification for that page waits, one for the other page does not", () => {
    const { p, task } = reading();
    const other = p.begin({ op: "mprotect", page: 1 - dev, npages: 1, prot: "r" });
    p.until(other, "invalidate.i1");
    expect(p.ready(other)).toBe(true);
    p.step(other);
    expect(p.view.replicaCount()).toBe(1);
    p.finish(task);
    p.finish(other);
    const again = p.begin(on("device_read", dev, 1, dev));
    p.until(again, "device_access.a1");
    const same = p.begin({ op: "mprotect", page: dev, npages: 1, prot: "r" });
    p.until(same, "invalidate.i1");
    expect(p.ready(same)).toBe(false);
    p.finish(again);
    p.finish(same);
    expect(p.view.replicaCount()).toBe(0);
  });
});

describe("which replicas go", () => {
  it("those of the pages in the range, in the order in which they were made", () => {
    const p = pair({ switches: { readDuplication: true } });
    p.call(mapped(0, 4));
    for (const page of [0, 1, 2, 3]) p.call(store(page, page + 1));
    for (const page of [2, 0, 3, 1]) p.call(on("duplicate", page));
    expect([p.view.replicaPfn(0), p.view.deviceFree(0)]).toEqual([0, 0]);
    p.call({ op: "munmap", page: 0, npages: 3 });
    expect([p.view.replicaCount(), p.view.replicaPfn(0)]).toEqual([1, 2]);
    expect([0, 1, 2].map((i) => p.view.deviceFreeAt(0, i))).toEqual([0, 1, 3]);
    p.call({ op: "munmap", page: 3, npages: 1 });
    expect(p.view.replicaCount()).toBe(0);
  });

  it("all of a page, on every device and in every mirror", () => {
    const p = ready();
    p.call({ op: "fork", child: 1 });
    expect(p.view.replicaCount()).toBe(0);
    for (const [dev, actor] of [
      [0, 0],
      [0, 1],
      [1, 1],
    ] as const)
      expect(p.call(on("duplicate", 0, 1, dev), {}, actor)).toMatchObject({ cpages: 1 });
    const named = (): number =>
      Array.from({ length: p.view.fileCount() }, (_, file) => p.view.dpte(file, 0)).filter((word) => word !== 0).length;
    expect([p.view.replicaCount(), named()]).toEqual([2, 3]);
    p.call(store(0, 9), {}, 1);
    expect([p.view.replicaCount(), named()]).toEqual([0, 0]);
    for (let pfn = 0; pfn < 8; pfn++) expect(p.view.frame(pfn) & (FRAME.free | FRAME.replica)).toBe(FRAME.free);
  });

  it("one that no mirror has an entry for any more", () => {
    const p = ready();
    p.call({ op: "close", dev: 0 });
    expect(p.view.replicaCount()).toBe(1);
    p.call({ op: "close", dev: 1 });
    expect(p.view.replicaCount()).toBe(0);
  });

  it("those in memory that is removed, also of dmirror, which makes one pass", () => {
    for (const driver of ["ideal", "dmirror"] as const) {
      const p = ready({ driver });
      expect(p.call({ op: "devmem_remove", dev: 1, chunk: 0 })).toEqual({ status: "ok" });
      expect([p.view.replicaCount(), p.view.replicaDev(0)]).toEqual([1, 0]);
    }
  });
});

it("a walk for reading leaves the entry of a replica, one for writing takes the replica away", () => {
  const p = ready({ driver: "dmirror" });
  const entry = p.view.dpte(0, 0);
  expect([dptePfn(entry), dpteTag(entry), entry & DPTE.valid]).toEqual([0, TAG.read, 1]);
  p.call({ op: "munmap", page: 1, npages: 1 });
  p.call(mapped(1, 1));
  p.call(on("duplicate", 2));
  // Page 1 has no entry, so a walk goes over pages 1 and 2.
  expect(p.call(on("device_read", 1, 2))).toMatchObject({ data: [0, 3], faults: 1 });
  expect(p.view.frame(dptePfn(p.view.dpte(0, 2))) & FRAME.replica).toBe(FRAME.replica);
  expect(p.call({ op: "device_write", dev: 0, page: 0, npages: 1, value: 200 })).toMatchObject({ status: "ok" });
  expect([pages(p).length, dpteTag(p.view.dpte(0, 0))]).toEqual([1, TAG.write]);
});

it("a walk leaves the entry of the first replica on the first frame, too", () => {
  const p = pair({ driver: "dmirror", switches: { readDuplication: true } });
  p.call(mapped(0, 2));
  for (const page of [0, 1]) p.call(store(page, page + 1));
  p.call(on("duplicate", 1));
  expect(p.call(on("device_read", 0, 2))).toMatchObject({ data: [1, 2], faults: 1 });
  expect([dptePfn(p.view.dpte(0, 1)), p.view.replicaCount()]).toEqual([0, 1]);
});

it("a walk replaces an entry that leads to no replica, while others do", () => {
  const p = ready();
  p.call({ op: "fork", child: 1 });
  p.call(store(1, 5));
  p.call(on("duplicate", 1));
  p.call(on("device_read", 2));
  p.call({ op: "exit", child: 1 });
  expect([p.view.replicaCount(), dpteTag(p.view.dpte(0, 2))]).toEqual([1, TAG.read]);
  expect(p.call({ op: "device_write", dev: 0, page: 2, npages: 1, value: 200 })).toMatchObject({ status: "ok", faults: 1 });
});

it("memory that is being removed is looked at again for a replica of frame 0, which was made meanwhile", () => {
  const p = pair({ devices: ["coherent", "private"], driver: "dmirror", switches: { readDuplication: true }, bounds: { deviceFrames: 1 } });
  p.call(mapped(0, 1));
  p.call(store(0, 1));
  p.call(on("migrate_to_device", 0, 1, 0));
  const task = p.begin(on("duplicate", 0, 1, 1));
  p.until(task, "duplicate.u3");
  const removal = p.begin({ op: "devmem_remove", dev: 1, chunk: 0 });
  p.until(removal, "remove_chunk.e7");
  expect(p.ready(removal)).toBe(false);
  expect(p.finish(task)).toMatchObject({ cpages: 1 });
  expect(p.view.replicaPage(0)).toBe(0);
  expect(p.finish(removal)).toEqual({ status: "ok" });
});

it("a page is duplicated beside entries for reading, and while a device may write other pages", () => {
  const p = ready();
  p.call({ op: "fork", child: 1 });
  p.call(on("device_read", 0));
  p.call({ op: "device_write", dev: 0, page: 2, npages: 1, value: 200 });
  expect(p.call(on("duplicate", 0, 1, 1))).toMatchObject({ cpages: 1 });
  expect([dpteTag(p.view.dpte(0, 0)), dpteTag(p.view.dpte(0, 2))]).toEqual([TAG.read, TAG.write]);
});

describe("a page that is being duplicated", () => {
  const begun = (): { p: Pair; task: number } => {
    const p = pair({ switches: { readDuplication: true } });
    p.call(mapped(0, 2));
    p.call(store(0, 1));
    return { p, task: p.begin(on("duplicate", 0, 2)) };
  };

  it("stays single where the device has no memory", () => {
    const { p, task } = begun();
    expect(p.finish(task, { "duplicate.u2": "no-memory" })).toEqual({ status: "ok", cpages: 0 });
    expect(p.view.deviceFree(0)).toBe(4);
  });

  it("stays single where it cannot be faulted, and where it is pinned before its copy gets an entry", () => {
    const p = ready();
    p.call(on("migrate_to_device", 2, 1, 1));
    expect(p.call(on("duplicate", 2), { "migrate.m7": "error" })).toMatchObject({ cpages: 0 });
    const { p: q, task } = begun();
    q.until(task, "duplicate.u5");
    q.act({ type: "pin", pfn: q.view.pte(0, 0) >>> PTE.payload_shift });
    expect(q.finish(task)).toMatchObject({ cpages: 0 });
    expect([q.view.replicaCount(), q.view.deviceFree(0)]).toEqual([0, 4]);
  });

  it("is taken away again from a device that has got a stale entry for writing (RF-16)", () => {
    const p = pair({ core: "v14", devices: ["private", "private"], switches: { readDuplication: true } });
    p.call(mapped(0, 1));
    p.call(store(0, 1));
    p.call({ op: "open", dev: 0 });
    const task = p.begin(on("duplicate", 0, 1, 1));
    p.until(task, "rmap_walk.clear");
    const writer = p.begin({ op: "device_write", dev: 0, page: 0, npages: 1, value: 200 });
    p.until(writer, "device_access.faulted");
    p.until(task, "duplicate.u3");
    expect([dpteTag(p.view.dpte(0, 0)), p.view.pte(0, 0) & PTE.write]).toEqual([TAG.write, 0]);
    p.step(task);
    p.until(task, "rmap_walk.clear");
    expect(p.view.dpte(0, 0)).toBe(0);
    expect(p.finish(task)).toMatchObject({ cpages: 1 });
    p.finish(writer);
  });

  it("is copied as it is when nobody can write it any more", () => {
    const { p, task } = begun();
    p.call(on("device_read", 0));
    p.call({ op: "device_write", dev: 0, page: 0, npages: 1, value: 200 });
    p.until(task, "duplicate.u3");
    p.call(store(0, 5));
    expect(p.finish(task)).toEqual({ status: "ok", cpages: 1 });
    expect(p.call(on("device_read", 0))).toMatchObject({ data: [5], faults: 0 });
  });

  it("loses its replica to a write that comes before the entry", () => {
    const { p, task } = begun();
    p.until(task, "duplicate.u5");
    expect([p.view.replicaCount(), p.view.replicaInstalled(0)]).toEqual([1, 0]);
    const writer = p.begin(store(0, 6));
    p.until(writer, "drop_replicas.next");
    p.step(writer);
    expect(p.view.replicaCount()).toBe(0);
    expect(p.finish(task)).toEqual({ status: "ok", cpages: 0 });
    p.finish(writer);
    expect(p.call(on("device_read", 0))).toMatchObject({ data: [6] });
  });

  it("waits for a notification, in whichever process, and for the page lock", () => {
    const p = pair({ switches: { readDuplication: true } });
    p.call(mapped(0, 2));
    p.call(store(0, 1));
    p.call({ op: "fork", child: 1 });
    p.call({ op: "open", dev: 0 }, {}, 1);
    const task = p.begin(on("duplicate", 0, 2));
    p.until(task, "duplicate.u2");
    const writer = p.begin(store(0, 7), 1);
    p.until(writer, "invalidate.i2");
    expect(p.ready(task)).toBe(false);
    p.finish(writer);
    expect(p.ready(task)).toBe(true);
    const frame = p.view.pte(0, 0) >>> PTE.payload_shift;
    p.act({ type: "move", pfn: frame });
    p.until(writer, "migrate.m4");
    expect([p.view.frameLocked(frame), p.ready(task)]).toEqual([writer, false]);
    p.finish(writer);
    expect(p.finish(task)).toMatchObject({ cpages: 1 });
  });
});
