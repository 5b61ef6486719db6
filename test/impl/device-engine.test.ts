import { describe, expect, it } from "vitest";
import type { DeviceCommand } from "../../impl/index.ts";
import { COMMAND } from "../../impl/layout.ts";
import type { Ret } from "../../spec/vocabulary.ts";
import { PTE, STEP, pteKind } from "../../spec/words.ts";
import { OK, advance, begin, errno, finish, offered, opened, read, settled, submit, take, until, value, write } from "./engine-drive.ts";

describe("commands of a device", () => {
  it("fault what they miss, and are replayed", () => {
    const r = opened();
    write(r, 0, 7);
    const ticket = submit(r, { op: "read", page: 0 });
    advance(r, ticket, "fetch", "translate", "walk");
    expect([r.d.faults(0), offered(r)]).toEqual([1, ["device 0: resolve"]]);
    take(r, "device 0: resolve");
    expect([r.d.faults(0), offered(r)]).toEqual([0, []]);
    expect(finish(r, 0)).toEqual(OK);
    advance(r, ticket, "translate", "walk", "access");
    expect(r.d.completed(0)).toEqual({ ticket, op: "read", ret: value(7) });
    expect([r.d.completed(0), r.d.queued(0)]).toEqual([null, 0]);
    advance(r, submit(r, { op: "read", page: 0 }), "fetch", "translate", "access");
    expect(settled(r)).toEqual({ 0: value(7) });
  });

  it("write and add to the first byte of a page, which the CPU then reads", () => {
    const r = opened();
    write(r, 0, 250);
    const tickets = [
      submit(r, { op: "atomic_add", page: 0, value: 10 }),
      submit(r, { op: "read", page: 0 }),
      submit(r, { op: "write", page: 1, value: 9 }),
    ];
    expect(settled(r)).toEqual({ [tickets[0]!]: value(250), [tickets[1]!]: value(4), [tickets[2]!]: OK });
    expect([read(r, 0), read(r, 1)]).toEqual([value(4), value(9)]);
  });

  it("write and read through an exclusive grant, which an atomic has got", () => {
    const r = opened();
    submit(r, { op: "atomic_add", page: 0, value: 1 });
    settled(r);
    expect(pteKind(r.h.pt.get(0, 0))).toBe(PTE.device_exclusive);
    submit(r, { op: "write", page: 0, value: 5 });
    expect(settled(r)).toEqual({ 0: OK });
    expect(pteKind(r.h.pt.get(0, 0))).toBe(PTE.device_exclusive);
  });

  it("fault again for an atomic on a page that they may only write", () => {
    const r = opened();
    submit(r, { op: "write", page: 0, value: 5 });
    settled(r);
    const ticket = submit(r, { op: "atomic_add", page: 0, value: 1 });
    advance(r, ticket, "fetch", "translate", "walk");
    expect(r.d.faults(0)).toBe(1);
    expect(settled(r)).toEqual({ [ticket]: value(5) });
  });

  it("end with the error of their fault", () => {
    const r = opened();
    const none = r.h.pages - 1;
    r.d.system.run(0, { op: "mprotect", page: 1, npages: 1, prot: "r" });
    const commands: DeviceCommand[] = [
      { op: "read", page: none },
      { op: "write", page: 1, value: 1 },
      { op: "atomic_add", page: 1, value: 1 },
      { op: "read", page: 1 },
    ];
    commands.forEach((command) => submit(r, command));
    expect(settled(r)).toEqual({ 0: errno("EFAULT"), 1: errno("EPERM"), 2: errno("EBUSY"), 3: value(0) });
  });

  it("end with EOPNOTSUPP for atomics of a core that has none", () => {
    const r = opened({ core: "v14", devices: ["private"] });
    submit(r, { op: "atomic_add", page: 0, value: 1 });
    expect(settled(r)).toEqual({ 0: errno("EOPNOTSUPP") });
  });

  it("are refused with a reason, or for want of room", () => {
    const r = opened();
    const why = (command: DeviceCommand, dev = 0, actor = 0): string => JSON.stringify(r.d.submit(actor, dev, command));
    expect(why({ op: "read", page: 3 })).toContain("read leaves the window of 3 pages");
    expect(why({ op: "read", page: -1 })).toContain("leaves the window");
    expect(why({ op: "read", page: 0.5 })).toContain("leaves the window");
    expect(why({ op: "copy", page: 0, to: 2, npages: 2 })).toContain("copy leaves the window");
    expect(why({ op: "copy", page: 2, to: 0, npages: 2 })).toContain("copy leaves the window");
    expect(why({ op: "copy", page: 0, to: 1, npages: 0 })).toContain("leaves the window");
    expect(why({ op: "copy", page: 0, to: 1, npages: 2 })).toContain("ranges that overlap");
    expect(why({ op: "write", page: 0, value: 256 })).toContain("write has a value that is no byte");
    expect(why({ op: "atomic_add", page: 0, value: -1 })).toContain("no byte");
    expect(why({ op: "fence" }, 0, 1)).toContain("actor 1 has not opened device 0");
    expect(why({ op: "fence" }, 2)).toContain("actor 0 has not opened device 2");
    expect(r.d.queued(0)).toBe(0);
    for (let n = 0; n < 4; n++) submit(r, { op: "read", page: 0 });
    expect([r.d.submit(0, 0, { op: "fence" }), r.d.queued(0)]).toEqual([{ kind: "full" }, 4]);
    expect(r.d.submit(0, 1, { op: "fence" }).kind).toBe("queued");
    r.d.settle(5000);
    expect(r.d.submit(0, 0, { op: "fence" })).toEqual({ kind: "full" });
    expect(r.d.completed(0)?.ticket).toBe(0);
    expect(r.d.submit(0, 0, { op: "fence" })).toEqual({ kind: "queued", ticket: 0 });
  });
});

describe("the order of commands", () => {
  it("is kept on one page, and not between pages", () => {
    const r = opened();
    submit(r, { op: "write", page: 0, value: 1 });
    submit(r, { op: "read", page: 0 });
    submit(r, { op: "read", page: 1 });
    expect(offered(r)).toEqual(["device 0: fetch (command 0)", "device 0: fetch (command 2)"]);
    expect(settled(r)).toEqual({ 0: OK, 1: value(1), 2: value(0) });
  });

  it("is no matter between processes", () => {
    const r = opened();
    r.d.system.run(0, { op: "fork", child: 1 });
    r.d.system.run(1, { op: "open", dev: 0 });
    for (const actor of [0, 1]) submit(r, { op: "write", page: 0, value: 1 + actor }, 0, actor);
    submit(r, { op: "fence" }, 0, 1);
    expect(offered(r)).toEqual(["device 0: fetch (command 0)", "device 0: fetch (command 1)"]);
    settled(r);
    expect([read(r, 0), r.d.system.run(1, { op: "cpu_read", page: 0 })]).toEqual([value(1), value(2)]);
  });

  it("is that of submission, not of rows that were used before", () => {
    const r = opened();
    for (const command of [{ op: "read", page: 0 }, { op: "fence" }, { op: "write", page: 0, value: 1 }] as const) submit(r, command);
    settled(r);
    for (const v of [1, 2]) submit(r, { op: "write", page: 0, value: v });
    settled(r);
    submit(r, { op: "read", page: 1 });
    submit(r, { op: "write", page: 0, value: 3 });
    advance(r, 0, "fetch", "translate", "walk");
    r.d.settle(5000);
    expect(r.d.completed(0)?.ticket).toBe(0);
    submit(r, { op: "write", page: 0, value: 4 });
    submit(r, { op: "read", page: 0 });
    expect(settled(r)[2]).toEqual(value(4));
  });

  it("is kept around a fence, by the commands of one file", () => {
    const r = opened();
    submit(r, { op: "read", page: 0 });
    const fence = submit(r, { op: "fence" });
    const behind = submit(r, { op: "read", page: 1 });
    submit(r, { op: "read", page: 0 }, 1);
    expect(offered(r)).toEqual(["device 0: fetch (command 0)", "device 1: fetch (command 0)"]);
    advance(r, 0, "fetch", "translate", "walk");
    take(r, "device 0: resolve");
    finish(r, 0);
    advance(r, 0, "translate", "walk", "access");
    expect(offered(r)).toEqual(["device 0: fetch (command 1)", "device 1: fetch (command 0)"]);
    advance(r, fence, "fetch");
    advance(r, behind, "fetch");
    r.d.completed(0);
    expect(r.d.completed(0)).toEqual({ ticket: fence, op: "fence", ret: OK });
  });

  it("holds a copy back from what writes its source or reads its target", () => {
    const r = opened({ pages: 5 });
    submit(r, { op: "write", page: 1, value: 8 });
    submit(r, { op: "copy", page: 0, to: 2, npages: 2 });
    submit(r, { op: "read", page: 3 });
    expect(offered(r)).toEqual(["device 0: fetch (command 0)"]);
    expect(settled(r)).toEqual({ 0: OK, 1: { status: "ok", cpages: 2 }, 2: value(8) });
  });
});

describe("the fault queue", () => {
  it("is bounded: a walk waits for room, and goes on without when the entry has come", () => {
    const r = opened({ pages: 5, capacity: { faults: 1 } });
    submit(r, { op: "read", page: 0 });
    submit(r, { op: "read", page: 1 });
    for (const ticket of [0, 1]) advance(r, ticket, "fetch", "translate");
    advance(r, 0, "walk");
    expect(offered(r)).toEqual(["device 0: resolve"]);
    r.d.system.run(0, { op: "device_read", dev: 0, page: 1, npages: 1 });
    expect(offered(r)).toEqual(["device 0: walk (command 1)", "device 0: resolve"]);
    expect(settled(r)).toEqual({ 0: value(0), 1: value(0) });
  });

  it("is resolved in the order of the faults, one at a time", () => {
    const r = opened({ pages: 5 });
    for (const page of [2, 1]) submit(r, { op: "write", page, value: 1 });
    advance(r, 1, "fetch", "translate", "walk");
    advance(r, 0, "fetch", "translate", "walk");
    take(r, "device 0: resolve");
    expect([r.d.system.view.taskStep(0, 0), r.d.system.view.taskLocal(0, 0, 1)]).toEqual([STEP["dmirror_fault.get"], 1]);
    expect([offered(r), r.d.faults(0)]).toEqual([[], 1]);
    finish(r, 0);
    expect(offered(r)).toContain("device 0: resolve");
  });

  it("waits where all tasks are in use", () => {
    const r = opened({ capacity: { tasks: 1 } });
    submit(r, { op: "read", page: 0 });
    advance(r, 0, "fetch", "translate", "walk");
    const task = begin(r, { op: "cpu_read", page: 0 });
    expect(offered(r)).toEqual([]);
    finish(r, task);
    expect(offered(r)).toEqual(["device 0: resolve"]);
  });

  it("replays a command for ever, in steps, or as often as it may", () => {
    const contest = (replays_max: number): { faults: number; ret: Ret | null } => {
      const r = opened({ replays_max });
      const ticket = submit(r, { op: "atomic_add", page: 0, value: 1 });
      advance(r, ticket, "fetch");
      for (let round = 0; round < 20 && r.d.queued(0) > 0; round++) {
        advance(r, ticket, "translate", "walk");
        take(r, "device 0: resolve");
        finish(r, 0);
        read(r, 0);
        const done = r.d.completed(0);
        if (done !== null) return { faults: round + 1, ret: done.ret };
      }
      // Who counts for ever never comes back to a state.
      expect(r.h.command[COMMAND.replays]).toBe(0);
      return { faults: 20, ret: null };
    };
    expect(contest(0)).toEqual({ faults: 20, ret: null });
    expect(contest(3)).toEqual({ faults: 4, ret: errno("EAGAIN") });
  });

  it("replays an atomic whose grant was taken back before the driver could look", () => {
    const r = opened();
    const ticket = submit(r, { op: "atomic_add", page: 0, value: 1 });
    advance(r, ticket, "fetch", "translate", "walk");
    take(r, "device 0: resolve");
    until(r, 0, STEP["make_exclusive.read"]);
    read(r, 0);
    expect(finish(r, 0)).toEqual(errno("ENOENT"));
    expect(offered(r)).toEqual([`device 0: translate (command ${ticket})`]);
    expect(settled(r)).toEqual({ [ticket]: value(0) });
  });
});
