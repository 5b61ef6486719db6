/** Adding and removing device memory, in lockstep with the model: what is refused, where ranges lie, and what removal waits for. */
import { describe, expect, it } from "vitest";
import type { DevmemFlag, DevmemPart, ModelCall } from "../../spec/vocabulary.ts";
import { CHUNK, FRAME, PTE } from "../../spec/words.ts";
import { mapped, on, pair, store } from "./device-support.ts";
import type { Pair } from "./device-support.ts";

const PRIVATE: readonly DevmemFlag[] = ["device", "allow_migrate", "unaddressable"];
const COHERENT: readonly DevmemFlag[] = ["device", "allow_migrate"];

const add = (dev: number, npages: number, flags: readonly DevmemFlag[] = PRIVATE, more: object = {}): ModelCall => ({
  op: "devmem_add",
  dev,
  npages,
  flags,
  ...more,
});
const remove = (chunk: number, dev = 0): ModelCall => ({ op: "devmem_remove", dev, chunk });

/** Short answers: the value, `ok`, or the name of the error. */
function answer(p: Pair, call: ModelCall, choices = {}): number | string {
  const ret = p.call(call, choices);
  if (ret.status === "ok") return ret.value ?? "ok";
  return ret.status === "errno" ? ret.errno : ret.status;
}

describe("what devmem_add refuses", () => {
  it("memory that does not fit the device, and flags that the architecture does not know", () => {
    const p = pair({ devices: ["private", "coherent"], bounds: { deviceFrames: 0 } });
    for (const flags of [[], ["device"], ["device", "unaddressable"], ["allow_migrate", "unaddressable"], COHERENT, PRIVATE] as const)
      for (const dev of [0, 1, 2]) answer(p, add(dev, 1, flags));
    expect(answer(p, add(0, 1, COHERENT))).toBe("EINVAL");
    expect(answer(p, add(1, 1, PRIVATE))).toBe("EINVAL");
    expect(answer(p, add(2, 1))).toBe("ENODEV");
    expect(answer(p, add(0, 0))).toBe("EINVAL");
    expect(answer(pair({ bounds: { archFlags: ["device", "allow_migrate"] } }), add(0, 1))).toBe("EINVAL");
    expect(answer(pair({ core: "v14", devices: ["coherent"] }), add(0, 1, COHERENT))).toBe("ENODEV");
  });

  it.each(["v14", "linux-6.1"] as const)("memory that the driver has left a part out of: %s", (core) => {
    const p = pair({ core, devices: core === "v14" ? ["private", "private"] : ["private", "coherent"] });
    const asked = (lacks: readonly DevmemPart[], dev: number, flags = PRIVATE): number | string => answer(p, add(dev, 1, flags, { lacks }));
    const owned = core === "v14" ? 1 : "EINVAL";
    expect(asked(["owner"], 0)).toBe(owned);
    expect(asked(["page_free"], 0)).toBe("EINVAL");
    expect(asked(["migrate_to_ram"], 0)).toBe("EINVAL");
    expect(asked(["page_free", "owner"], 0)).toBe("EINVAL");
    if (core === "linux-6.1") expect(asked(["migrate_to_ram"], 1, COHERENT)).toBe(1);
  });
});

describe("where ranges lie", () => {
  it("from the top downwards, in whole sections, until there is no room", () => {
    const p = pair({ bounds: { deviceFrames: 2, physicalPages: 8, sectionPages: 2 } });
    const at = (npages: number): unknown => {
      const ret = p.call(add(0, npages));
      return ret.status === "ok" ? ret.data : ret;
    };
    expect(at(1)).toEqual([8, 10]);
    expect(at(3)).toEqual([2, 6]);
    expect(at(2)).toEqual([6, 8]);
    expect(at(1)).toEqual({ status: "errno", errno: "ERANGE" });
    expect(p.view.chunkCount(0)).toBe(4);
    expect(answer(p, remove(1))).toBe("ok");
    expect([p.view.chunkCount(0), p.view.chunkState(0, 1)]).toEqual([4, CHUNK.gone]);
    expect(at(2)).toEqual([8, 10]);
    expect(answer(p, remove(2))).toBe("ok");
    expect(answer(p, remove(3))).toBe("ok");
    expect(p.view.chunkCount(0)).toBe(2);
  });

  it("under the lowest number that is free", () => {
    const p = pair();
    expect([answer(p, add(0, 1)), answer(p, remove(0)), answer(p, add(0, 1)), answer(p, add(0, 1))]).toEqual([1, "ok", 0, 2]);
  });

  it("nowhere, if the frames cannot be made", () => {
    const p = pair();
    expect(answer(p, add(0, 2), { "devmem_add.online": "no-memory" })).toBe("ENOMEM");
    expect([p.view.chunkCount(0), p.view.deviceFree(0)]).toEqual([1, 4]);
    expect(answer(p, add(0, 2))).toBe(1);
  });

  it("a range that is only reserved is not there to be removed", () => {
    const p = pair();
    const task = p.begin(add(0, 2));
    p.until(task, "devmem_add.online");
    expect(answer(p, remove(1))).toBe("ENOENT");
    expect(answer(p, remove(7))).toBe("ENOENT");
    expect(answer(p, remove(-1))).toBe("ENOENT");
    expect(answer(p, remove(0, 3))).toBe("ENODEV");
    expect(p.finish(task)).toMatchObject({ value: 1 });
  });
});

describe("removal", () => {
  it("takes the free frames off the list, brings the pages home and forgets the range", () => {
    const p = pair({ bounds: { deviceFrames: 2 } });
    answer(p, add(0, 2));
    p.call(mapped(0, 3));
    for (const page of [0, 1, 2]) p.call(store(page, page + 1));
    p.call(on("migrate_to_device", 0, 3));
    expect(p.view.deviceFree(0)).toBe(1);
    expect(answer(p, remove(1))).toBe("ok");
    expect([p.view.deviceFree(0), p.view.chunkCount(0)]).toEqual([1, 1]);
    expect(p.view.frame(5) & FRAME.kind_mask).toBe(FRAME.absent);
    expect([0, 1, 2].map((page) => p.call({ op: "cpu_read", page }))).toEqual([1, 2, 3].map((value) => ({ status: "ok", value })));
    expect(answer(p, { op: "devmem_release", dev: 0 })).toBe("ok");
    expect([p.view.deviceFree(0), p.view.chunkCount(0)]).toEqual([0, 0]);
  });

  it("leaves the frames of other ranges on the list in their order", () => {
    const p = pair({ bounds: { deviceFrames: 1 } });
    answer(p, add(0, 1));
    p.call(mapped(0, 2));
    for (const page of [0, 1]) p.call(store(page, page + 1));
    p.call(on("migrate_to_device", 0, 2));
    for (const page of [0, 1]) p.call({ op: "cpu_read", page });
    // The frame of the range that goes is behind the one that stays.
    expect([p.view.deviceFreeAt(0, 1), p.view.deviceFreeAt(0, 0)]).toEqual([0, 4]);
    answer(p, remove(1));
    expect([p.view.deviceFree(0), p.view.deviceFreeAt(0, 0)]).toEqual([1, 0]);
    expect(p.call(on("migrate_to_device", 0, 2))).toMatchObject({ cpages: 1 });
  });

  it("waits for a page that somebody else holds, and makes another pass where the driver does that", () => {
    for (const driver of ["ideal", "dmirror"] as const) {
      // A page in system memory lies right behind the range.
      const p = pair({ driver, bounds: { deviceFrames: 1, physicalPages: 0 } });
      p.call(mapped(0, 2));
      for (const page of [1, 0]) p.call(store(page, 5));
      p.call(on("migrate_to_device", 0));
      p.act({ type: "get", pfn: 0 });
      const task = p.begin(remove(0));
      p.until(task, "remove_chunk.e7");
      expect(p.ready(task)).toBe(false);
      p.act({ type: "put", pfn: 0 });
      expect(p.ready(task)).toBe(driver === "ideal");
      expect(p.view.pte(0, 1) >>> PTE.payload_shift).toBe(1);
      p.call({ op: "munmap", page: 0, npages: 1 });
      expect(p.finish(task)).toEqual({ status: "ok" });
    }
  });

  it("under v14 waits until the pages are gone by themselves", () => {
    const p = pair({ core: "v14", bounds: { deviceFrames: 1 } });
    p.call(mapped(0, 1));
    p.call(store(0, 5));
    p.call(on("migrate_to_device", 0));
    const task = p.begin(remove(0));
    p.until(task, "remove_chunk.e7");
    expect(p.ready(task)).toBe(false);
    p.call({ op: "cpu_read", page: 0 });
    expect(p.finish(task)).toEqual({ status: "ok" });
  });
});

describe("dummy devices", () => {
  const put = (minor: number): ModelCall => ({ op: "hmm_device_put", minor });

  it("are there under v14 only", () => {
    expect(answer(pair(), { op: "hmm_device_new" })).toBe("EOPNOTSUPP");
    expect(answer(pair(), put(0))).toBe("ENODEV");
  });

  it("are 256 at most, and the lowest number is used again", { timeout: 60_000 }, () => {
    const p = pair({ core: "v14", pages: 1 });
    const made = Array.from({ length: 256 }, () => answer(p, { op: "hmm_device_new" }));
    expect(made).toEqual(Array.from({ length: 256 }, (_, minor) => minor));
    expect(answer(p, { op: "hmm_device_new" })).toBe("EBUSY");
    expect(answer(p, put(256))).toBe("ENODEV");
    expect([answer(p, put(255)), answer(p, put(17)), answer(p, put(17))]).toEqual(["ok", "ok", "ENODEV"]);
    expect([answer(p, { op: "hmm_device_new" }), answer(p, { op: "hmm_device_new" })]).toEqual([17, 255]);
  });

  it("take the memory that they host with them, and host none any more once given back", () => {
    const p = pair({ core: "v14", devices: ["private", "private"], bounds: { deviceFrames: 1, physicalPages: 6 } });
    expect(answer(p, add(0, 1, PRIVATE, { minor: 0 }))).toBe("ENODEV");
    answer(p, { op: "hmm_device_new" });
    answer(p, { op: "hmm_device_new" });
    for (const [dev, minor] of [
      [0, 0],
      [1, 0],
      [0, 0],
      [0, 1],
    ] as const)
      answer(p, add(dev, 1, PRIVATE, { minor }));
    expect(p.view.chunkMinor(0, 3)).toBe(1);
    const task = p.begin(put(0));
    p.until(task, "remove_chunk.e1");
    expect(answer(p, add(0, 1, PRIVATE, { minor: 0 }))).toBe("ENODEV");
    expect(answer(p, put(0))).toBe("ENODEV");
    expect(p.finish(task)).toEqual({ status: "ok" });
    expect([p.view.chunkCount(0), p.view.chunkCount(1), p.view.dummy(0), p.view.dummy(1)]).toEqual([4, 1, 0, 1]);
  });

  it("may host the first range of a device", () => {
    const p = pair({ core: "v14", bounds: { deviceFrames: 0 } });
    answer(p, { op: "hmm_device_new" });
    expect(answer(p, add(0, 1, PRIVATE, { minor: 0 }))).toBe(0);
    expect(answer(p, put(0))).toBe("ok");
    expect(p.view.chunkCount(0)).toBe(0);
  });

  it.each([0, 1])("wait for a removal of theirs that is in progress, behind %s other ranges", (others) => {
    const p = pair({ core: "v14", bounds: { deviceFrames: others } });
    answer(p, { op: "hmm_device_new" });
    answer(p, add(0, 1, PRIVATE, { minor: 0 }));
    const removal = p.begin(remove(others));
    p.until(removal, "remove_chunk.e8");
    const task = p.begin(put(0));
    p.until(task, "hmm_device_put.remove");
    expect(p.ready(task)).toBe(false);
    p.finish(removal);
    expect(p.finish(task)).toEqual({ status: "ok" });
  });
});
