/** A load or store of the CPU: the entry decides, a fault repairs it, the access is tried again. */
import { linearMap } from "../linear-map.ts";
import { canRead, mmOf, readLock, readUnlock } from "../locks.ts";
import { note } from "../notes.ts";
import { because, enter, goto, kill, known, ok } from "../rule.ts";
import type { Steps } from "../rule.ts";
import type { Of } from "../activation.ts";
import { setFrame, frameOf } from "../frames.ts";
import type { Work } from "../state.ts";
import { loadable, findVma } from "../vmas.ts";
import { follows } from "./get-user-pages.ts";
import { handleMmFault } from "./handle-mm-fault.ts";

type Access = Of<"cpu_access">;

/** The steps of a load or store. */
export const cpuAccessSteps: Steps<"cpu_access"> = {
  access: {
    spec: ["CPU-2", "CPU-10", "MEM-27", "MEM-37", "EXC-14", "TRC-6"],
    apply(s, t, a) {
      const mm = mmOf(s, a.mm);
      const vma = findVma(mm, a.vpn);
      const pte = mm.ptes[a.vpn];
      if (vma === null || !loadable(vma.flags) || !follows(pte, a.write)) return goto(a, "c1");
      if (pte?.kind === "present" && linearMap(s, pte.pfn) === "bus error") {
        note(s, { kind: "bad-entry", mm: a.mm, vpn: a.vpn, pfn: pte.pfn });
        return kill(t, "SIGBUS", "MEM-27");
      }
      if (a.write) {
        store(s, a);
        because(t, "status", "CPU-1");
        return ok(t);
      }
      because(t, "status", "CPU-1");
      because(t, "value", "CPU-10");
      ok(t, { value: load(s, a) as number });
    },
  },
  c1: {
    spec: ["CPU-12", "CPU-1", "CPU-2"],
    enabled: (s, _t, a) => canRead(s, a.mm),
    apply(s, t, a) {
      const vma = findVma(mmOf(s, a.mm), a.vpn);
      if (vma === null || !loadable(vma.flags) || (a.write && !vma.flags.write))
        return kill(t, "SIGSEGV", vma !== null && !loadable(vma.flags) && vma.flags.exec ? "CPU-12" : "CPU-1");
      readLock(s, a.mm, t.id);
      enter(t, a, "fault", handleMmFault(a.mm, a.vpn, a.write));
    },
  },
  fault: {
    spec: ["FRM-6", "CPU-9", "MEM-24"],
    apply(s, t, a) {
      readUnlock(s, a.mm, t.id);
      if (a.got === "sigbus") kill(t, "SIGBUS", findVma(mmOf(s, a.mm), a.vpn)?.map === "device" ? "CPU-9" : "MEM-24");
      else goto(a, "access");
    },
  },
};

function load(s: Work, a: Access): number | null {
  const pte = known(mmOf(s, a.mm).ptes[a.vpn], "pte");
  return pte.kind === "present" ? frameOf(s, pte.pfn).contents.first : 0;
}

function store(s: Work, a: Access): void {
  const { ptes } = mmOf(s, a.mm);
  const pte = known(ptes[a.vpn], "pte");
  if (pte.kind !== "present") return;
  if (!pte.dirty) ptes[a.vpn] = { ...pte, dirty: true };
  setFrame(s, pte.pfn, { contents: { ...frameOf(s, pte.pfn).contents, first: a.value } });
}
