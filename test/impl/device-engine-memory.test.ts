import { describe, expect, it } from "vitest";
import { setupOf } from "../../check/setup.ts";
import { BUS_ERROR, cpuLoad } from "../../impl/device/memory.ts";
import { makeDpte, setDpte, setPte } from "../../impl/frames.ts";
import { deviceSystem, implSystem } from "../../impl/index.ts";
import { CHOICES, FRAME, PTE, TAG, pteKind, ptePayload } from "../../spec/words.ts";
import { OK, advance, begin, errno, offered, opened, read, settled, submit, take, value, write } from "./engine-drive.ts";
import { stateFault, valueAt } from "./engine-run.ts";

const words = new Int32Array(512);
const FAILED = CHOICES.indexOf("failed");

describe("the copy engine", () => {
  it("copies page by page, each in two steps", () => {
    const r = opened({ pages: 5, capacity: { tlb: 8 } });
    r.d.system.run(0, { op: "device_write", dev: 0, page: 0, npages: 2, value: 6 });
    write(r, 1, 5);
    r.d.system.run(0, { op: "device_write", dev: 0, page: 2, npages: 2, value: 1 });
    r.d.system.run(0, { op: "device_read", dev: 0, page: 0, npages: 2 });
    const ticket = submit(r, { op: "copy", page: 0, to: 2, npages: 2 });
    advance(r, ticket, "fetch", "translate", "copy_first");
    const fill = (page: number): number => r.d.system.view.frameFill(ptePayload(r.h.pt.get(0, page)));
    expect([valueAt(r.h, 0, 2), fill(2)]).toEqual([6, 1]);
    advance(r, ticket, "copy_rest");
    expect([fill(2), r.d.completed(0)]).toEqual([6, null]);
    expect(settled(r)).toEqual({ [ticket]: { status: "ok", cpages: 2 } });
    expect([valueAt(r.h, 0, 3), fill(3)]).toEqual([5, 6]);
  });

  it("may fault as often again for each page", () => {
    const r = opened({ pages: 5, replays_max: 2 });
    const ticket = submit(r, { op: "copy", page: 0, to: 2, npages: 2 });
    expect(settled(r)).toEqual({ [ticket]: { status: "ok", cpages: 2 } });
    const once = opened({ pages: 5, replays_max: 1 });
    submit(once, { op: "copy", page: 0, to: 2, npages: 2 });
    expect(settled(once)).toEqual({ 0: errno("EAGAIN") });
  });

  it("can fail: what was copied before stays", () => {
    const r = opened({ pages: 5, capacity: { tlb: 8 } });
    for (const page of [0, 1]) write(r, page, 5 + page);
    const ticket = submit(r, { op: "copy", page: 0, to: 2, npages: 2 });
    r.d.system.run(0, { op: "device_write", dev: 0, page: 2, npages: 2, value: 1 });
    r.d.system.run(0, { op: "device_read", dev: 0, page: 0, npages: 2 });
    advance(r, ticket, "fetch", "translate", "copy_first", "copy_rest", "translate");
    take(r, `device 0: copy_first (command ${ticket})`, FAILED);
    expect(settled(r)).toEqual({ [ticket]: errno("EIO") });
    expect([valueAt(r.h, 0, 2), valueAt(r.h, 0, 3)]).toEqual([5, 1]);
  });

  it("faults source and target, and holds neither while it waits for the other", () => {
    const r = opened();
    write(r, 0, 5);
    r.d.system.run(0, { op: "device_read", dev: 0, page: 0, npages: 1 });
    const ticket = submit(r, { op: "copy", page: 0, to: 1, npages: 1 });
    advance(r, ticket, "fetch", "translate", "walk");
    expect(r.d.faults(0)).toBe(1);
    r.d.system.run(0, { op: "migrate_to_device", dev: 1, page: 0, npages: 1 });
    expect(settled(r)).toEqual({ [ticket]: { status: "ok", cpages: 1 } });
    expect(read(r, 1)).toEqual(value(5));
  });
});

describe("memory", () => {
  it("of a private device is a bus error for the CPU, never a value", () => {
    const r = opened();
    write(r, 0, 9);
    r.d.system.run(0, { op: "migrate_to_device", dev: 0, page: 0, npages: 1 });
    const pfn = ptePayload(r.h.pt.get(0, 0));
    expect([pteKind(r.h.pt.get(0, 0)), cpuLoad(r.h, pfn)]).toEqual([PTE.device_private, BUS_ERROR]);
    const before = r.h.frame.slice();
    // What no rule ever does: a present entry that leads there.
    setPte(r.h, 0, 0, PTE.present | PTE.write | (pfn << PTE.payload_shift));
    expect([read(r, 0), write(r, 0, 1)]).toEqual([
      { status: "signal", signal: "SIGBUS" },
      { status: "signal", signal: "SIGBUS" },
    ]);
    expect(r.h.frame).toEqual(before);
  });

  it("of a private device is a bus error for another device, and its own for itself", () => {
    const r = opened({ devices: ["private", "private"] });
    write(r, 0, 9);
    r.d.system.run(0, { op: "migrate_to_device", dev: 0, page: 0, npages: 1 });
    const pfn = ptePayload(r.h.pt.get(0, 0));
    setDpte(r.h, 1, 0, makeDpte(pfn, false, TAG.write, false));
    for (const dev of [0, 1]) submit(r, { op: "read", page: 0 }, dev);
    r.d.settle(5000);
    expect([r.d.completed(0)?.ret, r.d.completed(1)?.ret]).toEqual([value(9), errno("EIO")]);
    submit(r, { op: "copy", page: 1, to: 0, npages: 1 }, 1);
    r.d.settle(5000);
    expect(r.d.completed(1)?.ret).toEqual(errno("EIO"));
  });

  it("of a coherent device answers the CPU and other devices", () => {
    const r = opened();
    write(r, 0, 9);
    r.d.system.run(0, { op: "migrate_to_device", dev: 1, page: 0, npages: 1 });
    submit(r, { op: "read", page: 0 }, 0);
    submit(r, { op: "write", page: 0, value: 2 }, 1);
    r.d.settle(5000);
    expect([read(r, 0), r.d.completed(1)?.ret]).toEqual([value(2), OK]);
    expect(r.d.system.view.frameDev(ptePayload(r.h.pt.get(0, 0)))).toBe(1);
  });

  it("is not there behind an entry that names device-private memory by its number (dmirror's defect A)", () => {
    const r = opened({ driver: "dmirror" });
    r.d.system.run(0, { op: "migrate_to_device", dev: 0, page: 0, npages: 1 });
    setDpte(r.h, 0, 0, makeDpte(ptePayload(r.h.pt.get(0, 0)), false, TAG.read, true));
    submit(r, { op: "read", page: 0 });
    expect(settled(r)).toEqual({ 0: errno("EIO") });
  });

  it("that is free is not written through an old entry: that shows, and what is read there nobody can know", () => {
    const r = opened();
    const free = 0;
    setDpte(r.h, 0, 0, makeDpte(free, false, TAG.write, false));
    const before = r.h.frame.slice();
    submit(r, { op: "read", page: 0 });
    submit(r, { op: "atomic_add", page: 1, value: 1 });
    r.d.settle(5000);
    expect([r.d.completed(0)?.ret, r.d.completed(0)?.ret, r.d.system.view.tainted()]).toEqual([OK, value(0), 0]);
    setDpte(r.h, 0, 0, makeDpte(free, false, TAG.atomic, false));
    submit(r, { op: "atomic_add", page: 0, value: 1 });
    r.d.settle(5000);
    expect([r.d.completed(0)?.ret, r.d.system.view.tainted()]).toEqual([OK, 0]);
    submit(r, { op: "write", page: 0, value: 1 });
    r.d.settle(5000);
    expect([r.d.completed(0)?.ret, r.d.system.view.tainted()]).toEqual([OK, 1]);
    expect(r.h.frame.subarray(free, 6)).toEqual(before.subarray(free, 6));
  });

  it.each([
    ["ideal", true],
    ["dmirror-fixed", false],
  ] as const)("that a device wrote is dirty, where the driver says so (%s)", (driver, dirty) => {
    const r = opened({ driver });
    submit(r, { op: "write", page: 0, value: 1 });
    settled(r);
    expect((r.d.system.view.frame(ptePayload(r.h.pt.get(0, 0))) & FRAME.dirty) !== 0).toBe(dirty);
  });

  it("of a device goes home with what the device wrote, when it is removed under running commands", () => {
    const r = opened({ pages: 4 });
    for (const page of [0, 1]) write(r, page, 5);
    r.d.system.run(0, { op: "migrate_to_device", dev: 0, page: 0, npages: 2 });
    for (const page of [0, 1]) submit(r, { op: "write", page, value: 20 + page });
    settled(r);
    for (const page of [0, 1]) submit(r, { op: "atomic_add", page, value: 1 });
    const late = submit(r, { op: "write", page: 0, value: 40 });
    r.d.system.run(0, { op: "migrate_to_device", dev: 0, page: 0, npages: 2 });
    const removal = begin(r, { op: "devmem_release", dev: 0 });
    while (r.d.settle(1) > 0) expect(stateFault(r.h)).toBeNull();
    expect(r.d.system.view.taskLive(removal)).toBe(0);
    expect([settled(r)[late], r.d.system.view.deviceFree(0)]).toEqual([OK, 0]);
    expect([read(r, 0), read(r, 1)]).toEqual([value(40), value(22)]);
  });
});

describe("the state of the devices", () => {
  it("is saved and restored with that of the system, and goes on in the same way", () => {
    const r = opened({ pages: 5 });
    write(r, 0, 3);
    for (const op of ["write", "atomic_add"] as const) submit(r, { op, page: 0, value: 7 });
    submit(r, { op: "copy", page: 0, to: 2, npages: 1 });
    expect(r.d.settle(9)).toBe(9);
    begin(r, { op: "cpu_read", page: 1 });
    submit(r, { op: "read", page: 1 }, 1);
    const fetch = offered(r);
    // Devices go first, and the bound is kept although a task could go on.
    expect([fetch, r.d.settle(1), offered(r)]).toEqual([["device 1: fetch (command 0)"], 1, ["device 1: translate (command 0)"]]);
    const saved = r.d.system.save();
    const first = settled(r);
    const words1 = r.h.words.slice();
    r.d.system.restore(saved);
    expect(r.d.queued(0)).toBe(3);
    expect(settled(r)).toEqual(first);
    expect(r.h.words).toEqual(words1);
    expect(Object.keys(first)).toHaveLength(3);
  });

  it("settles also where every command takes the page from the others", () => {
    const r = opened({ devices: ["private", "private", "coherent"] });
    for (const dev of [0, 1, 2]) for (let n = 0; n < 4; n++) submit(r, { op: "atomic_add", page: 0, value: 1 }, dev);
    for (const dev of [0, 1, 2]) expect(Object.values(settled(r, dev))).toHaveLength(4);
    expect(read(r, 0)).toEqual(value(12));
  });

  it("does not settle one long call before all others", () => {
    const r = opened({ pages: 400 });
    const long = begin(r, { op: "madvise", page: 0, npages: 399, advice: "populate_w" });
    const short = begin(r, { op: "cpu_read", page: 0 });
    r.d.settle(320);
    expect([long, short].map((task) => r.d.system.view.taskLive(task))).toEqual([1, 0]);
    settled(r);
    expect(r.d.system.view.taskLive(long)).toBe(0);
  });

  it("leaves nothing behind when all is done", () => {
    const r = opened();
    submit(r, { op: "copy", page: 0, to: 1, npages: 1 });
    submit(r, { op: "fence" });
    submit(r, { op: "atomic_add", page: 0, value: 1 });
    settled(r);
    expect([r.h.command.every((word) => word === 0), r.h.engine.every((word) => word === 0)]).toEqual([true, true]);
  });

  it("takes no room where no device runs by itself", () => {
    const setup = setupOf({
      core: "linux-6.12",
      driver: "ideal",
      switches: {},
      config: { pages: 2, page_bytes: 4096, devices: [{ kind: "private" }] },
      bounds: {},
    });
    const plain = implSystem(setup);
    expect(deviceSystem(setup, { capacity: { tasks: 4 } }).system.bytes).toBeGreaterThan(plain.bytes);
    expect(implSystem(setup, { commands: 0 }).bytes).toBe(plain.bytes);
    for (const commands of [0, 256, -1, Number.NaN]) expect(() => deviceSystem(setup, { capacity: { commands } })).toThrow(RangeError);
    const d = deviceSystem(setup, { replays_max: 2 });
    expect([d.steps(words), d.settle(10), d.completed(0), d.submit(0, 0, { op: "fence" }).kind]).toEqual([0, 0, null, "refused"]);
    d.system.run(0, { op: "open", dev: 0 });
    for (let n = 0; n < 8; n++) expect(d.submit(0, 0, { op: "fence" }).kind).toBe("queued");
    expect(d.submit(0, 0, { op: "fence" }).kind).toBe("full");
  });
});
