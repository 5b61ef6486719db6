/** Mutants of device memory: the life of a frame, its free callback, and the unmapping of private entries. */
import { frameOf, lockPage, mapCount, setFrame, unlockPage } from "../../model/frames.ts";
import { goto, leave } from "../../model/rule.ts";
import type { Frame, Work } from "../../model/state.ts";
import type { Pfn } from "../../spec/vocabulary.ts";
import { entriesOf, changedEntries, freedFrames, poke, putTwice } from "./memory.ts";
import type { Mutant } from "./mutant.ts";
import { scope } from "./scope.ts";
import { all, around, under } from "./tamper.ts";

/** Bugs in counting, freeing and unmapping device frames. */
export const DEVICE_MEMORY_MUTANTS: readonly Mutant[] = [
  {
    id: "B3",
    row: "B3",
    title: "A free device frame with a count of one looks alive: eviction takes a reference on it and frees it once more.",
    origin: "ef233450898f",
    breaks: ["MEM-13", "MEM-9", "MEM-16"],
    killedBy: "device-frame-life-cycle",
    scope: scope(["open", "close"]),
    model: around("migrate", "e2", (go, s, _t, a) => {
      const free = s.devices.flatMap((device, dev) => (dev === a.dev ? device.freeList : []));
      for (const pfn of free) setFrame(s, pfn, { free: false });
      go();
      for (const pfn of free) setFrame(s, pfn, { free: true });
    }),
  },
  {
    id: "B8",
    row: "B8",
    title: "A freed device frame keeps its mapping, and the next page in it is taken to be found by that one's reverse map.",
    origin: "7ab0ad0e74f8",
    breaks: ["MEM-14"],
    killedBy: "device-frame-life-cycle",
    scope: scope(["mmap", "migrate_to_device", "migrate_to_system", "munmap"]),
    model: all(
      around("migrate", "m9", (go, s) => {
        const before = s.frames.slice();
        go();
        keepIdentity(s, freedFrames(s, before), before);
      }),
      around("migrate", "m7", (go, s) => {
        const before = s.frames.slice();
        go();
        keepIdentity(s, allocated(s, before), before);
      }),
      around("migrate", "m8_insert", (go, s, _t, a) => {
        const dst = a.entries[a.i]?.dst ?? null;
        const before = s.frames.slice();
        go();
        if (dst !== null && (before[dst]?.mapping ?? null) !== null) keepIdentity(s, [dst], before);
      }),
    ),
  },
  {
    id: "B12",
    row: "B12",
    title: "The reverse map walk makes a read migration entry of a writable device-private one, so the page comes back read-only.",
    origin: 'mail "mm/rmap.c: avoid double faults migrating device private pages"',
    breaks: ["MIG-16", "MEM-36"],
    killedBy: "migration-keeps-permission",
    scope: scope(["mmap", "migrate_to_device", "close"]),
    model: under("rmap_walk", "clear", (profile) => ({ ...profile, rmapKeepsWrite: false })),
  },
  {
    id: "B14",
    row: "B14",
    title: "The reverse map walk passes over device-private entries: a page that has them stays mapped and never moves.",
    origin: 'mail "mm/rmap: map_pte() was not handling private ZONE_DEVICE page properly"',
    breaks: ["MIG-19"],
    killedBy: "refines",
    scope: scope(["mmap", "migrate_to_device", "close"]),
    model: around("rmap_walk", "clear", (go, s, _t, a) => {
      const target = a.targets[0];
      const pte = target && s.mms[target.mm]?.ptes[target.vpn];
      if (a.mode === "migrate" && pte?.kind === "device_private") goto(a, "end");
      else go();
    }),
  },
  {
    id: "B20",
    row: "B20",
    title: "Pages that are put in a batch miss the free callback: MADV_DONTNEED frees device frames that nobody can allocate again.",
    origin: 'mail "mm/swap: fix release_pages() when releasing devmap pages"',
    breaks: ["MEM-9", "MEM-12"],
    killedBy: "device-frame-life-cycle",
    scope: scope(["mmap", "migrate_to_device", "madvise"]),
    model: around("madvise", "page", (go, s) => {
      const before = s.frames.slice();
      go();
      const freed = freedFrames(s, before);
      for (const device of s.devices) device.freeList = device.freeList.filter((pfn) => !freed.includes(pfn));
    }),
  },
  {
    id: "B23",
    row: "B23",
    title:
      "The reverse map walk reads the bits of a device-private entry in the layout of a present one: its write bit is taken for dirty.",
    origin: "ad7df764b7e1",
    breaks: ["MIG-16", "MEM-19"],
    killedBy: "refines",
    scope: scope(["mmap", "migrate_to_device", "close"]),
    model: around("rmap_walk", "clear", (go, s) => {
      const before = entriesOf(s);
      go();
      for (const { mm, vpn, was, now } of changedEntries(s, before))
        if (was.kind === "device_private" && now.kind === "migration") poke(s, mm, vpn, { ...now, dirty: was.write });
    }),
  },
  {
    id: "B31",
    row: "B31",
    title:
      "The reverse map walk computes the frame of a device-private entry as a subpage of its neighbour: the migration entry names that one.",
    origin: 'mail "mm/hmm: Fix bad subpage pointer in try_to_unmap_one"',
    breaks: ["PTE-3", "MIG-16"],
    killedBy: "migration-entry-discipline",
    scope: scope(["mmap", "migrate_to_device", "close"]),
    model: around("rmap_walk", "clear", (go, s) => {
      const before = entriesOf(s);
      go();
      for (const { mm, vpn, was, now } of changedEntries(s, before)) {
        if (was.kind !== "device_private" || now.kind !== "migration") continue;
        const neighbour = now.pfn + 1 < s.frames.length ? now.pfn + 1 : now.pfn - 1;
        poke(s, mm, vpn, { ...now, pfn: neighbour as Pfn });
      }
    }),
  },
  {
    id: "B50",
    row: "B50",
    title: "A put counts down first and looks second: of two at the same time both find the count of a free frame, and both free it.",
    origin: 'v18 "mm/put_page: move ref decrement to put_zone_device_page()" against v14 04/16',
    breaks: ["MEM-12", "MEM-9"],
    killedBy: "reference-conservation",
    scope: scope(["mmap", "cpu_write", "cpu_read", "migrate_to_device", "migrate_to_system"], { core: "v14", tasks_max: 3 }),
    model: around("handle_mm_fault", "c5_wait", (go, s, t, a) => {
      if (a.pte.kind !== "migration" || frameOf(s, a.pte.pfn).dev === null) return go();
      const { pfn } = a.pte;
      const { holders } = frameOf(s, pfn);
      if (a.copy === null) {
        const mine = holders.findIndex((h) => h.kind === "task" && h.task === t.id && h.why === "wait");
        setFrame(s, pfn, { holders: holders.filter((_, i) => i !== mine) });
        a.copy = pfn;
        return;
      }
      if (holders.length === 0) putTwice(s, pfn);
      leave(t);
    }),
  },
  {
    id: "g8",
    row: "g8",
    title: "MADV_DONTNEED passes over device-private entries, so their pages stay.",
    origin: "ours",
    breaks: ["VMA-25", "MIG-50"],
    killedBy: "drops-are-complete",
    scope: scope(["mmap", "migrate_to_device", "madvise"]),
    model: around("madvise", "page", (go, s, _t, a) => {
      const kept = entriesOf(s)[a.mm] ?? [];
      const from = a.at;
      for (let v = from; v < a.to; v++) if (kept[v]?.kind === "device_private") poke(s, a.mm, v, { kind: "none" });
      go();
      for (let v = from; v < a.to; v++) {
        const pte = kept[v];
        if (pte?.kind === "device_private") poke(s, a.mm, v, pte);
      }
    }),
  },
  {
    id: "g9",
    row: "g9",
    title: "munmap of a device-private entry drops two references for one mapping.",
    origin: "ours",
    breaks: ["MIG-50", "FRM-1", "MEM-13"],
    killedBy: "device-frame-life-cycle",
    scope: scope(["mmap", "migrate_to_device", "munmap"]),
    model: around("do_munmap", "zap", (go, s, _t, a) => {
      const before = entriesOf(s);
      go();
      for (const { mm, was } of changedEntries(s, before)) if (mm === a.mm && was.kind === "device_private") putTwice(s, was.pfn);
    }),
  },
  {
    id: "g10",
    row: "g10",
    title: "Eviction passes over frames that are referenced but mapped nowhere.",
    origin: "ours",
    breaks: ["MEM-34"],
    killedBy: "refines",
    scope: scope(["mmap", "migrate_to_device", "get", "madvise", "close"]),
    model: around("migrate", "e2", (go, s, t, a) => {
      const hidden = s.frames.flatMap((f, n) => (f.dev === a.dev && !f.free && f.locked === null && mapCount(f) === 0 ? [n as Pfn] : []));
      for (const pfn of hidden) lockPage(s, pfn, t.id);
      go();
      for (const pfn of hidden) unlockPage(s, pfn);
    }),
  },
  {
    id: "g22",
    row: "g22",
    title: "The free callback puts a frame on the free list twice, and two pages are given the same frame.",
    origin: "ours",
    breaks: ["MEM-9", "MEM-12"],
    killedBy: "device-frame-life-cycle",
    scope: scope(["mmap", "migrate_to_device", "munmap"]),
    model: around("do_munmap", "zap", (go, s) => {
      const before = s.frames.slice();
      go();
      for (const pfn of freedFrames(s, before)) putTwice(s, pfn);
    }),
  },
];

/** The device frames that have been taken from a free list. */
function allocated(s: Work, before: readonly Frame[]): Pfn[] {
  return before.flatMap((was, n) => (was.dev !== null && was.free && s.frames[n]?.free === false ? [n as Pfn] : []));
}

/** Frames go on saying to what their contents belonged. */
function keepIdentity(s: Work, pfns: readonly Pfn[], before: readonly Frame[]): void {
  for (const pfn of pfns) {
    const was = before[pfn];
    if (was) setFrame(s, pfn, { mapping: was.mapping, index: was.index });
  }
}
