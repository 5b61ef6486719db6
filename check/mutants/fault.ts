/** Mutants of the CPU fault (c2 to c8) and of who answers it. */
import { drop, frameOf, hold } from "../../model/frames.ts";
import { mmOf } from "../../model/locks.ts";
import { enter, leave } from "../../model/rule.ts";
import { cpuFaultMigration } from "../../model/rules/migrate.ts";
import { poke, taskHolder } from "./memory.ts";
import type { Mutant } from "./mutant.ts";
import { scope } from "./scope.ts";
import { all, always, around, under } from "./tamper.ts";
import { unannounced } from "./unannounced.ts";

/** Bugs in repairing an entry for the CPU. */
export const FAULT_MUTANTS: readonly Mutant[] = [
  {
    id: "B1",
    row: "B1",
    title: "The CPU fault hands a private frame to its driver without a reference and without a second look at the entry.",
    origin: "16ce101db85d, CVE-2022-3523",
    breaks: ["MEM-22"],
    killedBy: "fault-holds-frame",
    scope: scope(["mmap", "cpu_read", "migrate_to_device"]),
    model: all(
      under("handle_mm_fault", "c6", (profile) => ({ ...profile, faultTakesReference: false })),
      under("handle_mm_fault", "c6_put", (profile) => ({ ...profile, faultTakesReference: false })),
    ),
  },
  {
    id: "T12",
    row: "T12",
    title: "The CPU fault takes a reference on a private frame without a second look at the entry: the frame may be free by then.",
    origin: "v14 05/16",
    breaks: ["MEM-22"],
    killedBy: "fault-holds-frame",
    scope: scope(["mmap", "cpu_read", "migrate_to_device"], { tasks_max: 4 }),
    model: around("handle_mm_fault", "c6", (go, s, t, a) => {
      const { pte } = a;
      go();
      // The step has found that the entry is another one, and has left.
      if (t.stack.includes(a) || pte.kind !== "device_private" || frameOf(s, pte.pfn).dev === null) return;
      t.stack.push(a);
      hold(s, pte.pfn, taskHolder(t, "fault"));
      enter(t, a, "c6_put", cpuFaultMigration(s, a.mm, a.vpn, pte.pfn));
    }),
  },
  {
    id: "B7",
    row: "B7",
    title: "The CPU fault locks the frame of an exclusive entry without holding a reference on it.",
    origin: "7c7b962938dd",
    breaks: ["EXC-17"],
    killedBy: "refines",
    scope: scope(["mmap", "cpu_read", "make_exclusive", "madvise"]),
    model: all(
      around("handle_mm_fault", "c7", (go, s, t, a) => {
        go();
        if (a.pc === "c7_lock" && a.pte.kind === "device_exclusive") drop(s, a.pte.pfn, taskHolder(t, "fault"));
      }),
      around("handle_mm_fault", "c7_end", (go, s, t, a) => {
        // What is dropped here is counted first, since nobody has taken it.
        if (a.pte.kind === "device_exclusive") hold(s, a.pte.pfn, taskHolder(t, "fault"));
        go();
      }),
    ),
  },
  {
    id: "B33",
    row: "B33",
    title: "Who waits for a migration entry holds a reference on the frame, and the migration fails for one reference too many.",
    origin: "ffa65753c431",
    breaks: ["MIG-41"],
    killedBy: "refines",
    scope: scope(["mmap", "cpu_write", "cpu_read", "migrate_to_device"]),
    model: all(
      under("handle_mm_fault", "c5", (profile) => ({ ...profile, migrationWaitTakesReference: true })),
      under("handle_mm_fault", "c5_wait", (profile) => ({ ...profile, migrationWaitTakesReference: true })),
    ),
  },
  {
    id: "B34",
    row: "B34",
    title: "A CPU fault that could not bring a private page home keeps its reference while it tries again, so nobody ever can.",
    origin: "1afaeb8293c9",
    breaks: ["MEM-22", "FRM-6"],
    killedBy: "reference-conservation",
    scope: scope(["mmap", "cpu_read", "migrate_to_device"]),
    model: around("handle_mm_fault", "c6_put", (go, s, t, a) => {
      const now = mmOf(s, a.mm).ptes[a.vpn];
      const stays = a.pte.kind === "device_private" && now?.kind === "device_private" && now.pfn === a.pte.pfn;
      if (stays) leave(t, a.got);
      else go();
    }),
  },
  {
    id: "B35",
    row: "B35",
    title: "Who meets a page under migration does not sleep until it is unlocked, but faults again at once and starves who holds the lock.",
    origin: 'CVE-2026-43404, "mm: Fix a hmm_range_fault() livelock / starvation problem"',
    breaks: ["MIG-41", "RF-13"],
    killedBy: "refines",
    scope: scope(["mmap", "cpu_write", "cpu_read", "migrate_to_device"]),
    model: always("handle_mm_fault", "c5"),
  },
  {
    id: "T14",
    row: "T14",
    title: "The helper of the fault handler answers success for a page that it could not copy, and the CPU faults on it for ever.",
    origin: "v14 15/16",
    breaks: ["MEM-24", "MEM-26", "MIG-55"],
    killedBy: "refines",
    scope: scope(["mmap", "cpu_write", "cpu_read", "migrate_to_device"], { core: "v14" }),
    model: around("migrate", "m9", (go, _s, t, a) => {
      go();
      const caller = t.stack.at(-1);
      if (caller?.op === "handle_mm_fault" && a.purpose === "cpu_fault" && caller.got === "sigbus") caller.got = null;
    }),
  },
  {
    id: "g11",
    row: "g11",
    title: "An exclusive entry is restored without a notification: the device goes on with its atomics beside the CPU.",
    origin: "ours",
    breaks: ["EXC-17", "INV-2"],
    killedBy: "announced-downgrades",
    scope: scope(["mmap", "make_exclusive", "cpu_read"]),
    model: unannounced("handle_mm_fault", "c7_lock", "c7_end", (_s, a) => a.mm),
  },
  {
    id: "g12",
    row: "g12",
    title: "An exclusive entry is restored with write permission, whatever its mapping allows.",
    origin: "ours",
    breaks: ["EXC-18", "PTE-2"],
    killedBy: "permission",
    scope: scope(["mmap", "make_exclusive", "mprotect", "cpu_read"]),
    model: around("handle_mm_fault", "c7_restore", (go, s, _t, a) => {
      const before = mmOf(s, a.mm).ptes[a.vpn];
      go();
      const now = mmOf(s, a.mm).ptes[a.vpn];
      if (now !== before && now?.kind === "present") poke(s, a.mm, a.vpn, { ...now, write: true });
    }),
  },
];
