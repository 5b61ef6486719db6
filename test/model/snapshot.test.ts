import { describe, expect, it } from "vitest";
import type { ModelCall } from "../../spec/vocabulary.ts";
import { decodeHmmPfn, encodeHmmPfn, HMM_PFN } from "../../model/index.ts";
import type { HmmPfnFlag } from "../../model/index.ts";
import { pfn } from "../../spec/vocabulary.ts";
import { ALL, eachProfile, LINUX, table, V14, walkOf, words } from "./mirror-support.ts";
import type { ProfileName } from "./mirror-support.ts";
import { calls, system, threads } from "./support.ts";
import type { System } from "./support.ts";

/** Two private and, where there are such, two coherent devices. */
const four = (profile: ProfileName, pages = 4): System => {
  const coherent = profile.core === "v14" ? ([] as const) : (["coherent", "coherent"] as const);
  return system({ ...profile, pages, devices: ["private", "private", ...coherent] });
};

const swapOut = (s: System, page: number): unknown => s.as(0, { "reclaim.r1": "swap" }).madvise(page, 1, "pageout");
const written = (s: System): void => {
  s.mmap(0, 2);
  s.write(0, 7);
};

/** What comes before, and what the snapshot of page 0 by `dev` shows then. */
type Row = readonly [id: string, what: string, dev: number, prepare: (s: System) => unknown, code: string];

const NO_ACCESS: readonly Row[] = [
  ["[SNAP-2]", "nothing mapped", 0, () => {}, "ff"],
  ["[SNAP-2]", "nothing mapped any more", 0, (s) => (written(s), s.devRead(0, 0), s.munmap(0, 1)), "ff"],
  ["[SNAP-3]", "an untouched mapping without access", 0, (s) => s.mmap(0, 1, "n"), "ff"],
  ["[SNAP-3]", "a populated mapping without access", 0, (s) => (written(s), s.mprotect(0, 1, "n")), "ff"],
  ["[SNAP-3]", "an untouched mapping for writing only", 0, (s) => s.mmap(0, 1, "w"), "ff"],
  ["[SNAP-3]", "a populated mapping for writing only", 0, (s) => (s.mmap(0, 1, "w"), s.write(0, 7)), "ff"],
  ["[SNAP-3]", "a device page of a mapping without access", 0, (s) => (written(s), s.toDevice(0, 0), s.mprotect(0, 1, "n")), "ff"],
];

const NOTHING_THERE: readonly Row[] = [
  ["[SNAP-4]", "an empty entry", 0, (s) => s.mmap(0, 1), "00"],
  ["[SNAP-4]", "an empty entry of shared memory", 0, (s) => s.mmap(0, 1, "rw", "shared"), "00"],
  ["[SNAP-4]", "an entry that was dropped", 0, (s) => (written(s), s.madvise(0, 1, "dontneed")), "00"],
  ["[SNAP-4]", "a swap entry", 0, (s) => (written(s), swapOut(s, 0)), "00"],
  ["[SNAP-8]", "a page on another private device", 0, (s) => (written(s), s.toDevice(1, 0)), "00"],
  ["[SNAP-8]", "an exclusive page of the asking device", 0, (s) => (written(s), s.exclusive(0, 0)), "00"],
  ["[SNAP-8]", "an exclusive page of another device", 0, (s) => (written(s), s.exclusive(1, 0)), "00"],
];

const SYSTEM_PAGES: readonly Row[] = [
  ["[SNAP-5]", "the zero page after a CPU read", 0, (s) => (s.mmap(0, 1), s.read(0)), "11"],
  ["[SNAP-5]", "the zero page after a device read", 0, (s) => (s.mmap(0, 1), s.devRead(0, 0)), "11"],
  ["[SNAP-5]", "the zero page of a read-only mapping", 0, (s) => (s.mmap(0, 1, "r"), s.read(0)), "11"],
  ["[SNAP-6]", "a page that the CPU has written", 0, written, "02"],
  ["[SNAP-6]", "a page that the device has written", 0, (s) => (s.mmap(0, 1), s.devWrite(0, 0, 1, 7)), "02"],
  ["[SNAP-6]", "a page that fork has shared", 0, (s) => (written(s), s.fork(1)), "01"],
  ["[SNAP-6]", "a page that is read-only since mprotect", 0, (s) => (written(s), s.mprotect(0, 1, "r")), "01"],
  ["[SNAP-6]", "a shared-memory page after a device read", 0, (s) => (s.mmap(0, 1, "rw", "shared"), s.devRead(0, 0)), "02"],
  ["[SNAP-6]", "a page that MADV_FREE has marked", 0, (s) => (written(s), s.madvise(0, 1, "free")), "02"],
  ["[SNAP-6]", "a writable page of the driver's own mapping", 0, (s) => s.mmap(0, 1, "rw", "device"), "02"],
  ["[SNAP-6]", "a read-only page of the driver's own mapping", 0, (s) => s.mmap(0, 1, "r", "device"), "01"],
];

const DEVICE_PAGES: readonly Row[] = [
  ["[SNAP-7]", "an own device-private page", 0, (s) => (written(s), s.toDevice(0, 0)), "22"],
  ["[SNAP-7]", "an own device-private page that was a hole", 0, (s) => (s.mmap(0, 1), s.toDevice(0, 0)), "22"],
  ["[SNAP-7]", "an own device-private page of a read-only mapping", 0, (s) => (s.mmap(0, 1, "r"), s.toDevice(0, 0)), "21"],
  ["[SNAP-7]", "an own device-private page that fork has shared", 0, (s) => (written(s), s.toDevice(0, 0), s.fork(1)), "21"],
  [
    "[SNAP-7]",
    "an own device-private page after mprotect there and back",
    0,
    (s) => (written(s), s.toDevice(0, 0), s.mprotect(0, 1, "r"), s.mprotect(0, 1, "rw")),
    "21",
  ],
  ["[SNAP-9]", "an own coherent page", 2, (s) => (written(s), s.toDevice(2, 0)), "42"],
  ["[SNAP-9]", "an own coherent page that fork has shared", 2, (s) => (written(s), s.toDevice(2, 0), s.fork(1)), "41"],
  ["[SNAP-9]", "a coherent page of another device", 3, (s) => (written(s), s.toDevice(2, 0)), "52"],
  ["[SNAP-9]", "a shared coherent page of another device", 3, (s) => (written(s), s.toDevice(2, 0), s.fork(1)), "51"],
  ["[SNAP-9]", "a coherent page, asked by a private device", 0, (s) => (written(s), s.toDevice(2, 0)), "52"],
];

eachProfile(LINUX, (profile) => {
  it.each([...NO_ACCESS, ...NOTHING_THERE, ...SYSTEM_PAGES, ...DEVICE_PAGES])("%s shows %s", (_id, _what, dev, prepare, code) => {
    const s = four(profile);
    prepare(s);
    expect(s.snap(dev, 0)).toBe(code);
    expect(s.last()).toEqual({ status: "ok", cpages: 1, entries: [code] });
  });

  it("[SNAP-2] [SNAP-3] a range over holes and mappings without access succeeds", () => {
    const s = four(profile);
    s.mmap(1, 1);
    s.mmap(2, 1, "n");
    s.write(1, 7);
    expect(s.snap(0, 0, 4)).toBe("ff 02 ff ff");
  });

  it("[SNAP-4] shows 00 for a migration entry, of whatever device the migration is", () => {
    const s = four(profile);
    s.mmap(0, 2);
    s.write(0, 7);
    s.write(1, 8);
    for (const dev of [0, 1, 2]) s.open(dev);
    const t = threads(s);
    const task = t.start(0, calls.toDevice(0, 0));
    t.until(task, "migrate.m7");
    expect(s.entry(0)).toBe("migration write dirty");
    for (const dev of [0, 1, 2]) expect(t.finish(t.start(0, calls.snap(dev, 0, 2)))).toMatchObject({ entries: ["00", "02"] });
    t.finish(task);
  });

  it("[SNAP-8] the code 30 does not occur, whatever a page went through", () => {
    const s = four(profile);
    s.mmap(0, 4);
    const seen = new Set<string>();
    for (const dev of [0, 1, 2, 3]) {
      s.toDevice(dev, dev);
      for (const asking of [0, 1, 2, 3]) for (const code of s.snap(asking, 0, 4).split(" ")) seen.add(code);
    }
    expect([...seen].filter((code) => code.startsWith("3"))).toEqual([]);
    expect([...seen].toSorted()).toEqual(["00", "22", "42", "52"]);
  });

  it("[SNAP-10] adds 04 for each page that a huge page maps as a whole", () => {
    const s = four(profile, 600);
    s.mmap(0, 600);
    s.madvise(0, 512, "huge");
    s.write(3, 7);
    s.write(512, 7);
    expect(new Set(s.snap(0, 0, 512).split(" "))).toEqual(new Set(["06"]));
    expect(s.snap(0, 511, 2)).toBe("06 02");
    s.mprotect(0, 512, "r");
    expect(s.snap(0, 0, 1)).toBe("05");
    s.mprotect(3, 1, "n");
    expect(s.snap(0, 2, 3)).toBe("01 ff 01");
  });

  it("[SNAP-10] shows 05 for the huge zero page", () => {
    const s = four(profile, 512);
    s.mmap(0, 512);
    s.madvise(0, 512, "huge");
    s.read(3);
    expect(s.snap(0, 0, 2)).toBe("05 05");
    s.munmap(511, 1);
    expect(s.snap(0, 510, 2)).toBe("11 ff");
  });

  it.each(["hmm_range_fault.d5", "hmm_range_fault.d7", "hmm_range_fault.d8"])(
    "[SNAP-11] a batch is taken again if a notification overlaps it at %s, so that it shows one moment",
    (where) => {
      const s = four(profile);
      s.mmap(0, 4);
      for (const page of [0, 1]) s.write(page, 7);
      s.open(0);
      const t = threads(s);
      const snapshot = t.start(0, calls.snap(0, 0, 2));
      t.until(snapshot, where);
      if (where.endsWith("d5")) t.step(snapshot);
      t.finish(t.start(0, calls.madvise(0, 2, "dontneed")));
      t.until(snapshot, "hmm_range_fault.d1");
      expect(t.finish(snapshot)).toMatchObject({ entries: ["00", "00"] });
    },
  );

  it("[SNAP-11] only the batch that was disturbed is taken again", () => {
    const s = four(profile, 128);
    s.mmap(0, 128);
    s.write(0, 7);
    s.write(64, 7);
    s.open(0);
    const t = threads(s);
    const snapshot = t.start(0, calls.snap(0, 0, 128));
    t.until(snapshot, "snapshot.walked");
    t.until(snapshot, "hmm_range_fault.d5");
    t.finish(t.start(0, calls.madvise(0, 128, "dontneed")));
    const { entries = [] } = t.finish(snapshot) as { entries?: readonly string[] };
    expect([entries[0], entries[64], entries.length]).toEqual(["02", "00", 128]);
  });
});

eachProfile(ALL, (profile) => {
  it("[SNAP-1] changes no entry, no frame and no table, and answers a word for each page", () => {
    const s = four(profile, 70);
    s.mmap(0, 70);
    s.write(0, 7);
    s.read(1);
    s.write(2, 7);
    s.toDevice(0, 2);
    s.write(3, 7);
    s.toDevice(1, 3);
    s.write(4, 7);
    swapOut(s, 4);
    s.write(5, 7);
    if (profile.core !== "v14") s.exclusive(0, 5);
    s.devRead(0, 68);
    s.notices();
    const codes = s.nothing(() => s.snap(0, 0, 70)).split(" ");
    expect(codes).toHaveLength(70);
    expect(s.last()).toMatchObject({ cpages: 70 });
    expect(codes.slice(0, 3)).toEqual(["02", "11", "22"]);
    expect(table(s, 0).length).toBe(70);
  });

  it("[SNAP-1] an error changes nothing either", () => {
    const s = four(profile);
    s.mmap(0, 4);
    s.write(0, 7);
    s.open(0);
    expect(s.nothing(() => s.snap(0, 0, 0))).toBe("EINVAL");
  });
});

describe("v14", () => {
  const wordsOf = (s: System, call: ModelCall): readonly string[] => {
    const t = threads(s);
    const task = t.start(0, call);
    t.until(task, "hmm_range_fault.d7");
    return words(s, task);
  };

  it.each<[string, (s: System) => unknown, ModelCall]>([
    ["of an address that is not mapped", (s) => s.mmap(1, 1), calls.snap(0, 0)],
    ["that begins in a hole", (s) => s.mmap(1, 1), calls.snap(0, 0, 2)],
    ["that ends in a hole", (s) => s.mmap(1, 1), calls.snap(0, 1, 2)],
    ["over two mappings", (s) => (s.mmap(0, 1), s.mmap(1, 1, "r")), calls.snap(0, 0, 2)],
    ["of a special mapping", (s) => s.mmap(0, 1, "rw", "device"), calls.snap(0, 0)],
  ])("[SNAP-12] a snapshot %s answers EINVAL and changes nothing", (_what, prepare, call) => {
    const s = system(V14);
    s.open(0);
    prepare(s);
    expect(s.nothing(() => s.call(0, call))).toEqual({ status: "errno", errno: "EINVAL" });
  });

  it("[SNAP-12] a snapshot of more than 64 pages of one mapping is one range", () => {
    const s = system({ ...V14, pages: 130 });
    s.mmap(0, 64);
    s.mmap(64, 66, "r");
    expect(s.snap(0, 0, 128)).toBe("EINVAL");
    expect(s.snap(0, 64, 66).split(" ")).toHaveLength(66);
  });

  it("[SNAP-12] the words of a special mapping are all SPECIAL", () => {
    const s = system(V14);
    s.mmap(0, 2, "rw", "device");
    expect(wordsOf(s, calls.snap(0, 0, 2))).toEqual(["SPECIAL", "SPECIAL"]);
  });

  it.each<[string, string, (s: System) => unknown, string]>([
    ["[SNAP-13]", "an empty entry", (s) => s.mmap(0, 1), "EMPTY"],
    ["[SNAP-13]", "a swap entry", (s) => (written(s), swapOut(s, 0)), "0"],
    ["[SNAP-13]", "the zero page", (s) => (s.mmap(0, 1), s.read(0)), "VALID|READ"],
    ["[SNAP-13]", "a writable page", written, "VALID|READ|WRITE"],
    ["[SNAP-13]", "a read-only page", (s) => (written(s), s.fork(1)), "VALID|READ"],
    ["[SNAP-13]", "an own device-private page", (s) => (written(s), s.toDevice(0, 0)), "VALID|READ|WRITE|DEVICE|UNADDRESSABLE"],
    [
      "[SNAP-13]",
      "a device-private page of another device",
      (s) => (written(s), s.toDevice(1, 0)),
      "VALID|READ|WRITE|DEVICE|UNADDRESSABLE",
    ],
    ["[SNAP-13]", "a read-only device-private page", (s) => (written(s), s.toDevice(1, 0), s.fork(1)), "VALID|READ|DEVICE|UNADDRESSABLE"],
    ["[SNAP-14]", "a hole of a mapping without access", (s) => s.mmap(0, 1, "n"), "EMPTY"],
    ["[SNAP-14]", "a hole of a mapping for writing only", (s) => s.mmap(0, 1, "w"), "EMPTY"],
    ["[SNAP-14]", "a page of a mapping without access", (s) => (written(s), s.mprotect(0, 1, "n")), "VALID"],
    ["[SNAP-14]", "a page of a mapping for writing only", (s) => (s.mmap(0, 1, "w"), s.write(0, 7)), "VALID|WRITE"],
  ])("%s the word of %s", (_id, _what, prepare, word) => {
    const s = system(V14);
    prepare(s);
    expect(wordsOf(s, calls.snap(0, 0))).toEqual([word]);
  });

  it.each<Row>([
    ["[SNAP-13]", "an empty entry", 0, (s) => s.mmap(0, 1), "00"],
    ["[SNAP-13]", "a swap entry", 0, (s) => (written(s), swapOut(s, 0)), "00"],
    ["[SNAP-13]", "the zero page", 0, (s) => (s.mmap(0, 1), s.read(0)), "11"],
    ["[SNAP-13]", "a writable page", 0, written, "02"],
    ["[SNAP-13]", "a read-only page", 0, (s) => (written(s), s.fork(1)), "01"],
    ["[SNAP-13]", "a device-private page, to its device", 0, (s) => (written(s), s.toDevice(0, 0)), "22"],
    ["[SNAP-13]", "a device-private page, to another device", 1, (s) => (written(s), s.toDevice(0, 0)), "32"],
    ["[SNAP-13]", "a read-only device-private page, to its device", 0, (s) => (written(s), s.toDevice(0, 0), s.fork(1)), "21"],
    ["[SNAP-13]", "a read-only device-private page, to another device", 1, (s) => (written(s), s.toDevice(0, 0), s.fork(1)), "31"],
    ["[SNAP-14]", "a page of a mapping without access", 0, (s) => (written(s), s.mprotect(0, 1, "n")), "00"],
    ["[SNAP-14]", "a hole of a mapping without access", 0, (s) => s.mmap(0, 1, "n"), "00"],
  ])("%s the answer shows %s", (_id, _what, dev, prepare, code) => {
    const s = system(V14);
    prepare(s);
    expect(s.snap(dev, 0)).toBe(code);
  });

  it("[SNAP-13] [SNAP-14] a snapshot succeeds whatever the words are", () => {
    const s = system(V14);
    written(s);
    s.mprotect(0, 2, "n");
    s.open(0);
    expect(s.nothing(() => s.call(0, calls.snap(0, 0, 2)))).toMatchObject({ status: "ok", cpages: 2 });
  });

  it("[SNAP-14] a migration entry gives ERROR", () => {
    const s = system(V14);
    written(s);
    s.open(1);
    const t = threads(s);
    t.until(t.start(0, calls.toDevice(0, 0)), "migrate.m7");
    const call = calls.snap(1, 0, 2);
    const other = t.start(0, call);
    expect(t.finish(other)).toMatchObject({ entries: ["ff", "00"] });
    expect(wordsOf(s, call)).toEqual(["ERROR", "EMPTY"]);
  });

  /** A snapshot of two written pages that has ended its walk but for hmm_vma_range_done. */
  const walked = (): { s: System; t: ReturnType<typeof threads>; task: number } => {
    const s = system({ ...V14, pages: 6 });
    s.mmap(0, 6);
    for (const page of [2, 3]) s.write(page, 7);
    s.open(0);
    const t = threads(s);
    const task = t.start(0, calls.snap(0, 2, 2));
    t.until(task, "hmm_range_fault.d8");
    return { s, t, task };
  };

  it.each([
    ["in front of the range", 0, 1],
    ["behind the range", 4, 2],
  ])("[SNAP-15] hmm_vma_range_done answers true after a notification %s", (_where, page, npages) => {
    const { t, task } = walked();
    t.finish(t.start(0, calls.madvise(page, npages, "dontneed")));
    t.step(task);
    expect(t.at(task)).toBe("snapshot.walked");
    expect(t.finish(task)).toMatchObject({ entries: ["02", "02"] });
  });

  it("[SNAP-15] hmm_vma_range_done answers false after an overlapping notification, and the overlapping words are 0", () => {
    const { s, t, task } = walked();
    const zap = t.start(0, calls.madvise(0, 3, "dontneed"));
    t.until(zap, "invalidate.i2");
    expect(walkOf(s, task).valid).toBe(false);
    expect(words(s, task)).toEqual(["0", "VALID|READ|WRITE"]);
    t.step(task);
    expect(t.at(task)).toBe("hmm_range_fault.d1");
    t.finish(zap);
    expect(t.finish(task)).toMatchObject({ entries: ["00", "02"] });
  });

  it("[SNAP-15] a word that is found after the notification has begun is not 0, but hmm_vma_range_done answers false", () => {
    const s = system(V14);
    written(s);
    s.open(0);
    const t = threads(s);
    const task = t.start(0, calls.snap(0, 0));
    t.until(task, "hmm_range_fault.d5");
    const zap = t.start(0, calls.madvise(0, 1, "dontneed"));
    t.until(zap, "madvise.page");
    t.until(task, "hmm_range_fault.d8");
    expect([walkOf(s, task).valid, words(s, task)]).toEqual([false, ["VALID|READ|WRITE"]]);
    t.finish(zap);
    expect(t.finish(task)).toMatchObject({ entries: ["00"] });
  });

  it("[SNAP-15] a notification that began before the registration does not count", () => {
    const s = system(V14);
    written(s);
    s.open(0);
    const t = threads(s);
    const zap = t.start(0, calls.madvise(0, 1, "dontneed"));
    t.until(zap, "madvise.page");
    expect(t.finish(t.start(0, calls.snap(0, 0)))).toMatchObject({ entries: ["02"] });
    t.finish(zap);
  });

  it("[SNAP-16] the flags are the ten of the text, from bit 0 on, and the frame number begins at bit 10", () => {
    expect(HMM_PFN.flags).toEqual(["VALID", "READ", "WRITE", "ERROR", "EMPTY", "DEVICE", "LOCKED", "SPECIAL", "MIGRATE", "UNADDRESSABLE"]);
    for (const [bit, flag] of HMM_PFN.flags.entries()) expect(encodeHmmPfn({ pfn: pfn(0), flags: [flag] })).toBe(2 ** bit);
    expect(encodeHmmPfn({ pfn: pfn(3), flags: [] })).toBe(3 * 1024);
  });

  it("[SNAP-16] a word decodes to what it was made of, for every set of flags and for frames behind 32 bits", () => {
    for (const frame of [0, 1, 2 ** 22 - 1, 2 ** 22, 2 ** 40]) {
      for (let set = 0; set < 1024; set += 1) {
        const flags: HmmPfnFlag[] = HMM_PFN.flags.filter((_, bit) => Math.floor(set / 2 ** bit) % 2 === 1);
        expect(decodeHmmPfn(encodeHmmPfn({ pfn: pfn(frame), flags }))).toEqual({ pfn: frame, flags });
      }
    }
  });
});
