/** Mutants of the range walk: what it finds, whether that is still true, and what the mirror is given (d1 to d8). */
import type { Of } from "../../model/activation.ts";
import { frameOf, hold } from "../../model/frames.ts";
import { mmOf } from "../../model/locks.ts";
import { goto } from "../../model/rule.ts";
import { findVma } from "../../model/vmas.ts";
import type { Pte, Work } from "../../model/state.ts";
import type { DevId, Errno } from "../../spec/vocabulary.ts";
import { taskHolder } from "./memory.ts";
import type { Mutant } from "./mutant.ts";
import { scope } from "./scope.ts";
import { around, driverWith, under } from "./tamper.ts";

type Walk = Of<"hmm_range_fault">;

const TWO_DEVICES = { devices: ["private", "private"] } as const;

/** Bugs in reading the CPU page table for a mirror. */
export const RANGE_FAULT_MUTANTS: readonly Mutant[] = [
  {
    id: "B16",
    row: "B16",
    title: "A device that faults a page in the private memory of another device is answered EFAULT.",
    origin: "8a295dbbaf72",
    breaks: ["RF-9"],
    killedBy: "refines",
    scope: scope(["mmap", "migrate_to_device", "device_read"], TWO_DEVICES),
    model: around("hmm_range_fault", "d5", (go, s, _t, a) => {
      const pte = entryAt(s, a);
      const foreign = pte?.kind === "device_private" && frameOf(s, pte.pfn).dev !== s.files[a.file]?.dev;
      if (a.request && foreign) refuse(a, "EFAULT");
      else go();
    }),
  },
  {
    id: "B17",
    row: "B17",
    title: "A device fault takes a private page of any device for its own.",
    origin: 'mail "mm/hmm: check the device private page owner in hmm_range_fault()"',
    breaks: ["RF-9", "MEM-45"],
    killedBy: "ownership",
    scope: scope(["mmap", "migrate_to_device", "device_read"], TWO_DEVICES),
    model: under(
      "hmm_range_fault",
      "d5",
      (profile) => ({ ...profile, ownerFilter: false }),
      (a) => a.request,
    ),
  },
  {
    id: "B25",
    row: "B25",
    title: "The word ERROR is written through a pointer of the wrong type: it goes to the words of another walk.",
    origin: 'mail "mm/hmm: hmm_pfns_bad() was accessing wrong struct"',
    breaks: ["SNAP-2", "SNAP-3"],
    killedBy: "refines",
    scope: scope(["mmap", "snapshot"]),
    model: around("hmm_range_fault", "d5", (go, s, _t, a) => {
      const i = a.at - a.start;
      go();
      if (a.pfns[i]?.kind !== "error") return;
      a.pfns[i] = { kind: "none" };
      const other = s.tasks
        .flatMap(({ stack }) => stack)
        .find((b): b is Walk => b.op === "hmm_range_fault" && b !== a && b.pfns.length > 0);
      if (other) other.pfns[0] = { kind: "error" };
    }),
  },
  {
    id: "B26",
    row: "B26",
    title: "The request to write counts for the first page of a range only; the others are faulted for reading.",
    origin: 'mail "mm/hmm: do not ignore specific pte fault flag in hmm_vma_fault()"',
    breaks: ["RF-2", "RF-3"],
    killedBy: "refines",
    scope: scope(["mmap", "cpu_write", "cpu_read", "device_write"], { driver: "dmirror-fixed", pages: 2 }),
    model: around("hmm_range_fault", "d5", (go, _s, _t, a) => {
      const { write } = a;
      a.write = write && a.at === a.start;
      go();
      a.write = write;
    }),
  },
  {
    id: "B41",
    row: "B41",
    title: "A mapping with pages of its driver is treated like one without pages: every page of it is an error.",
    origin: "87c01d57fa23",
    breaks: ["SNAP-6"],
    killedBy: "refines",
    scope: scope(["mmap", "snapshot"]),
    model: around("hmm_range_fault", "d5", (go, s, _t, a) => {
      if (findVma(mmOf(s, a.mm), a.at)?.map !== "device" || a.at >= a.end) return go();
      if (a.request) refuse(a, "EFAULT");
      else found(a, { kind: "error" });
    }),
  },
  {
    id: "B42",
    row: "B42",
    title: "A snapshot that meets a hole ends with EBUSY, as after a fault that nobody has asked for.",
    origin: "ee37d9e6e474",
    breaks: ["SNAP-4", "SNAP-1"],
    killedBy: "refines",
    scope: scope(["mmap", "snapshot"]),
    model: around("hmm_range_fault", "d5", (go, s, _t, a) => {
      if (!a.request && entryAt(s, a)?.kind === "none" && findVma(mmOf(s, a.mm), a.at) !== null) refuse(a, "EBUSY");
      else go();
    }),
  },
  {
    id: "B45",
    row: "B45",
    title: "A walk that faults nothing takes a migration entry for a bad one.",
    origin: 'mail "mm/hmm: properly handle migration pmd"',
    breaks: ["SNAP-4"],
    killedBy: "refines",
    scope: scope(["mmap", "cpu_write", "migrate_to_device", "snapshot"]),
    model: around("hmm_range_fault", "d5", (go, s, _t, a) => {
      if (!a.request && entryAt(s, a)?.kind === "migration") found(a, { kind: "error" });
      else go();
    }),
  },
  {
    id: "B55",
    row: "B55",
    title: "A walker that finds a device-private page takes a reference on it that nobody puts.",
    origin: "9a137153fc87",
    breaks: ["SNAP-1", "FRM-6"],
    killedBy: "reference-conservation",
    scope: scope(["mmap", "migrate_to_device", "snapshot"]),
    model: around("hmm_range_fault", "d5", (go, s, t, a) => {
      const pte = entryAt(s, a);
      if (!a.request && pte?.kind === "device_private") hold(s, pte.pfn, taskHolder(t, "gup"));
      go();
    }),
  },
  {
    id: "B56",
    row: "B56",
    title: "A reader of the page table follows a migration entry to its frame, which nothing keeps.",
    origin: "24d7275ce279",
    breaks: ["SNAP-4"],
    killedBy: "refines",
    scope: scope(["mmap", "cpu_write", "migrate_to_device", "snapshot"]),
    model: around("hmm_range_fault", "d5", (go, s, _t, a) => {
      const pte = entryAt(s, a);
      if (a.request || pte?.kind !== "migration") return go();
      found(a, { kind: "valid", pfn: pte.pfn, read: true, write: pte.mode === "write", zero: false, huge: false });
    }),
  },
  {
    id: "T11",
    row: "T11",
    title: "An entry that is not present is classified before it was read, by the entry of the page before.",
    origin: "mm/hmm.c of 4.14",
    breaks: ["SNAP-7", "SNAP-8"],
    killedBy: "refines",
    scope: scope(["mmap", "migrate_to_device", "snapshot"], { pages: 3 }),
    model: around("hmm_range_fault", "d5", (go, s, _t, a) => {
      const { ptes } = mmOf(s, a.mm);
      const at = a.at;
      const own = ptes[at];
      const previous = at > a.start ? ptes[at - 1] : undefined;
      const special = own !== undefined && own.kind !== "none" && own.kind !== "zero" && own.kind !== "present";
      if (a.request || !special || previous === undefined) return go();
      ptes[at] = previous;
      go();
      ptes[at] = own;
    }),
  },
  {
    id: "U8",
    row: "U8",
    title: "A request to write is answered with success for a read-only private page of the device itself, which then cannot write.",
    origin: "reading mm/hmm.c since 5.8",
    breaks: ["IDL-7"],
    killedBy: "refines",
    scope: scope(["mmap", "migrate_to_device", "mprotect", "device_write"]),
    model: under("hmm_range_fault", "d5", driverWith({ writesReadOnlyPrivate: false })),
  },
  {
    id: "g21",
    row: "g21",
    title: "A snapshot shows a private page of another device as if it could be reached.",
    origin: "ours",
    breaks: ["SNAP-8"],
    killedBy: "refines",
    scope: scope(["mmap", "migrate_to_device", "snapshot"], TWO_DEVICES),
    model: under(
      "hmm_range_fault",
      "d5",
      (profile) => ({ ...profile, ownerFilter: false }),
      (a) => !a.request,
    ),
  },
  {
    id: "g30",
    row: "g30",
    title: "A walk compares owners with the first device of the system instead of the one that it reads for.",
    origin: "ours",
    breaks: ["RF-9", "RF-7", "SNAP-8"],
    killedBy: "ownership",
    scope: scope(["mmap", "migrate_to_device", "snapshot"], TWO_DEVICES),
    model: around("hmm_range_fault", "d5", (go, s, _t, a) => {
      const file = s.files[a.file];
      if (!file) return go();
      const { dev } = file;
      file.dev = 0 as DevId;
      go();
      file.dev = dev;
    }),
  },
];

/** The entry that a walk looks at next. */
function entryAt(s: Work, a: Walk): Pte | undefined {
  return a.at < a.end ? mmOf(s, a.mm).ptes[a.at] : undefined;
}

/** The walk ends with an error at the page that it looks at. */
function refuse(a: Walk, errno: Errno): void {
  a.pfns[a.at - a.start] = { kind: "error" };
  a.error = errno;
  goto(a, "d7");
}

/** The walk has found this at the page that it looks at. */
function found(a: Walk, what: Walk["pfns"][number]): void {
  a.pfns[a.at - a.start] = what;
  a.at++;
}
