/** Mutants of mirrors: being inserted, being removed, and the invalidate callback of the driver (i2). */
import type { Mutant, Tampering } from "./mutant.ts";
import { scope } from "./scope.ts";
import { all, always, around, driverWith, under } from "./tamper.ts";

const TWO_DEVICES = { devices: ["private", "private"] } as const;

/** Bugs in the life of a mirror, and in what its driver does when it is called. */
export const CALLBACK_MUTANTS: readonly Mutant[] = [
  {
    id: "B9",
    row: "B9",
    title: "The removal of a mirror does not wait for the notification in progress, which then calls a mirror that is gone.",
    origin: 'mail "mm/hmm: fix race between hmm_mirror_unregister() and mmu_notifier callback"',
    breaks: ["MIR-7"],
    killedBy: "intervals-wait",
    scope: scope(["mmap", "madvise", "open", "close"]),
    model: around("release", "remove", (go, s, _t, a) => {
      go();
      const file = s.files[a.file];
      if (file) file.interval = "none";
    }),
  },
  {
    id: "B28",
    row: "B28",
    title: "The notifier of a mirror is not taken off with it, and the next notification calls it once more.",
    origin: 'mail "mm/hmm: unregister mmu_notifier when last HMM client quit"',
    breaks: ["MIR-7"],
    killedBy: "notifier-protocol",
    scope: scope(["mmap", "madvise", "open", "close"]),
    model: all(
      around("release", "remove", (go, s, _t, a) => {
        go();
        const file = s.files[a.file];
        if (file) file.interval = "removing";
      }),
      always("release", "evict"),
    ),
  },
  {
    id: "B29",
    row: "B29",
    title: "The memory of a mirror is given back while its removal still waits for a notification that will call it.",
    origin: 'mail "mm/hmm: fix use after free with struct hmm in the mmu notifiers"',
    breaks: ["MIR-7"],
    killedBy: "refines",
    scope: scope(["mmap", "madvise", "open", "close"]),
    model: always("release", "evict"),
  },
  {
    id: "U1",
    row: "U1",
    title:
      "The callback sets the sequence but leaves the entries at a MIGRATE event of its own device, which writes on while the page is copied.",
    origin: "reading lib/test_hmm.c of 5.8 to 7.0",
    breaks: ["IDL-3", "MIG-28", "NTF-3"],
    killedBy: "no-entry-after-callback",
    scope: scope(["mmap", "device_write", "migrate_to_device"]),
    model: around("invalidate", "i2", (go, s, _t, a, choice) => {
      const file = s.files[Number(choice)];
      if (!file || a.event !== "MIGRATE" || a.owner !== file.dev) return go();
      const entries = file.dpt;
      file.dpt = [...entries];
      go();
      file.dpt = entries;
    }),
  },
  {
    id: "U2",
    row: "U2",
    title: "The callback ignores a MIGRATE event of its own device altogether, so a device fault that began before it is not repeated.",
    origin: "reading lib/test_hmm.c of 5.8 to 7.0",
    breaks: ["IDL-2", "IDL-3", "INV-7"],
    killedBy: "no-entry-after-callback",
    scope: scope(["mmap", "device_write", "migrate_to_device"]),
    model: under("invalidate", "i2", driverWith({ filtersOwnMigrate: true })),
  },
  {
    id: "U9",
    row: "U9",
    title: "The callback takes the end of the range for its last page and erases one entry too many.",
    origin: "reading lib/test_hmm.c of 5.8 to 7.0",
    breaks: ["IDL-1"],
    killedBy: "refines",
    scope: scope(["mmap", "device_read", "madvise"], { pages: 2 }),
    model: under("invalidate", "i2", driverWith({ inclusiveEnd: true })),
  },
  {
    id: "g4",
    row: "g4",
    title: "An interval that waits to be inserted is inserted by the start of a notification instead of the end of the last one.",
    origin: "ours",
    breaks: ["INV-8"],
    killedBy: "intervals-wait",
    scope: scope(["mmap", "madvise", "open"], TWO_DEVICES),
    model: all(insertsWaiting("i1"), insertsWaiting("i2")),
  },
  {
    id: "g4-valid",
    row: "g4",
    title: "An interval that is inserted while notifications are active is born valid, so its mirror reads entries that are about to go.",
    origin: "ours",
    breaks: ["INV-8"],
    killedBy: "refines",
    scope: scope(["mmap", "madvise", "open"], TWO_DEVICES),
    model: around("open", "open", (go, s, _t, a) => {
      go();
      const added = s.files.find((file) => file.dev === a.dev && file.interval === "adding");
      if (!added) return;
      added.interval = "inserted";
      added.seq -= 2;
    }),
  },
];

/** A step of the start of a notification lets in the intervals that wait for its end. */
function insertsWaiting(pc: "i1" | "i2"): Tampering {
  return around("invalidate", pc, (go, s, _t, a) => {
    for (const file of s.files) if (file.mm === a.mm && file.interval === "adding") file.interval = "inserted";
    go();
  });
}
