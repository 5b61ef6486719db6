/** Replicas, in lockstep with the model: who has to wait for whom, which of them go, and what a walk leaves alone. */
import { describe, expect, it } from "vitest";
import { DPTE, FRAME, TAG, dptePfn, dpteTag } from "../../spec/words.ts";
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
    p.call(on("duplicate", 0, 1, 1));
    p.call({ op: "fork", child: 1, files: "inherit" });
    p.call(on("duplicate", 0, 1, 0), {}, 1);
    expect(pages(p).filter((page) => page === p.view.replicaPage(0)).length).toBe(2);
    p.call(store(0, 9));
    expect(p.view.replicaCount()).toBe(1);
    p.call(store(1, 9));
    expect(p.view.replicaCount()).toBe(0);
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

  it("waits for a notification and for the page lock", () => {
    const { p, task } = begun();
    p.until(task, "duplicate.u2");
    p.call({ op: "fork", child: 1 });
    const pinned = p.begin(store(0, 7), 1);
    p.until(pinned, "invalidate.i1");
    p.step(pinned);
    expect(p.ready(task)).toBe(false);
    p.finish(pinned);
    expect(p.ready(task)).toBe(true);
    p.finish(task);
  });
});
