/** mprotect: mapping by mapping, stopping at the first hole. */
import type { Of } from "../activation.ts";
import { frameOf } from "../frames.ts";
import { splitHuge } from "../huge.ts";
import { canWrite, mmOf, writeLock, writeUnlock } from "../locks.ts";
import { enter, fail, goto, known, ok } from "../rule.ts";
import type { Steps } from "../rule.ts";
import type { Pte, Vma, VmFlags, Work } from "../state.ts";
import { changeFlags, findVma } from "../vmas.ts";
import { invalidate, invalidateEnd } from "./invalidate.ts";

/** The steps of mprotect. */
export const mprotectSteps: Steps<"mprotect"> = {
  lock: {
    spec: ["VMA-2"],
    enabled: (s, _t, a) => canWrite(s, a.mm),
    apply(s, t, a) {
      if (a.start === a.end) return ok(t);
      writeLock(s, a.mm, t.id);
      goto(a, "next");
    },
  },
  next: {
    spec: ["FRM-6", "VMA-12", "VMA-13", "INV-11", "NTF-1"],
    apply(s, t, a) {
      const vma = findVma(mmOf(s, a.mm), a.at);
      if (a.at >= a.end || vma === null) {
        writeUnlock(s, a.mm);
        return a.at >= a.end ? ok(t) : fail(t, "ENOMEM", "VMA-13");
      }
      const stop = Math.min(vma.end, a.end);
      if (vma.flags.read === a.flags.read && vma.flags.write === a.flags.write && vma.flags.exec === a.flags.exec) {
        a.at = stop;
        return;
      }
      enter(t, a, "change", invalidate(a.mm, a.at, stop, "PROTECTION_VMA"));
    },
  },
  change: {
    spec: [
      "INV-17",
      "PTE-2",
      "PTE-4",
      "VMA-6",
      "VMA-7",
      "VMA-8",
      "VMA-10",
      "VMA-14",
      "VMA-15",
      "VMA-16",
      "VMA-17",
      "INV-2",
      "MIG-51",
      "MEM-40",
      "EXC-21",
    ],
    apply(s, _t, a) {
      const vma = known(findVma(mmOf(s, a.mm), a.at), "vma");
      const stop = Math.min(vma.end, a.end);
      changeProtection(s, a, vma, stop);
      goto(a, "end");
    },
  },
  end: {
    spec: ["INV-6", "INV-11"],
    apply(s, _t, a) {
      const vma = known(findVma(mmOf(s, a.mm), a.at), "vma");
      invalidateEnd(s, a.mm);
      a.at = Math.min(vma.end, a.end);
      goto(a, "next");
    },
  },
};

function changeProtection(s: Work, a: Of<"mprotect">, vma: Vma, stop: number): void {
  const mm = mmOf(s, a.mm);
  const flags: VmFlags = { ...vma.flags, ...a.flags, account: charge(s, vma, a.flags.write) };
  changeFlags(s, mm, a.at, stop, flags);
  splitHuge(s, a.mm, a.at);
  splitHuge(s, a.mm, stop);
  for (let v = a.at; v < stop; v++) mm.ptes[v] = protect(s, vma.map, flags, known(mm.ptes[v], "pte"));
}

/** A private mapping is charged when it becomes writable, and keeps the charge. */
function charge(s: Work, vma: Vma, write: boolean): boolean {
  if (vma.map !== "private") return false;
  if (write) return true;
  return vma.flags.account && !(s.profile.mprotectUnaccounts && vma.anonVma === null);
}

/** The entry after its mapping's protection has changed. Entries of pages that are elsewhere lose write permission whatever the new protection is. */
function protect(s: Work, map: Vma["map"], flags: VmFlags, pte: Pte): Pte {
  switch (pte.kind) {
    case "none":
    case "zero":
    case "swap":
      return pte;
    case "migration":
      return pte.mode === "write" ? { ...pte, mode: "read_exclusive" } : pte;
    case "device_private":
    case "device_exclusive":
      return pte.write ? { ...pte, write: false } : pte;
    case "present":
      return { ...pte, write: flags.write && (map !== "private" || upgradable(s, pte)) };
  }
}

/** Whether a private page may be written without a fault: nobody else has it, and under 6.1 it must be dirty already and not huge. */
function upgradable(s: Work, pte: Extract<Pte, { kind: "present" }>): boolean {
  const { anonExclusive } = frameOf(s, pte.pfn);
  return anonExclusive && (s.profile.mprotectUpgrades === "all" || (s.profile.mprotectUpgrades === "dirty" && pte.dirty && !pte.huge));
}
