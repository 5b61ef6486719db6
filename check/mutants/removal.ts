/** Mutants of adding and removing device memory, and of closing the device (e1 to e8). */
import type { Of } from "../../model/activation.ts";
import { liveChunk } from "../../model/chunks.ts";
import { setFrame } from "../../model/frames.ts";
import { fail, goto } from "../../model/rule.ts";
import type { Frame, Work } from "../../model/state.ts";
import type { Pfn } from "../../spec/vocabulary.ts";
import type { Mutant, Tampering } from "./mutant.ts";
import { scope } from "./scope.ts";
import { all, around, tamper, under } from "./tamper.ts";

type Remove = Of<"remove_chunk">;

/** Bugs in the life of device memory and of its references. */
export const REMOVAL_MUTANTS: readonly Mutant[] = [
  {
    id: "B2",
    row: "B2",
    title: "Allocating a frame takes no reference on its range: the range goes while a migration fills a page of it.",
    origin: "0dc45ca1ce18",
    breaks: ["MEM-28"],
    killedBy: "pgmap-life-time",
    scope: scope(["mmap", "migrate_to_device", "devmem_remove", "devmem_release"], { tasks_max: 3 }),
    model: removesWhen((frames) => frames.every(({ holders }) => holders.every((h) => h.kind === "task"))),
  },
  {
    id: "B19",
    row: "B19",
    title: "The removal of a range goes on before the last reference to its frames is put.",
    origin: "50f44ee7248a",
    breaks: ["MEM-28", "MEM-29"],
    killedBy: "pgmap-life-time",
    scope: scope(["mmap", "migrate_to_device", "devmem_release", "get"]),
    model: removesWhen(() => true),
  },
  {
    id: "B54",
    row: "B54",
    title: "Adding a range that fails for lack of memory leaves its reservation behind.",
    origin: 'mail "mm, devm_memremap_pages: fix shutdown handling"',
    breaks: ["MEM-2"],
    killedBy: "refines",
    scope: scope(["devmem_add"], { bounds: { physicalPages: 2 } }),
    model: around("devmem_add", "online", (go, _s, t, _a, choice) => {
      if (choice === "no-memory") fail(t, "ENOMEM", "MEM-2");
      else go();
    }),
  },
  {
    id: "B57",
    row: "B57",
    title: "The close of a device file does not bring the device's pages home, and they go on naming the file that is gone.",
    origin: "744dd97752ef",
    breaks: ["MEM-35"],
    killedBy: "refines",
    scope: scope(["mmap", "migrate_to_device", "close"]),
    model: under("release", "evict", (profile) => ({ ...profile, evicts: false })),
  },
  {
    id: "B63",
    row: "B63",
    title: "The count of frames in use is one too low, so a range is removed with one page still in it.",
    origin: 'c2256c044a1d "drm/nouveau/dmem: fix callocated underflow on large folio split"',
    breaks: ["MEM-28"],
    killedBy: "pgmap-life-time",
    scope: scope(["mmap", "migrate_to_device", "devmem_release", "get"]),
    model: removesWhen((frames) => frames.length <= 1),
  },
  {
    id: "T8",
    row: "T8",
    title: "The reference of a range is torn down before its completion is waited for.",
    origin: "v14 15/16",
    breaks: ["MEM-28", "MEM-32"],
    killedBy: "pgmap-life-time",
    scope: scope(["mmap", "cpu_write", "migrate_to_device", "devmem_remove", "devmem_release"], { core: "v14" }),
    model: removesWhen(() => true),
  },
  {
    id: "U13",
    row: "U13",
    title: "Only the last close of a device brings its pages home: those of a file closed before name a mirror that is gone.",
    origin: "reading lib/test_hmm.c of 5.8 to 7.0",
    breaks: ["MEM-35"],
    killedBy: "refines",
    scope: scope(["mmap", "fork", "open", "migrate_to_device", "close"], { actors_max: 2 }),
    model: around("release", "evict", (go, s, _t, a) => {
      const dev = s.files[a.file]?.dev;
      const others = s.files.some((file, n) => n !== a.file && file.dev === dev && file.interval === "inserted");
      if (others) goto(a, "free");
      else go();
    }),
  },
  {
    id: "U14",
    row: "U14",
    title: "Taking the frames of one range off the free list loses those of the other ranges.",
    origin: "reading lib/test_hmm.c of 7.0",
    breaks: ["MEM-31", "MEM-9"],
    killedBy: "device-frame-life-cycle",
    scope: scope(["devmem_add", "devmem_remove"], { bounds: { physicalPages: 2 } }),
    model: around("remove_chunk", "e1", (go, s, _t, a) => {
      go();
      const device = s.devices[a.dev];
      if (device && a.pc === "replicas") device.freeList = [];
    }),
  },
  {
    id: "g23",
    row: "g23",
    title: "The free frames of a range that is being removed stay on the free list and are allocated again.",
    origin: "ours",
    breaks: ["MEM-33"],
    killedBy: "device-frame-life-cycle",
    scope: scope(["mmap", "migrate_to_device", "devmem_release"]),
    model: around("remove_chunk", "e1", (go, s, _t, a) => {
      const device = s.devices[a.dev];
      const free = device?.freeList ?? [];
      go();
      if (device) device.freeList = free;
    }),
  },
];

/** The frames of a range that are in use. */
function inUse(s: Work, a: Remove): Frame[] {
  const chunk = liveChunk(s, a.dev, a.chunk);
  return chunk === null ? [] : s.frames.slice(chunk.first, chunk.first + chunk.npages).filter((frame) => !frame.free);
}

/** A range is removed as soon as this holds of its frames in use. Who holds one of them goes on holding what is no memory any more. */
function removesWhen(holds: (frames: readonly Frame[]) => boolean): Tampering {
  return all(
    tamper("remove_chunk", "e7", (rule) => ({
      enabled: (s, t, a) => holds(inUse(s, a)) || (rule.enabled?.(s, t, a) ?? true),
      apply(s, t, a, choice) {
        if (holds(inUse(s, a))) goto(a, "e8");
        else rule.apply(s, t, a, choice);
      },
    })),
    around("remove_chunk", "e8", (go, s) => {
      const before = s.frames.slice();
      go();
      for (const [n, { kind, holders }] of before.entries())
        if (holders.length > 0 && s.frames[n]?.kind !== kind) setFrame(s, n as Pfn, { holders });
    }),
  );
}
