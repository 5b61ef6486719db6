import { describe, expect, it } from "vitest";
import { eachProfile, fileOf, LINUX, LINUX_IDEAL, mmOf, table, threePages, V14, walkOf } from "./mirror-support.ts";
import { calls, system, threads } from "./support.ts";
import type { ModelCall } from "../../spec/vocabulary.ts";

type Threads = ReturnType<typeof threads>;

/** A notification of one page that has called the mirrors and changed nothing yet, under the address space lock for reading. */
function begun(t: Threads, page: number): number {
  const task = t.start(0, calls.madvise(page, 1, "dontneed"));
  t.until(task, "madvise.page");
  return task;
}

eachProfile(LINUX, (profile) => {
  it("[INV-5] from its callback to the end a mirror has no entry in the range, and the device waits", () => {
    const s = threePages(profile);
    for (const dev of [0, 1]) s.devRead(dev, 1, 2);
    const t = threads(s);
    const zap = begun(t, 1);
    const tasks = [t.start(0, calls.devRead(0, 1)), t.start(0, calls.devWrite(1, 1, 1, 9)), t.start(0, calls.snap(0, 1))];
    for (const task of tasks) {
      expect(t.drive(task)).toBe("waits");
      expect(t.at(task)).toBe("hmm_range_fault.d2");
    }
    expect([table(s, 0)[1], table(s, 1)[1], s.entry(1)]).toEqual(["-", "-", "present rw dirty"]);
    t.finish(zap);
    for (const task of tasks) expect(t.finish(task)).toMatchObject({ status: "ok" });
    expect(s.read(1)).toBe(9);
  });

  it("[INV-5] what a device fault has found before the callback is not entered after it", () => {
    const s = threePages(profile);
    s.open(0);
    const t = threads(s);
    const read = t.start(0, calls.devRead(0, 1));
    t.until(read, "hmm_range_fault.d8");
    const zap = begun(t, 1);
    expect(t.drive(read)).toBe("waits");
    expect(table(s, 0)[1]).toBe("-");
    t.finish(zap);
    expect(t.finish(read)).toMatchObject({ data: [0] });
  });

  it("[INV-6] the sequence is odd from the first start that hits an interval to the end of the last one, and even otherwise", () => {
    const s = threePages(profile);
    s.open(0);
    const even = mmOf(s).seq;
    expect(even % 2).toBe(0);
    const t = threads(s);
    const seen = (): readonly number[] => [mmOf(s).active, mmOf(s).seq - even];
    const first = t.start(0, calls.madvise(0, 1, "dontneed"));
    t.until(first, "invalidate.i1");
    expect(seen()).toEqual([0, 0]);
    t.step(first);
    expect(seen()).toEqual([1, 1]);
    const second = begun(t, 1);
    expect(seen()).toEqual([2, 1]);
    t.finish(first);
    expect(seen()).toEqual([1, 1]);
    const third = begun(t, 2);
    t.finish(second);
    expect(seen()).toEqual([1, 1]);
    t.finish(third);
    expect(seen()).toEqual([0, 2]);
  });

  it("[INV-6] a reader of the first range waits for a notification of another range that began meanwhile", () => {
    const s = threePages(profile);
    s.devRead(0, 0);
    const t = threads(s);
    const first = begun(t, 0);
    const read = t.start(0, calls.devRead(0, 0));
    t.drive(read);
    const second = begun(t, 2);
    t.finish(first);
    expect(t.blocked(read)).toBe(true);
    t.finish(second);
    expect(t.blocked(read)).toBe(false);
  });

  it("[INV-7] the callback stores the sequence of its start, and the interval counts as invalidating until the sequence changes", () => {
    const s = threePages(profile);
    s.open(0);
    const t = threads(s);
    const before = fileOf(s, 0).seq;
    expect(before).not.toBe(mmOf(s).seq);
    const zap = t.start(0, calls.madvise(1, 1, "dontneed"));
    t.until(zap, "invalidate.i2");
    expect(fileOf(s, 0).seq).toBe(before);
    t.step(zap, `${s.state.actors[0]?.files[0]}`);
    expect([fileOf(s, 0).seq, mmOf(s).seq]).toEqual([mmOf(s).seq, before + 2]);
    t.finish(zap);
    expect([fileOf(s, 0).seq, mmOf(s).seq]).toEqual([before + 2, before + 3]);
  });

  it("[INV-7] the sequence of an interval is odd at all times", () => {
    const s = threePages(profile);
    const odd = (): void => expect(s.state.files.filter((f) => f.seq % 2 !== 1)).toEqual([]);
    const t = threads(s);
    const sequence = [calls.open(0), calls.toDevice(0, 0, 2), calls.read(0), calls.devWrite(0, 2, 2, 5), calls.fork(1), calls.munmap(0, 4)];
    for (const call of sequence) {
      const task = t.start(0, call);
      while (t.at(task) !== null) {
        t.step(task);
        odd();
      }
    }
  });

  it("[INV-8] an interval that is inserted while the sequence is even makes it odd, and counts as invalidating", () => {
    const s = threePages(profile);
    s.close(1);
    const even = mmOf(s).seq;
    const t = threads(s);
    const zap = t.start(0, calls.munmap(1, 1));
    t.until(zap, "do_munmap.zap");
    expect(mmOf(s).seq).toBe(even);
    t.finish(t.start(0, calls.open(0)));
    expect([fileOf(s, 0).interval, fileOf(s, 0).seq, mmOf(s).seq]).toEqual(["inserted", even + 1, even + 1]);
    const read = t.start(0, calls.devRead(0, 1));
    expect(t.drive(read)).toBe("waits");
    expect(t.at(read)).toBe("hmm_range_fault.d2");
    t.finish(zap);
    expect(mmOf(s).seq).toBe(even + 2);
    expect(t.finish(read)).toEqual({ status: "errno", errno: "EFAULT" });
  });

  it("[INV-8] an interval that is inserted at an odd sequence is added at the end of the last notification", () => {
    const s = threePages(profile);
    const t = threads(s);
    const first = begun(t, 1);
    t.finish(t.start(0, calls.open(0)));
    expect([fileOf(s, 0).interval, fileOf(s, 0).seq]).toEqual(["adding", mmOf(s).seq]);
    const second = t.start(0, calls.madvise(2, 1, "dontneed"));
    t.until(second, "invalidate.i2");
    expect(t.choices(second)).toEqual([`${s.state.actors[0]?.files[1]}`]);
    t.until(second, "madvise.page");
    const read = t.start(0, calls.devRead(0, 1));
    expect(t.drive(read)).toBe("waits");
    t.finish(first);
    expect([fileOf(s, 0).interval, t.blocked(read)]).toEqual(["adding", true]);
    t.finish(second);
    expect([fileOf(s, 0).interval, t.blocked(read)]).toEqual(["inserted", false]);
    expect(t.finish(read)).toMatchObject({ data: [0], faults: 1 });
  });

  it("[INV-8] [MIR-7] a mirror that waits to be added ends at once", () => {
    const s = threePages(profile);
    const t = threads(s);
    const zap = begun(t, 1);
    t.finish(t.start(0, calls.open(0)));
    const file = s.state.actors[0]?.files[0] ?? -1;
    expect(t.drive(t.start(0, calls.close(0)))).toBe("ended");
    t.finish(zap);
    expect(s.state.files[file]?.interval).toBe("none");
  });

  it("[INV-14] holes are filled under one MIGRATE, from the first that has a destination to the end of the piece", () => {
    const s = threePages(profile);
    s.munmap(0, 8);
    s.mmap(0, 6);
    s.write(0, 1);
    s.write(2, 1);
    const t = threads(s);
    s.notices();
    const task = t.start(0, calls.toDevice(0, 0, 5));
    t.until(task, "migrate.m8_insert");
    expect(s.notices()).toEqual(["MIGRATE 0-5", "MIGRATE 1-5"]);
    t.until(task, "migrate.m8_end");
    expect([s.notices(), mmOf(s).active, s.entries(1, 4)]).toEqual([
      [],
      1,
      ["device_private rw", "migration write dirty", "device_private rw", "device_private rw"],
    ]);
    t.step(task);
    expect(mmOf(s).active).toBe(0);
    t.finish(task);
    expect(s.notices()).toEqual([]);
  });

  it("[INV-14] a hole without a destination does not begin it, and a piece without holes has none", () => {
    const s = threePages(profile);
    s.munmap(0, 8);
    s.mmap(0, 3);
    s.write(0, 1);
    s.open(0);
    s.notices();
    expect(s.toDevice(0, 0)).toBe("ok");
    expect(s.notices()).toEqual(["MIGRATE 0-1"]);
    const t = threads(s);
    const task = t.start(0, calls.toDevice(0, 1, 2));
    t.until(task, "migrate.m7");
    t.step(task, "no-memory");
    t.finish(task);
    expect(s.notices().slice(0, 2)).toEqual(["MIGRATE 1-3", "MIGRATE 2-3"]);
    expect(s.notices()).toEqual([]);
  });
});

eachProfile(LINUX_IDEAL, (profile) => {
  it("[INV-5] an entry that the mirror loses to one notification is not brought back while another one is active", () => {
    const s = threePages(profile);
    s.devRead(1, 0, 3);
    const t = threads(s);
    const first = begun(t, 0);
    const second = begun(t, 2);
    t.finish(first);
    const read = t.start(0, calls.devRead(1, 2));
    expect(t.drive(read)).toBe("waits");
    expect(table(s, 1)).toBe("-w-r----");
    t.finish(second);
    t.finish(read);
  });
});

describe("v14", () => {
  it("[INV-6] has no sequence", () => {
    const s = threePages(V14);
    const before = mmOf(s).seq;
    const t = threads(s);
    const zap = begun(t, 1);
    expect([mmOf(s).seq, mmOf(s).active]).toEqual([before, 1]);
    t.finish(zap);
    expect([mmOf(s).seq, mmOf(s).active]).toEqual([before, 0]);
  });

  const notices: readonly (readonly [string, ModelCall, boolean, readonly string[]])[] = [
    ["in front of it", calls.madvise(0, 1, "dontneed"), true, ["valid", "valid"]],
    ["up to where it begins", calls.madvise(0, 2, "dontneed"), false, ["valid", "valid"]],
    ["over its first page", calls.madvise(1, 2, "dontneed"), false, ["none", "valid"]],
    ["over its last page", calls.madvise(3, 2, "dontneed"), false, ["valid", "none"]],
    ["over all of it", calls.madvise(0, 6, "dontneed"), false, ["none", "none"]],
    ["behind it", calls.madvise(4, 1, "dontneed"), true, ["valid", "valid"]],
  ];
  it.each(notices)("[INV-9] a notification %s marks and clears the registered range 2-4", (_name, call, valid, found) => {
    const s = system({ ...V14, pages: 8 });
    s.mmap(0, 6);
    for (const page of [2, 3]) s.write(page, 1);
    s.open(0);
    const t = threads(s);
    const snapshot = t.start(0, calls.snap(0, 2, 2));
    t.until(snapshot, "hmm_range_fault.d8");
    const zap = t.start(0, call);
    t.until(zap, "invalidate.i1");
    expect(walkOf(s, snapshot)).toMatchObject({ valid: true });
    t.step(zap);
    expect(t.at(zap)).toBe("invalidate.i2");
    expect(walkOf(s, snapshot)).toMatchObject({ valid, pfns: found.map((kind) => ({ kind })) });
    t.finish(zap);
    t.finish(snapshot);
  });

  it("[INV-9] a range of another address space is left alone", () => {
    const s = threePages(V14);
    s.open(0);
    s.fork(1);
    s.as(1).open(0);
    const t = threads(s);
    const snapshot = t.start(1, calls.snap(0, 0, 2));
    t.until(snapshot, "hmm_range_fault.d8");
    t.finish(t.start(0, calls.munmap(0, 4)));
    expect(walkOf(s, snapshot)).toMatchObject({ valid: true, pfns: [{ kind: "valid" }, { kind: "valid" }] });
    t.finish(snapshot);
  });
});
