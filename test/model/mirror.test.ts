import { describe, expect, it } from "vitest";
import type { ModelCall } from "../../spec/vocabulary.ts";
import { ALL, eachProfile, fileOf, LINUX, mirrors, mmOf, table, V14 } from "./mirror-support.ts";
import { calls, show, system, threads } from "./support.ts";
import type { System } from "./support.ts";

/** A file of actor 1 that actor 2 has inherited; then actor 1 ends. */
function orphan(s: System): void {
  s.mmap(0, 4);
  s.fork(1);
  s.as(1).open(0);
  s.as(1).fork(2, "inherit");
  s.exit(1);
}

const register = (dev: number, without?: "mm" | "mirror" | "ops"): ModelCall => ({
  op: "hmm_mirror_register",
  dev,
  ...(without && { without }),
});

eachProfile(ALL, (profile) => {
  const { core } = profile;

  it("[MIR-1] opening a device makes a mirror with an empty table, which every notification from then on reaches", () => {
    const s = system(profile);
    s.mmap(0, 4);
    s.write(1, 7);
    expect(s.state.files).toEqual([]);
    expect(s.open(0)).toBe("ok");
    expect(mirrors(s)).toHaveLength(1);
    expect(table(s, 0)).toBe("----");
    s.devRead(0, 1);
    expect(table(s, 0)).toBe("-w--");
    const t = threads(s);
    const task = t.start(0, calls.madvise(1, 1, "dontneed"));
    t.until(task, "invalidate.i1");
    t.step(task);
    expect(t.at(task)).toBe("invalidate.i2");
    t.step(task);
    expect(table(s, 0)).toBe("----");
    t.finish(task);
  });

  it("[MIR-1] a second open begins with an empty table again", () => {
    const s = system(profile);
    s.mmap(0, 4);
    s.devWrite(0, 0, 4, 1);
    expect(table(s, 0)).toBe("wwww");
    s.open(0);
    expect(table(s, 0)).toBe("----");
    expect(mirrors(s)).toHaveLength(1);
  });

  it("[MIR-2] two devices that mirror one address space have a table each, and each gets its own callback", () => {
    const s = system(profile);
    s.mmap(0, 4);
    s.write(0, 7);
    s.devRead(0, 0);
    expect([table(s, 0), (s.open(1), table(s, 1))]).toEqual(["w---", "----"]);
    s.devRead(1, 0);
    const t = threads(s);
    const task = t.start(0, calls.madvise(0, 1, "dontneed"));
    t.until(task, "invalidate.i2");
    expect(t.choices(task)).toHaveLength(2);
    t.step(task, `${s.state.actors[0]?.files[1]}`);
    expect([table(s, 0), table(s, 1)]).toEqual(["w---", "----"]);
    t.step(task);
    expect([table(s, 0), table(s, 1)]).toEqual(["----", "----"]);
    t.finish(task);
  });

  it("[MIR-2] two open files of one device that mirror one address space have a table each, and each gets its own callback", () => {
    const s = system(profile);
    s.mmap(0, 4);
    s.write(0, 7);
    s.devRead(0, 0);
    s.fork(1, "inherit");
    s.write(0, 8);
    s.as(1).devRead(0, 0);
    s.open(0);
    expect(mirrors(s, 0, 0)).toHaveLength(2);
    expect([table(s, 0, 0), table(s, 0, 1)]).toEqual(["----", "w---"]);
    s.devRead(0, 0);
    const t = threads(s);
    const task = t.start(0, calls.madvise(0, 1, "dontneed"));
    t.until(task, "invalidate.i2");
    expect(t.choices(task)).toHaveLength(2);
    t.finish(task);
    expect([table(s, 0, 0), table(s, 0, 1)]).toEqual(["----", "----"]);
  });

  it("[MIR-4] the address space of a child begins without mirrors", () => {
    const s = system(profile);
    s.mmap(0, 4);
    s.write(0, 7);
    s.devRead(0, 0);
    s.fork(1);
    expect(s.state.actors[1]?.files).toEqual([null, null]);
    expect(mirrors(s, 1)).toEqual([]);
    expect(mmOf(s, 1).hmm).toBe(false);
    s.fork(2, "inherit");
    expect(mirrors(s, 2)).toEqual([]);
    expect(fileOf(s, 0, 2)).toBe(fileOf(s, 0));
  });

  it("[MIR-5] an inherited file mirrors the address space of who opened it, and answers whoever asks", () => {
    const s = system(profile);
    s.mmap(0, 4);
    s.write(0, 7);
    s.open(0);
    s.fork(1, "inherit");
    s.as(1).write(0, 9);
    s.as(1).munmap(1, 1);
    expect(s.as(1).devRead(0, 0)).toEqual([7]);
    expect(s.as(1).snap(0, 0, 2)).toBe(s.snap(0, 0, 2));
    expect(s.as(1).devWrite(0, 1, 1, 5)).toBe("ok");
    expect([s.read(1), s.as(1).read(1), s.as(1).read(0)]).toEqual([5, "SIGSEGV", 9]);
    s.as(1).open(0);
    expect(s.as(1).devRead(0, 0)).toEqual([9]);
    expect(s.as(1).devRead(0, 1)).toBe("EFAULT");
  });

  it("[MIR-7] close waits for a running callback, and none runs after it has returned", () => {
    const s = system(profile);
    s.mmap(0, 4);
    s.devWrite(0, 0, 4, 1);
    const t = threads(s);
    const zap = t.start(0, calls.madvise(0, 2, "dontneed"));
    t.until(zap, "invalidate.i2");
    const close = t.start(0, calls.close(0));
    expect(t.drive(close)).toBe("waits");
    expect(t.at(close)).toBe("release.evict");
    t.step(zap);
    expect(t.blocked(close)).toBe(true);
    t.finish(zap);
    expect(t.finish(close)).toEqual({ status: "ok" });
    expect(mirrors(s)).toEqual([]);
    const next = t.start(0, calls.madvise(0, 2, "dontneed"));
    t.until(next, "invalidate.i1");
    t.step(next);
    expect(t.at(next)).toBe("madvise.page");
    t.finish(next);
  });

  it("[MIR-7] close waits for nobody where no notification is active", () => {
    const s = system(profile);
    s.mmap(0, 4);
    s.devWrite(0, 0, 4, 1);
    const t = threads(s);
    expect(t.drive(t.start(0, calls.close(0)))).toBe("ended");
  });

  it("[MIR-8] the end of an address space empties the tables of all its mirrors before a page is freed, and the files close after it", () => {
    const s = system(profile);
    s.mmap(0, 4);
    s.fork(1);
    for (const dev of [0, 1]) s.as(1).devWrite(dev, 0, 4, 1);
    s.notices();
    const t = threads(s);
    const exit = t.start(0, calls.exit(1));
    t.until(exit, "exit_mmap.zap");
    expect([table(s, 0, 1), table(s, 1, 1)]).toEqual(["----", "----"]);
    expect(s.entries(0, 4, 1)).toEqual(Array.from({ length: 4 }, () => "present rw dirty"));
    expect(s.state.frames.filter((f) => f.free)).toEqual([]);
    expect(mirrors(s, 1).map((f) => f.users)).toEqual([1, 1]);
    t.until(exit, "exit.exit_files");
    expect(mmOf(s, 1).ptes.every((pte) => pte.kind === "none")).toBe(true);
    expect(mirrors(s, 1).map((f) => f.users)).toEqual([1, 1]);
    expect(t.finish(exit)).toEqual({ status: "ok" });
    expect(s.state.files.map((f) => [f.users, f.interval])).toEqual([
      [0, "none"],
      [0, "none"],
    ]);
    expect(s.notices()[0]).toBe(core === "v14" ? "1:UNMAP 0-4" : "1:RELEASE 0-4");
  });

  it("[MIR-8] the table of an inherited file stays empty when the address space behind it has ended", () => {
    const s = system({ ...profile, switches: { goneMirrorFault: "EFAULT" } });
    orphan(s);
    s.notices();
    expect(s.nothing(() => s.as(2).devRead(0, 0))).toBe("EFAULT");
    expect(s.nothing(() => s.as(2).devWrite(0, 0, 1, 1))).toBe("EFAULT");
    expect(table(s, 0, 2)).toBe("----");
  });

  it("[MIR-8] a snapshot in flight keeps the address space until it has ended", () => {
    const s = system(profile);
    s.mmap(0, 4);
    s.fork(1);
    s.as(1).write(0, 7);
    s.as(1).open(0);
    s.as(1).fork(2, "inherit");
    const t = threads(s);
    const snapshot = t.start(2, calls.snap(0, 0, 1));
    t.until(snapshot, "hmm_range_fault.d5");
    // The address space outlives its actor, so it is looked up by itself.
    const mm = s.state.actors[1]?.mm ?? -1;
    const entry = (): string => {
      const pte = s.state.mms[mm]?.ptes[0];
      return pte ? show(pte) : "no address space";
    };
    t.finish(t.start(0, calls.exit(1)));
    expect([s.state.actors[1]?.alive ?? false, entry()]).toEqual([false, "present r dirty"]);
    expect(t.finish(snapshot)).toEqual({ status: "ok", cpages: 1, entries: ["01"] });
    expect(entry()).toBe("none");
  });

  it("[MIR-9] a mirror lives as long as one of the actors that have its file open", () => {
    const s = system(profile);
    s.open(0);
    s.fork(1, "inherit");
    s.close(0);
    expect(mirrors(s)).toHaveLength(1);
    expect(s.as(1).snap(0, 0)).not.toBe("");
    s.as(1).fork(2, "inherit");
    s.as(1).close(0);
    expect(mirrors(s)).toHaveLength(1);
    s.exit(2);
    expect(mirrors(s)).toEqual([]);
  });

  it("[MIR-9] a mirror lives as long as a mapping of its file, in any process", () => {
    const s = system(profile);
    s.mmap(0, 2, "rw", "device");
    s.close(0);
    expect(mirrors(s)).toHaveLength(1);
    s.fork(1);
    s.munmap(0, 1);
    s.munmap(1, 1);
    expect(mirrors(s)).toHaveLength(1);
    s.as(1).munmap(0, 2);
    expect(mirrors(s)).toEqual([]);
  });

  it.each([
    ["mremap", calls.mremap(2, 1, 0)],
    ["mmap", calls.mmap(0, 1)],
  ])("[MIR-9] a mirror ends when %s replaces the last mapping of its file", (_name, call) => {
    const s = system(profile);
    s.mmap(0, 1, "rw", "device");
    s.mmap(2, 1);
    s.close(0);
    expect(mirrors(s)).toHaveLength(1);
    s.call(0, call);
    expect(mirrors(s)).toEqual([]);
  });

  it("[MIR-9] a mirror lives until the last call in flight through its file has ended", () => {
    const s = system(profile);
    s.mmap(0, 4);
    s.open(0);
    const t = threads(s);
    const read = t.start(0, calls.devRead(0, 0));
    t.until(read, "dmirror_fault.get");
    const close = t.start(0, calls.close(0));
    expect(t.drive(close)).toBe("waits");
    expect(mirrors(s)).toHaveLength(1);
    expect(t.finish(read)).toMatchObject({ status: "ok", data: [0] });
    expect(t.finish(close)).toEqual({ status: "ok" });
    expect(mirrors(s)).toEqual([]);
  });

  it.each<[string, ModelCall]>([
    ["open", calls.open(2)],
    ["device_read", calls.devRead(2, 0)],
    ["device_write", calls.devWrite(2, 0, 1, 1)],
    ["migrate_to_device", calls.toDevice(2, 0)],
    ["migrate_to_system", calls.toSystem(2, 0)],
    ["snapshot", calls.snap(2, 0)],
    ["make_exclusive", calls.exclusive(2, 0)],
    ["check_exclusive", calls.check(2, 0)],
  ])("[MIR-10] %s of a device that is not there answers ENOENT and changes nothing", (_name, call) => {
    const s = system(profile);
    s.mmap(0, 1);
    s.open(1);
    expect(s.nothing(() => s.call(0, call))).toEqual({ status: "errno", errno: "ENOENT" });
  });

  it.each<[string, ModelCall]>([
    ["snapshot", calls.snap(0, 0)],
    ["migrate_to_device", calls.toDevice(0, 0)],
    ["migrate_to_system", calls.toSystem(0, 0)],
    ["make_exclusive", calls.exclusive(0, 0)],
  ])("[MIR-11] %s through a file whose address space is gone answers EINVAL and changes nothing", (_name, call) => {
    const s = system(profile);
    orphan(s);
    expect(s.nothing(() => s.call(2, call))).toEqual({ status: "errno", errno: "EINVAL" });
  });
});

describe("v14", () => {
  it("[MIR-3] the first mirror makes struct hmm, and it lives as long as the address space", () => {
    const s = system(V14);
    s.fork(1);
    expect(mmOf(s, 1).hmm).toBe(false);
    s.as(1).open(0);
    expect([mmOf(s, 1).hmm, mmOf(s, 0).hmm]).toEqual([true, false]);
    s.as(1).open(1);
    s.as(1).close(0);
    s.as(1).close(1);
    expect([mmOf(s, 1).hmm, mirrors(s, 1).length]).toEqual([true, 0]);
    s.exit(1);
    expect(s.state.mms[1]?.hmm).toBe(false);
  });

  it("[MIR-3] later mirrors share struct hmm: they need no memory for it", () => {
    const s = system(V14);
    expect(s.call(0, register(0))).toEqual({ status: "ok" });
    const t = threads(s);
    const task = t.start(0, register(1));
    expect(t.choices(task)).toEqual([""]);
    t.finish(task);
    expect(mirrors(s)).toHaveLength(2);
  });

  it("[MIR-4] a child begins without struct hmm, although its parent has one", () => {
    const s = system(V14);
    s.open(0);
    s.fork(1);
    expect([mmOf(s, 0).hmm, mmOf(s, 1).hmm]).toEqual([true, false]);
  });

  it.each(["mm", "mirror", "ops"] as const)("[MIR-6] registration without %s answers EINVAL and changes nothing", (without) => {
    const s = system(V14);
    expect(s.nothing(() => s.call(0, register(0, without)))).toEqual({ status: "errno", errno: "EINVAL" });
  });

  it("[MIR-6] registration answers ENOMEM where struct hmm cannot be made, and changes nothing", () => {
    const s = system(V14);
    const choices = { "hmm_mirror_register.register": "no-memory" };
    expect(s.nothing(() => s.call(0, register(0), choices))).toEqual({ status: "errno", errno: "ENOMEM" });
    expect(s.call(0, register(0))).toEqual({ status: "ok" });
    expect([mmOf(s).hmm, mirrors(s).length]).toEqual([true, 1]);
  });

  it("[MIR-7] a mirror that is being removed is not called by a notification that begins then", () => {
    const s = system(V14);
    s.mmap(0, 4);
    s.open(0);
    const t = threads(s);
    const first = t.start(0, calls.madvise(0, 1, "dontneed"));
    t.until(first, "invalidate.i2");
    const close = t.start(0, calls.close(0));
    t.until(close, "release.evict");
    const second = t.start(0, calls.madvise(1, 1, "dontneed"));
    t.until(second, "invalidate.i1");
    t.step(second);
    expect(t.at(second)).toBe("madvise.page");
    expect(t.blocked(close)).toBe(true);
    for (const task of [first, second, close]) t.finish(task);
  });
});

eachProfile(LINUX, (profile) => {
  it("[MIR-3] [MIR-6] there is no struct hmm and no call to register one", () => {
    const s = system(profile);
    s.open(0);
    expect(mmOf(s).hmm).toBe(false);
    expect(s.nothing(() => s.call(0, register(0)))).toEqual({ status: "errno", errno: "EOPNOTSUPP" });
  });
});
