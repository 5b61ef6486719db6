/** Mutants of notifications: who is told, when, and over which range (i1 to i4). */
import type { Of } from "../../model/activation.ts";
import { frameOf } from "../../model/frames.ts";
import { mmOf } from "../../model/locks.ts";
import { leave } from "../../model/rule.ts";
import type { Work } from "../../model/state.ts";
import type { Mutant } from "./mutant.ts";
import { scope } from "./scope.ts";
import { all, around } from "./tamper.ts";
import { unannounced } from "./unannounced.ts";

type Walk = Of<"hmm_range_fault">;

/** Bugs in announcing changes of the CPU page table. */
export const NOTIFIER_MUTANTS: readonly Mutant[] = [
  {
    id: "B10",
    row: "B10",
    title: "The mirrors are called at the end of munmap's notification, when the entries and maybe the pages are gone already.",
    origin: "ec131b2d7fa6",
    breaks: ["INV-1", "INV-5"],
    killedBy: "announced-downgrades",
    scope: scope(["mmap", "munmap", "device_write"]),
    model: all(
      around("invalidate", "i1", (go, _s, t, a) => {
        go();
        if (t.stack.at(-1) !== a || t.stack.at(-2)?.op !== "do_munmap") return;
        leave(t);
      }),
      around("do_munmap", "end", (go, s, _t, a) => {
        const { seq } = mmOf(s, a.mm);
        for (const file of s.files) {
          if (file.mm !== a.mm || file.interval !== "inserted") continue;
          file.seq = seq;
          file.dpt.fill(null, a.start, a.end);
        }
        go();
      }),
    ),
  },
  {
    id: "B21",
    row: "B21",
    title: "Of two mirrors one refuses the start of a notification, and the other, which was told, never hears of its end.",
    origin: "c2655835fd8c",
    breaks: ["INV-6"],
    killedBy: "balanced-notifications",
    scope: scope(["mmap", "madvise", "device_read"], { devices: ["private", "private"], tasks_max: 3 }),
    model: around("invalidate", "i2", (go, s, _t, a) => {
      go();
      // A driver lock that is taken stands for a callback that may not sleep.
      if (a.hits.length > 0 && a.hits.every((file) => s.files[file]?.mutex !== null)) mmOf(s, a.mm).active++;
    }),
  },
  {
    id: "B27",
    row: "B27",
    title: "The end of an address space is announced to no mirror, which goes on reaching its pages.",
    origin: 'mail "mm/hmm: HMM should have a callback before MM is destroyed"',
    breaks: ["MIR-8", "INV-2"],
    killedBy: "announced-downgrades",
    scope: scope(["mmap", "fork", "exit", "device_read"], { actors_max: 2 }),
    model: unannounced("exit_mmap", "release", "zap", (_s, a) => a.mm),
  },
  {
    id: "B39",
    row: "B39",
    title: "One path that drops entries of shared memory announces nothing, so a device goes on writing the old page.",
    origin: "CVE-2022-48991",
    breaks: ["INV-2", "RCL-5"],
    killedBy: "announced-downgrades",
    scope: scope(["mmap", "device_read", "reclaim"]),
    model: unannounced("rmap_walk", "next", "end", (s, a) => {
      const shared = a.mode === "unmap" && frameOf(s, a.pfn).mapping?.kind === "shmem";
      return shared ? (a.targets[0]?.mm ?? null) : null;
    }),
  },
  {
    id: "B52",
    row: "B52",
    title: "A start that fails because a callback would have to sleep leaves the count of active notifications raised.",
    origin: 'mail "mm/hmm: Fix error flows in hmm_invalidate_range_start"',
    breaks: ["INV-6"],
    killedBy: "balanced-notifications",
    scope: scope(["mmap", "madvise", "device_read"]),
    model: around("invalidate", "i1", (go, s, _t, a) => {
      go();
      if (a.hits.some((file) => s.files[file]?.mutex !== null)) mmOf(s, a.mm).active++;
    }),
  },
  {
    id: "B53",
    row: "B53",
    title: "The reverse map walk announces a range that ends too early, so the device keeps the last page of it.",
    origin: 'mail "mm: fix mmu notifier range in try_to_unmap_one"',
    breaks: ["INV-2", "INV-15"],
    killedBy: "announced-downgrades",
    scope: scope(["mmap", "device_write", "reclaim"]),
    model: around("rmap_walk", "next", (go, _s, t) => {
      go();
      const entered = t.stack.at(-1);
      if (entered?.op === "invalidate") entered.end--;
    }),
  },
  {
    id: "T6",
    row: "T6",
    title: "A range that is done is taken off its list too late, and a notification still writes into what lies at its words now.",
    origin: "v15 09/16",
    breaks: ["INV-9"],
    killedBy: "refines",
    scope: scope(["mmap", "device_read", "madvise"], { core: "v14", pages: 3, tasks_max: 3 }),
    model: around("invalidate", "i1", (go, s, _t, a) => {
      go();
      for (const walk of walksOf(s, a)) {
        if (!walk.valid) continue;
        walk.pfns = walk.pfns.map((found) => (found.kind === "valid" ? { kind: "none" } : found));
      }
    }),
  },
  {
    id: "T13",
    row: "T13",
    title:
      "The overlap test of v14 is made exact: a range that begins where the notification ends stays valid. Safe, but not what v14 does.",
    origin: "v15 09/16",
    breaks: ["INV-9", "SNAP-15"],
    killedBy: "refines",
    scope: scope(["mmap", "device_read", "madvise"], { core: "v14", pages: 2 }),
    model: around("invalidate", "i1", (go, s, _t, a) => {
      const touching = walksOf(s, a).filter((walk) => walk.valid && walk.start === a.end);
      go();
      for (const walk of touching) walk.valid = true;
    }),
  },
  {
    id: "g3",
    row: "g3",
    title: "Every end of a notification makes the sequence even, although another one is still active.",
    origin: "ours",
    breaks: ["INV-6", "RF-11"],
    killedBy: "no-entry-after-callback",
    scope: scope(["mmap", "madvise", "open"]),
    model: around("madvise", "end", (go, s, _t, a) => {
      const mm = mmOf(s, a.mm);
      const { active } = mm;
      go();
      if (mm.active < active && mm.active > 0 && mm.seq % 2 === 1) mm.seq++;
    }),
  },
  {
    id: "g27",
    row: "g27",
    title: "munmap drops entries without a notification.",
    origin: "ours",
    breaks: ["INV-10", "INV-2"],
    killedBy: "announced-downgrades",
    scope: scope(["mmap", "device_read", "munmap"]),
    model: unannounced("do_munmap", "detach", "end", (_s, a) => a.mm),
  },
  {
    id: "g28",
    row: "g28",
    title: "munmap announces only the part of its range that lies in the first mapping.",
    origin: "ours",
    breaks: ["INV-10", "INV-2"],
    killedBy: "announced-downgrades",
    scope: scope(["mmap", "device_read", "munmap"], { pages: 2 }),
    model: around("do_munmap", "detach", (go, _s, t, a) => {
      go();
      const entered = t.stack.at(-1);
      const first = a.detached[0];
      if (entered?.op === "invalidate" && first) entered.end = first.end;
    }),
  },
];

/** The range walks in progress on the address space of a notification. */
function walksOf(s: Work, { mm }: Of<"invalidate">): Walk[] {
  return s.tasks.flatMap((task) => task.stack.filter((a) => a.op === "hmm_range_fault").filter((walk) => walk.mm === mm));
}
