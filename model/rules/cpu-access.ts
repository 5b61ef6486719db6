/** A load or store of the CPU: the entry decides, a fault repairs it, the access is tried again. */
import { canRead, mmOf, readLock, readUnlock } from "../locks.ts";
import { enter, goto, known, ok, reply } from "../rule.ts";
import type { Steps } from "../rule.ts";
import type { Of } from "../activation.ts";
import { setFrame, frameOf } from "../frames.ts";
import type { Work } from "../state.ts";
import { accessible, findVma } from "../vmas.ts";
import { follows } from "./get-user-pages.ts";
import { handleMmFault } from "./handle-mm-fault.ts";

type Access = Of<"cpu_access">;

export const cpuAccessSteps: Steps<"cpu_access"> = {
  access: {
    spec: [],
    apply(s, t, a) {
      const mm = mmOf(s, a.mm);
      const vma = findVma(mm, a.vpn);
      const pte = mm.ptes[a.vpn];
      if (vma === null || !accessible(vma.flags) || !follows(pte, a.write)) return goto(a, "c1");
      if (a.write) {
        store(s, a);
        return ok(t);
      }
      ok(t, { value: load(s, a) as number });
    },
  },
  c1: {
    spec: [],
    enabled: (s, _t, a) => canRead(s, a.mm),
    apply(s, t, a) {
      const vma = findVma(mmOf(s, a.mm), a.vpn);
      if (vma === null || !accessible(vma.flags) || (a.write && !vma.flags.write)) return reply(t, { status: "signal", signal: "SIGSEGV" });
      readLock(s, a.mm, t.id);
      enter(t, a, "fault", handleMmFault(a.mm, a.vpn, a.write));
    },
  },
  fault: {
    spec: [],
    apply(s, t, a) {
      readUnlock(s, a.mm, t.id);
      if (a.got === "sigbus") reply(t, { status: "signal", signal: "SIGBUS" });
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
