import { describe, expect, it } from "vitest";
import { clearDeviceRange } from "../../impl/device/dpt.ts";
import { walk } from "../../impl/device/tlb.ts";
import { FILE, MM } from "../../impl/layout.ts";
import type { ModelCall } from "../../spec/vocabulary.ts";
import { CHOICES, STEP } from "../../spec/words.ts";
import {
  OK,
  advance,
  begin,
  errno,
  finish,
  offered,
  opened,
  ready,
  settled,
  stepOf,
  submit,
  take,
  until,
  value,
  write,
} from "./engine-drive.ts";
import { stateFault, valueAt } from "./engine-run.ts";

describe("an invalidation", () => {
  it("waits for an access in flight in its range, before it takes the translation back", () => {
    const r = opened();
    write(r, 0, 3);
    submit(r, { op: "read", page: 0 });
    settled(r);
    const ticket = submit(r, { op: "read", page: 0 });
    advance(r, ticket, "fetch", "translate");
    const unmap = begin(r, { op: "munmap", page: 0, npages: 1 });
    until(r, unmap, STEP["invalidate.i2"]);
    // The mirror of device 1 can be told.
    expect(ready(r, unmap).map((word) => CHOICES[word & 255])).toEqual(["1"]);
    advance(r, ticket, "access");
    expect(ready(r, unmap).map((word) => CHOICES[word & 255])).toEqual(["0", "1"]);
    expect(finish(r, unmap)).toEqual(OK);
    expect([r.h.dpt.get(0, 0), settled(r)]).toEqual([0, { [ticket]: value(3) }]);
    submit(r, { op: "read", page: 0 });
    expect(settled(r)).toEqual({ 0: errno("EFAULT") });
  });

  it("waits for no access elsewhere, and none of another file", () => {
    const r = opened();
    for (const dev of [0, 1]) submit(r, { op: "read", page: 1 - dev }, dev);
    settled(r);
    settled(r, 1);
    for (const dev of [0, 1]) {
      submit(r, { op: "read", page: 1 - dev }, dev);
      for (const name of ["fetch", "translate"]) take(r, `device ${dev}: ${name} (command 0)`);
    }
    const unmap = begin(r, { op: "munmap", page: 0, npages: 1 });
    until(r, unmap, STEP["invalidate.i2"]);
    expect(ready(r, unmap).map((word) => CHOICES[word & 255])).toEqual(["0"]);
  });

  it("waits for no access of another process on the same device", () => {
    const r = opened();
    r.d.system.run(0, { op: "fork", child: 1 });
    r.d.system.run(1, { op: "open", dev: 0 });
    for (const actor of [0, 1]) submit(r, { op: "read", page: 0 }, 0, actor);
    settled(r);
    const ticket = submit(r, { op: "read", page: 0 }, 0, 1);
    advance(r, ticket, "fetch", "translate");
    const unmap = begin(r, { op: "munmap", page: 0, npages: 1 });
    until(r, unmap, STEP["invalidate.i2"]);
    expect(ready(r, unmap).map((word) => CHOICES[word & 255])).toEqual(["0", "1"]);
    expect(finish(r, unmap)).toEqual(OK);
    expect(offered(r)).toEqual([`device 0: access (command ${ticket})`]);
  });

  it.each([
    [0, false],
    [1, true],
    [2, false],
    [3, true],
  ])("waits for the two pages that a copy is at, until their last byte (page %i: %s)", (page, waits) => {
    const r = opened({ pages: 5, capacity: { tlb: 8 } });
    const copy = (): number => submit(r, { op: "copy", page: 0, to: 2, npages: 2 });
    copy();
    settled(r);
    const ticket = copy();
    advance(r, ticket, "fetch", "translate", "copy_first", "copy_rest", "translate", "copy_first");
    const unmap = begin(r, { op: "munmap", page, npages: 1 });
    until(r, unmap, STEP["invalidate.i2"]);
    const told = (): string =>
      ready(r, unmap)
        .map((word) => CHOICES[word & 255])
        .join();
    expect(told()).toBe(waits ? "1" : "0,1");
    advance(r, ticket, "copy_rest");
    expect(told()).toBe("0,1");
    expect([finish(r, unmap), settled(r)]).toEqual([OK, { [ticket]: { status: "ok", cpages: 2 } }]);
  });

  it("in the middle of a step brings what is in flight to its end first", () => {
    const r = opened();
    write(r, 0, 3);
    submit(r, { op: "copy", page: 0, to: 1, npages: 1 });
    settled(r);
    write(r, 0, 4);
    submit(r, { op: "read", page: 0 });
    settled(r);
    const copy = submit(r, { op: "copy", page: 0, to: 1, npages: 1 });
    submit(r, { op: "read", page: 0 }, 1);
    advance(r, copy, "fetch", "translate");
    expect(offered(r)).toContain(`device 0: copy_first (command ${copy})`);
    clearDeviceRange(r.h, 0, 0, r.h.pages);
    expect([r.d.completed(0)?.ret, valueAt(r.h, 0, 1)]).toEqual([{ status: "ok", cpages: 1 }, 4]);
    expect(stateFault(r.h)).toBeNull();
  });

  it("flushes the translation cache with the page table", () => {
    const r = opened();
    submit(r, { op: "read", page: 0 });
    settled(r);
    expect(r.h.tlb.some((word) => word !== 0)).toBe(true);
    r.d.system.run(0, { op: "munmap", page: 0, npages: 1 });
    expect(r.h.tlb.every((word) => word === 0)).toBe(true);
  });
});

describe("a mirror that ends", () => {
  it("ends the commands of its file, but waits for an access in flight", () => {
    const r = opened();
    submit(r, { op: "read", page: 0 });
    settled(r);
    const flying = submit(r, { op: "read", page: 0 });
    submit(r, { op: "read", page: 1 });
    submit(r, { op: "read", page: 1 }, 1);
    advance(r, flying, "fetch", "translate");
    advance(r, 1, "fetch", "translate", "walk");
    const close = begin(r, { op: "close", dev: 0 });
    while (ready(r, close).length > 0) r.d.system.take(ready(r, close)[0]!);
    expect([r.d.system.view.taskLive(close), r.d.faults(0)]).toEqual([1, 1]);
    advance(r, flying, "access");
    expect(finish(r, close)).toEqual(OK);
    expect(settled(r)).toEqual({ [flying]: value(0), 1: errno("ENODEV") });
    expect(settled(r, 1)).toEqual({ 0: value(0) });
    expect(r.h.file[FILE.users]).toBe(0);
  });

  it("is kept by the fault that the worker resolves", () => {
    const r = opened();
    submit(r, { op: "read", page: 0 });
    advance(r, 0, "fetch", "translate", "walk");
    take(r, "device 0: resolve");
    const close = begin(r, { op: "close", dev: 0 });
    while (ready(r, close).length > 0) r.d.system.take(ready(r, close)[0]!);
    expect(r.d.system.view.taskLive(close)).toBe(1);
    finish(r, 0);
    expect(finish(r, close)).toEqual(OK);
    expect(settled(r)).toEqual({ 0: errno("ENODEV") });
  });

  it("answers EFAULT where the process is gone and somebody else has kept the file", () => {
    const r = opened();
    r.d.system.run(0, { op: "fork", child: 1 });
    r.d.system.run(1, { op: "open", dev: 0 });
    r.d.system.run(1, { op: "fork", child: 2, files: "inherit" });
    submit(r, { op: "read", page: 0 }, 0, 2);
    submit(r, { op: "atomic_add", page: 0, value: 1 }, 0, 2);
    r.d.system.run(0, { op: "exit", child: 1 });
    expect(r.h.mm[r.h.file[2 * FILE.words + FILE.mm]! * r.h.mmWords + MM.users]).toBe(0);
    expect(settled(r)).toEqual({ 0: errno("EFAULT"), 1: errno("EINVAL") });
  });

  it("shows as a crash where the driver would hang (dmirror, defect D)", () => {
    const r = opened({ driver: "dmirror" });
    r.d.system.run(0, { op: "fork", child: 1 });
    r.d.system.run(1, { op: "open", dev: 0 });
    r.d.system.run(1, { op: "fork", child: 2, files: "inherit" });
    submit(r, { op: "read", page: 0 }, 0, 2);
    r.d.system.run(0, { op: "exit", child: 1 });
    expect(settled(r)[0]?.status).toBe("crash");
  });
});

describe("the driver's own accesses", () => {
  it.each(["device_read", "make_exclusive", "migrate_to_device"] as const)("go through the translation cache (%s)", (op) => {
    const r = opened();
    const call: ModelCall = { op, dev: 0, page: 0, npages: 1 };
    const task = begin(r, call);
    const last = {
      device_read: STEP["device_access.a1"],
      make_exclusive: STEP["make_exclusive.a1"],
      migrate_to_device: STEP["migrate_call.a1"],
    }[op];
    while (r.h.dpt.get(0, 0) === 0 || stepOf(r, task) !== last) r.d.system.take(ready(r, task)[0]!);
    expect(r.h.tlb.every((word) => word === 0)).toBe(true);
    r.d.system.take(ready(r, task)[0]!);
    expect([r.h.tlb[0], r.h.tlb[1]]).toEqual([1, r.h.dpt.get(0, 0)]);
    expect(walk(r.h, 0, 2)).toBe(0);
  });
});
