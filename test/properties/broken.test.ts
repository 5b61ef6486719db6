/** Each property fails on a model that was broken on purpose, each by one tampered step, and only because of it. */
import { describe, expect, it } from "vitest";
import { around } from "../../check/mutants/tamper.ts";
import { drop, hold, setFrame } from "../../model/frames.ts";
import { ok } from "../../model/rule.ts";
import { RULES } from "../../model/index.ts";
import type { RuleTable } from "../../model/index.ts";
import type { Frame, FileWork, MmWork, Pte, Work } from "../../model/state.ts";
import type { MmId, Pfn } from "../../spec/vocabulary.ts";
import { ALWAYS, STEP_PROPERTIES } from "../../properties/registry.ts";
import type { Operation, TestCase } from "../../properties/test-case.ts";
import { testCase, watched } from "./runs.ts";

const RUNS = 250;
const LENGTH = 200;

interface Broken {
  /** What goes wrong. */
  readonly how: string;
  readonly rules: (rules: RuleTable) => RuleTable;
  readonly mask: readonly Operation[];
  readonly scope?: Partial<TestCase>;
}

const mm = (s: Work, id: MmId): MmWork => s.mms[id] as MmWork;
const isMapped = (pte: Pte | undefined): pte is Extract<Pte, { kind: "present" }> => pte?.kind === "present";

/** Changes every frame that a task has locked. */
function lockedFrames(s: Work, task: number, change: (frame: Frame, pfn: Pfn) => void): void {
  for (const [pfn, frame] of s.frames.entries()) if (frame.locked === task) change(frame, pfn as Pfn);
}

const noPins = (frame: Frame): Frame["holders"] => frame.holders.filter((h) => h.kind !== "pin");

/** Forgets all pins while a step is taken. */
function unpinned(s: Work, go: () => void): void {
  const pins = s.frames.map((frame) => frame.holders.filter((h) => h.kind === "pin"));
  for (const pfn of s.frames.keys()) setFrame(s, pfn as Pfn, { holders: noPins(s.frames[pfn] as Frame) });
  go();
  for (const [pfn, frame] of s.frames.entries()) setFrame(s, pfn as Pfn, { holders: [...frame.holders, ...(pins[pfn] ?? [])] });
}

/** The callback sets the sequence and leaves the entries. */
const deafMirrors = around("invalidate", "i2", (go, s, _t, a, choice) => {
  const file = s.files[Number(choice)] as FileWork;
  const { dpt } = file;
  file.dpt = dpt.slice();
  go();
  file.dpt = dpt;
});

/** A copy at a CPU write takes the place of the page without a notification; `counted`: the count of active ones is right all the same. */
const silentCopy = (counted: boolean): Broken["rules"] =>
  around("handle_mm_fault", "c4b", (go, s, t, a) => {
    go("page");
    t.stack.pop();
    if (counted) mm(s, a.mm).active++;
  });

const COPIES: readonly Operation[] = ["mmap", "cpu_read", "cpu_write", "device_read"];
const MOVES: readonly Operation[] = ["mmap", "cpu_write", "cpu_read", "migrate_to_device"];
const COW: readonly Operation[] = ["mmap", "cpu_write", "fork"];

const BROKEN: Readonly<Record<string, Broken>> = {
  "mirror-consistency": { how: "callbacks erase nothing", rules: deafMirrors, mask: COPIES },
  "one-frame-per-page": { how: "callbacks erase nothing", rules: deafMirrors, mask: COPIES },
  "no-entry-after-callback": { how: "callbacks erase nothing", rules: deafMirrors, mask: COPIES },
  "no-stale-access": { how: "callbacks erase nothing", rules: deafMirrors, mask: COPIES },
  "reference-conservation": {
    how: "a copy at a write takes a reference and never gives it back",
    rules: around("handle_mm_fault", "c4_end", (go, s, _t, a) => {
      if (a.pte.kind === "present") hold(s, a.pte.pfn, { kind: "brief" });
      go();
    }),
    mask: COW,
  },
  "device-frame-life-cycle": {
    how: "a frame is put on the free list twice",
    rules: around("migrate", "m9", (go, s) => {
      go();
      for (const { freeList } of s.devices) if (freeList[0] !== undefined) freeList.push(freeList[0]);
    }),
    mask: MOVES,
  },
  "migration-entry-discipline": {
    how: "pages are unlocked while they have migration entries",
    rules: around("migrate", "m3", (go, s, t) => {
      lockedFrames(s, t.id, (_frame, pfn) => setFrame(s, pfn, { locked: null }));
      go();
    }),
    mask: MOVES,
  },
  "lock-discipline": {
    how: "a fault keeps the address space lock",
    rules: around("cpu_access", "fault", (_go, _s, _t, a) => {
      a.pc = "access";
    }),
    mask: ["mmap", "cpu_write"],
  },
  "un-addressability": {
    how: "a private page is mapped present",
    rules: around("migrate", "m9", (go, s, _t, a) => {
      go();
      const { ptes } = mm(s, a.mm);
      for (const [v, pte] of ptes.entries())
        if (pte.kind === "device_private") ptes[v] = { ...pte, kind: "present", dirty: false, huge: false };
    }),
    mask: MOVES,
  },
  ownership: {
    how: "a mirror gets the private pages of another device",
    rules: around("hmm_range_fault", "d8", (go, s, _t, a) => {
      const file = s.files[a.file] as FileWork;
      go();
      for (const [v, pte] of mm(s, a.mm).ptes.entries())
        if (pte.kind === "device_private") file.dpt[v] = { pfn: pte.pfn, zero: false, tag: "read", unreachable: false };
    }),
    mask: [...MOVES, "device_read"],
  },
  exclusivity: {
    how: "an exclusive entry is restored and the mirrors keep their tags",
    rules: around("invalidate", "i2", (go, s, _t, a, choice) => {
      const file = s.files[Number(choice)] as FileWork;
      const dpt = file.dpt.slice();
      go();
      if (a.event === "EXCLUSIVE") file.dpt = dpt;
    }),
    mask: ["mmap", "make_exclusive", "cpu_read"],
  },
  "notifier-protocol": {
    how: "the last notification leaves the sequence odd",
    rules: around("handle_mm_fault", "c4_end", (go, s, _t, a) => {
      go();
      mm(s, a.mm).seq |= 1;
    }),
    mask: COPIES,
  },
  permission: {
    how: "fork leaves the parent's entries writable",
    rules: around("fork", "copy", (go, s, t) => {
      const { ptes } = mm(s, s.actors[t.actor]?.mm as MmId);
      const before = ptes.slice();
      go();
      for (const v of ptes.keys()) ptes[v] = before[v] as Pte;
    }),
    mask: COW,
  },
  "dirty-tracking": {
    how: "a store marks nothing dirty",
    rules: around("cpu_access", "access", (go, s, _t, a) => {
      go();
      const { ptes } = mm(s, a.mm);
      const pte = ptes[a.vpn];
      if (!a.write || !isMapped(pte)) return;
      ptes[a.vpn] = { ...pte, dirty: false };
      setFrame(s, pte.pfn, { dirty: false });
    }),
    mask: ["mmap", "cpu_write"],
  },
  "pgmap-life-time": {
    how: "device memory goes although its pages are in use",
    rules: (rules) => ({
      ...rules,
      remove_chunk: {
        ...rules.remove_chunk,
        e7: { spec: ["MEM-28"], apply: (_s, _t, a) => void (a.pc = "e8") },
      },
    }),
    mask: ["mmap", "cpu_write", "migrate_to_device", "devmem_remove", "devmem_release"],
    scope: { core: "v14", config: { pages: 2, page_bytes: 4096, devices: [{ kind: "private" }] } },
  },
  "value-integrity": {
    how: "the copy engine copies other bytes",
    rules: around("migrate", "m7_rest", (go, s, t) => {
      lockedFrames(s, t.id, (frame, pfn) => frame.dev !== null && setFrame(s, pfn, { contents: { first: 255, fill: 255 } }));
      go();
    }),
    mask: MOVES,
  },
  "no-leaked-contents": {
    how: "a destination is mapped that was never filled",
    rules: around("migrate", "m7_rest", (go, s, t) => {
      go();
      lockedFrames(s, t.id, (frame, pfn) => frame.dev !== null && setFrame(s, pfn, { contents: { first: null, fill: null } }));
    }),
    mask: MOVES,
  },
  quiescence: {
    how: "a process that ends keeps its address space",
    rules: around("exit", "exit_mm", (_go, _s, _t, a) => {
      a.pc = "exit_files";
    }),
    mask: ["mmap", "fork", "exit"],
    scope: { limits: { tasks_max: 1, actors_max: 2 } },
  },
  "entries-in-mappings": {
    how: "munmap leaves the entries",
    rules: around("do_munmap", "zap", (_go, _s, _t, a) => {
      a.detached = [];
      a.pc = "end";
    }),
    mask: ["mmap", "munmap", "cpu_write"],
    scope: { limits: { tasks_max: 1, actors_max: 1 } },
  },
  "swap-slots": {
    how: "a swapped page is mapped and its slot keeps the user",
    rules: around("handle_mm_fault", "c8", (go, s, _t, a) => {
      go();
      if (a.pte.kind !== "swap") return;
      const slot = s.slots[a.pte.slot];
      if (slot) s.slots[a.pte.slot] = { ...slot, count: slot.count + 1 };
    }),
    mask: ["mmap", "cpu_write", "cpu_read", "reclaim"],
    scope: { style: 64 },
  },
  "memory-objects": {
    how: "a page of shared memory gets a wrong index",
    rules: around("handle_mm_fault", "c3", (go, s) => {
      go();
      for (const [pfn, frame] of s.frames.entries())
        if (frame.mapping?.kind === "shmem") setFrame(s, pfn as Pfn, { index: frame.index + 1 });
    }),
    mask: ["mmap", "cpu_write"],
  },
  "reverse-map": {
    how: "a new page gets a wrong index",
    rules: around("handle_mm_fault", "c3", (go, s, _t, a) => {
      go();
      const pte = mm(s, a.mm).ptes[a.vpn];
      if (isMapped(pte)) setFrame(s, pte.pfn, { index: 9 });
    }),
    mask: ["mmap", "cpu_write"],
  },
  replicas: {
    how: "a replica holds other bytes than its page",
    rules: around("duplicate", "u4", (go, s, _t, a) => {
      go();
      if (a.replica !== null) setFrame(s, a.replica, { contents: { first: 255, fill: 255 } });
    }),
    mask: ["mmap", "cpu_write", "duplicate"],
    scope: { switches: { readDuplication: true } },
  },
  descriptors: {
    how: "a file that a child inherits counts one user less",
    rules: around("fork", "files", (go, s, _t, a) => {
      go();
      for (const file of s.files) if (a.inherit) file.users--;
    }),
    mask: ["mmap", "fork", "open"],
  },
  "announced-downgrades": { how: "a copy takes the place of a page and nobody is told", rules: silentCopy(true), mask: COPIES },
  "balanced-notifications": { how: "a notification ends that has not begun", rules: silentCopy(false), mask: COPIES },
  "cpu-access": {
    how: "a store goes through a read-only entry",
    rules: around("cpu_access", "access", (go, s, t, a) => {
      if (a.write && isMapped(mm(s, a.mm).ptes[a.vpn])) ok(t);
      else go();
    }),
    mask: COW,
  },
  "reads-give-last-write": {
    how: "a load answers another value",
    rules: around("cpu_access", "access", (go, _s, t) => {
      go();
      if (t.ret?.status === "ok" && t.ret.value !== undefined) t.ret = { ...t.ret, value: t.ret.value + 1 };
    }),
    mask: ["mmap", "cpu_read"],
  },
  "moves-unheld-pages": {
    how: "a migration does not look for pins",
    rules: (rules) => around("migrate", "m8", (go, s) => unpinned(s, go))(around("migrate", "m6", (go, s) => unpinned(s, go))(rules)),
    mask: [...MOVES, "pin"],
    scope: { core: "linux-6.12", style: 3 << 6 },
  },
  "fault-holds-frame": {
    how: "the fault handler is called without a reference",
    rules: around("handle_mm_fault", "c6", (go, s, t, a) => {
      go();
      const found = a.pte.kind === "device_private" && t.stack.at(-1)?.op === "migrate" ? a.pte.pfn : null;
      if (found !== null) drop(s, found, { kind: "task", task: t.id, why: "fault" });
    }),
    mask: MOVES,
  },
  "no-crash": {
    how: "a device read brings the system down",
    rules: around("device_access", "a1", (_go, _s, t) => {
      t.ret = { status: "crash", log: "gone" };
    }),
    mask: ["mmap", "device_read"],
  },
  "snapshot-changes-nothing": {
    how: "a snapshot empties the mirror that it looks through",
    rules: around("snapshot", "walked", (go, s, _t, a) => {
      (s.files[a.file] as FileWork).dpt.fill(null);
      go();
    }),
    mask: ["mmap", "device_read", "snapshot"],
  },
  "intervals-wait": {
    how: "a mirror is removed while a notification is active",
    rules: around("release", "remove", (_go, s, _t, a) => {
      (s.files[a.file] as FileWork).interval = "none";
      a.pc = "evict";
    }),
    mask: ["mmap", "munmap", "open"],
    scope: { core: "v14", style: 0 },
  },
  "driver-lock-guards-mirror": {
    how: "an install does not wait for the driver lock",
    rules: (rules) => ({
      ...rules,
      hmm_range_fault: { ...rules.hmm_range_fault, d8: { ...rules.hmm_range_fault.d8, enabled: () => true } },
    }),
    mask: ["mmap", "cpu_write", "device_read", "device_write"],
    scope: { config: { pages: 3, page_bytes: 4096, devices: [{ kind: "private" }] } },
  },
  "migration-keeps-permission": {
    how: "every entry becomes a migration entry of the read kind",
    rules: around("migrate", "m2", (go, s, _t, a) => {
      go();
      const { ptes } = mm(s, a.mm);
      for (const [v, pte] of ptes.entries()) if (pte.kind === "migration") ptes[v] = { ...pte, mode: "read" };
    }),
    mask: MOVES,
  },
  "drops-are-complete": {
    how: "MADV_DONTNEED leaves device-private entries",
    rules: around("madvise", "page", (go, s, _t, a) => {
      const { ptes } = mm(s, a.mm);
      const before = ptes.slice();
      go();
      for (const [v, pte] of before.entries()) if (pte.kind === "device_private") ptes[v] = pte;
    }),
    mask: ["mmap", "madvise", "migrate_to_device"],
    scope: { config: { pages: 1, page_bytes: 4096, devices: [{ kind: "private" }] } },
  },
  "fork-leaves-pinned-pages": {
    how: "fork does not look for pins",
    rules: around("fork", "copy", (go, s) => unpinned(s, go)),
    mask: [...COW, "pin", "exit"],
    scope: { style: 3 << 6 },
  },
};

/** Looks at one property in runs of the mutant until it does not hold. */
function firstWitness(id: string, { rules, mask, scope }: Broken): string | null {
  const property = [...ALWAYS, ...STEP_PROPERTIES].filter((p) => p.id === id);
  for (let seed = 0; seed < RUNS; seed++) {
    const { violation } = watched(testCase(seed, { mask, ...scope }, LENGTH), property, rules(RULES));
    if (violation !== null) return violation.witness;
  }
  return null;
}

describe("a property fails where", () => {
  it.each(Object.entries(BROKEN).map(([id, broken]) => ({ id, broken, how: broken.how })))("$how: $id", ({ id, broken }) => {
    expect(firstWitness(id, broken)).toMatch(/\d/);
  });

  it("every property of states and steps is among them", () => {
    expect([...ALWAYS, ...STEP_PROPERTIES].map(({ id }) => id).toSorted()).toEqual(Object.keys(BROKEN).toSorted());
  });
});
