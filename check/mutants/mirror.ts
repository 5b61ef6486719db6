/** Mutants of the protocol between a range walk, the locks, and the driver that installs what was found. */
import type { Of } from "../../model/activation.ts";
import { mmOf, readLock, readUnlock } from "../../model/locks.ts";
import { goto, leave } from "../../model/rule.ts";
import type { Mutant, Tampering } from "./mutant.ts";
import { scope } from "./scope.ts";
import { all, always, around, driverWith, under } from "./tamper.ts";

/** Bugs in faulting for a device, in retrying, and in installing entries. */
export const MIRROR_MUTANTS: readonly Mutant[] = [
  {
    id: "B36",
    row: "B36",
    title: "The last use of an address space is dropped under the driver lock that the callback of its RELEASE waits for.",
    origin: "6225bb3a88d2",
    breaks: ["MIR-8", "DEV-7"],
    killedBy: "lock-discipline",
    scope: scope(["fork", "exit", "device_read"], { actors_max: 2 }),
    model: around("dmirror_fault", "put", (go, s, t, a) => {
      const file = s.files[a.file];
      if (file?.mutex === null && mmOf(s, a.mm).users === 1) file.mutex = t.id;
      go();
    }),
  },
  {
    id: "B43",
    row: "B43",
    title: "A page is faulted in while a lock is held that the fault needs: here the driver lock, under which nobody may sleep.",
    origin: 'mail "mm/hmm: do not call hmm_vma_walk_hole() while holding a spinlock"',
    breaks: ["DEV-7", "FRM-6"],
    killedBy: "lock-discipline",
    scope: scope(["mmap", "device_read"]),
    model: around("device_access", "a1", (go, s, t, a) => {
      go();
      const file = s.files[a.file];
      if (file && a.pc === "fault") file.mutex = t.id;
    }),
  },
  {
    id: "B44",
    row: "B44",
    title: "The error path of a range walk does not give back what the walk has taken: the address space lock stays held.",
    origin: 'mail "mm/hmm: add missing unmaps of the ptep during hmm_vma_handle_pte()"',
    breaks: ["FRM-6"],
    killedBy: "lock-discipline",
    scope: scope(["device_read"]),
    model: around("hmm_range_fault", "d7", (go, s, t, a) => {
      go();
      if (a.error !== null) readLock(s, a.mm, t.id);
    }),
  },
  {
    id: "B46",
    row: "B46",
    title:
      "The order of a page is taken for the number of pages to install, from wherever the range begins: one behind it is installed too.",
    origin: "c50729c68aaf",
    breaks: ["DEV-6"],
    killedBy: "mirror-consistency",
    scope: scope(["mmap", "device_write"], { pages: 2 }),
    model: around("hmm_range_fault", "d8", (go, s, t, a) => {
      go();
      const file = s.files[a.file];
      const last = file?.dpt[a.end - 1];
      if (!file || !last || last.zero || t.stack.includes(a) || a.end >= file.dpt.length) return;
      file.dpt[a.end] = { ...last, pfn: (last.pfn + 1) as typeof last.pfn };
    }),
  },
  {
    id: "B51",
    row: "B51",
    title: "A fault that must block drops the address space lock all the same, and the walk goes on without it.",
    origin: 'mail "mm/hmm: Only set FAULT_FLAG_ALLOW_RETRY for non-blocking"',
    breaks: ["RF-14"],
    killedBy: "refines",
    scope: scope(["mmap", "device_read"], { core: "v14" }),
    model: around("hmm_range_fault", "d6", (go, s, t, a, choice) => {
      if (choice === "" && a.got === null) readUnlock(s, a.mm, t.id);
      go();
    }),
  },
  {
    id: "B58",
    row: "B58",
    title: "A device fault on an address space that is gone answers success, and the access asks again for ever.",
    origin: '62deea75ff08 "lib/test_hmm: fail dmirror_fault() when the mirrored mm is gone"',
    breaks: ["IDL-10"],
    killedBy: "refines",
    scope: scope(["fork", "exit", "device_read"], { actors_max: 2 }),
    model: around("dmirror_fault", "get", (go, s, t, a) => {
      if (mmOf(s, a.mm).users === 0) leave(t);
      else go();
    }),
  },
  {
    id: "B62-stale",
    row: "B62",
    title: "The words of a range are not cleared before it is walked again: what an earlier round left there is not looked at anew.",
    origin: '67b8bfd4ec7d "drm/gpusvm: Zero HMM PFNs before scanning ranges"',
    breaks: ["RF-12", "IDL-4"],
    killedBy: "mirror-consistency",
    scope: scope(["mmap", "device_read", "madvise"]),
    model: all(
      around("hmm_range_fault", "d1", (go, _s, _t, a) => {
        const stale = a.pfns;
        go();
        if (stale.length > 0) a.pfns = stale;
      }),
      around("hmm_range_fault", "d5", (go, _s, _t, a) => {
        while (a.at < a.end && a.pfns[a.at - a.start]?.kind === "valid") a.at++;
        go();
      }),
    ),
  },
  {
    id: "B62-users",
    row: "B62",
    title: "The driver does not give back its use of an address space, which therefore never ends.",
    origin: '847b371debf3 "drm/gpusvm: Fix MM reference leak in drm_gpusvm_range_evict"',
    breaks: ["RCL-12", "MIR-8"],
    killedBy: "quiescence",
    scope: scope(["mmap", "device_read"]),
    model: around("dmirror_fault", "put", (_go, _s, _t, a) => goto(a, "done")),
  },
  {
    id: "T5",
    row: "T5",
    title: "A range walk does not notice a notification that is in progress when it begins, and reads entries that are about to go.",
    origin: "v15 09/16 and 10/16",
    breaks: ["RF-11"],
    killedBy: "no-entry-after-callback",
    scope: scope(["mmap", "device_read", "madvise"]),
    model: around("hmm_range_fault", "d1", (go, _s, _t, a) => {
      go();
      goto(a, "d3");
    }),
  },
  {
    id: "T7",
    row: "T7",
    title: "The error path of the registration of a mirror releases an address space lock that it has not taken.",
    origin: "v15 07/16",
    breaks: ["MIR-6"],
    killedBy: "entries-in-mappings",
    scope: scope(["mmap", "hmm_mirror_register"], { core: "v14" }),
    model: around("hmm_mirror_register", "register", (go, s, t) => {
      const mm = s.actors[t.actor]?.mm;
      go();
      const lock = mm === undefined ? undefined : s.mms[mm]?.lock;
      if (!lock || t.ret?.status !== "errno") return;
      if (lock.writer !== null) lock.writer = null;
      else lock.readers.pop();
    }),
  },
  {
    id: "T10",
    row: "T10",
    title: "A walk of a special mapping that succeeds returns early, and leaves behind what a caller would have had to give back.",
    origin: "v15 10/16",
    breaks: ["RF-15", "FRM-6"],
    killedBy: "lock-discipline",
    scope: scope(["mmap", "device_read"], { core: "v14" }),
    model: around("hmm_range_fault", "d7", (go, s, t, a) => {
      go();
      if (a.error === null && a.pfns.some((found) => found.kind === "special")) readLock(s, a.mm, t.id);
    }),
  },
  {
    id: "U3",
    row: "U3",
    title: "The driver enters the un-addressable frame itself where the memory behind it belongs, and the next access kills the system.",
    origin: "reading lib/test_hmm.c of 5.8 to 7.0",
    breaks: ["MEM-7"],
    killedBy: "un-addressability",
    scope: scope(["mmap", "migrate_to_device"]),
    model: under("hmm_range_fault", "d8", driverWith({ storesDevicePage: true })),
  },
  {
    id: "U4",
    row: "U4",
    title: "A device access through a file whose process is gone hangs in the kernel.",
    origin: "reading lib/test_hmm.c of 5.8 to 7.0",
    breaks: ["IDL-10"],
    killedBy: "no-crash",
    scope: scope(["fork", "exit", "device_read"], { core: "linux-6.12", actors_max: 2 }),
    model: under("dmirror_fault", "get", driverWith({ hangsOnGoneMirror: true })),
  },
  {
    id: "U16",
    row: "U16",
    title: "A device fault covers pages that need none, up to the end of the request, and brings those of the device itself home.",
    origin: "reading mm/hmm.c of 6.1 to 7.0",
    breaks: ["IDL-8"],
    killedBy: "refines",
    scope: scope(["mmap", "device_read"], { pages: 2 }),
    model: all(
      under("dmirror_fault", "range", driverWith({ faultBatch: 64 })),
      under("dmirror_fault", "walked", driverWith({ faultBatch: 64 })),
    ),
  },
  {
    id: "g1",
    row: "g1",
    title: "The driver installs entries without its lock.",
    origin: "ours",
    breaks: ["RF-12", "INV-5"],
    killedBy: "driver-lock-guards-mirror",
    scope: scope(["mmap", "device_read"]),
    model: always("hmm_range_fault", "d8"),
  },
  {
    id: "g2",
    row: "g2",
    title: "The retry compares the sequence of the address space and not that of the interval: a callback in between goes unnoticed.",
    origin: "ours",
    breaks: ["RF-12", "INV-7"],
    killedBy: "no-entry-after-callback",
    scope: scope(["mmap", "device_read", "madvise"]),
    model: all(
      around("hmm_range_fault", "d1", (go, s, _t, a) => {
        go();
        if (a.pc === "d3") a.seq = mmOf(s, a.mm).seq;
      }),
      comparesAddressSpace("d4"),
      comparesAddressSpace("d8"),
    ),
  },
];

/** A step that compares the sequence of its interval compares that of the address space. */
function comparesAddressSpace(pc: Of<"hmm_range_fault">["pc"]): Tampering {
  return around("hmm_range_fault", pc, (go, s, _t, a) => {
    const file = s.files[a.file];
    if (!file) return go();
    const { seq } = file;
    file.seq = mmOf(s, a.mm).seq;
    go();
    file.seq = seq;
  });
}
