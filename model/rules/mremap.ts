/** mremap to a fixed place: the target is unmapped, the entries are moved as they are, the source is unmapped. */
import { vpn as toVpn } from "../../spec/vocabulary.ts";
import type { ReqId } from "../../spec/requirements.ts";
import type { Of } from "../activation.ts";
import { frameOf, mapHolder, mappedPfn, setFrame } from "../frames.ts";
import { splitHuge } from "../huge.ts";
import { canWrite, mmOf, writeLock, writeUnlock } from "../locks.ts";
import { enter, fail, goto, known, ok } from "../rule.ts";
import type { Steps } from "../rule.ts";
import { NONE } from "../state.ts";
import type { TaskWork, Work } from "../state.ts";
import type { Errno } from "../../spec/vocabulary.ts";
import { findVma, insert, nextStamp } from "../vmas.ts";
import { invalidate, invalidateEnd } from "./invalidate.ts";
import { doMunmap } from "./munmap.ts";
import { mayRelease, releaseFiles } from "./release.ts";

type Mremap = Of<"mremap">;

/** The steps of mremap. */
export const mremapSteps: Steps<"mremap"> = {
  lock: {
    spec: ["VMA-2", "VMA-18", "VMA-19"],
    enabled: (s, _t, a) => canWrite(s, a.mm),
    apply(s, t, a) {
      if (a.start === a.end) return fail(t, "EINVAL", "VMA-2");
      writeLock(s, a.mm, t.id);
      const size = a.end - a.start;
      if (findVma(mmOf(s, a.mm), a.start) === null) return giveUp(s, t, a, "EFAULT", "VMA-19");
      if (a.start < a.to + size && a.to < a.end) return giveUp(s, t, a, "EINVAL", "VMA-18");
      goto(a, "target");
    },
  },
  target: { spec: ["VMA-20", "INV-10"], apply: (_s, t, a) => enter(t, a, "move", doMunmap(a.mm, a.to, a.to + a.end - a.start)) },
  move: {
    spec: ["VMA-6", "VMA-7", "VMA-8", "VMA-20", "INV-12", "NTF-1"],
    apply(s, t, a) {
      const mm = mmOf(s, a.mm);
      const vma = known(findVma(mm, a.start), "vma");
      if (a.end > vma.end) {
        // The target is unmapped by now, and with it maybe the last mapping of a file.
        a.failed = true;
        return goto(a, "unlock");
      }
      // A private mapping that was never faulted takes the offset of its new place, so that it can join its neighbours there.
      const pgoff = vma.map === "private" && vma.anonVma === null ? a.to : vma.pgoff + a.start - vma.start;
      insert(s, mm, { ...vma, start: a.to, end: a.to + a.end - a.start, pgoff, stamp: nextStamp(s) }, false);
      enter(t, a, "moved", invalidate(a.mm, a.start, a.end, "UNMAP"));
    },
  },
  moved: {
    spec: ["PTE-4", "VMA-21", "INV-2", "MIG-52", "EXC-23"],
    apply(s, _t, a) {
      moveEntries(s, a);
      goto(a, "end");
    },
  },
  end: {
    spec: ["INV-6", "INV-12"],
    apply(s, _t, a) {
      invalidateEnd(s, a.mm);
      goto(a, "source");
    },
  },
  source: { spec: ["VMA-21", "INV-12"], apply: (_s, t, a) => enter(t, a, "unlock", doMunmap(a.mm, a.start, a.end)) },
  unlock: {
    spec: ["FRM-6"],
    apply(s, _t, a) {
      writeUnlock(s, a.mm);
      goto(a, "fput");
    },
  },
  fput: {
    spec: ["MIR-9", "VMA-20"],
    enabled: mayRelease,
    apply(s, t, a) {
      if (releaseFiles(s, t, a, "fput")) return;
      if (a.failed) fail(t, "EFAULT", "VMA-20");
      else ok(t);
    },
  },
};

function giveUp(s: Work, t: TaskWork, a: Mremap, errno: Errno, rule: ReqId): void {
  writeUnlock(s, a.mm);
  fail(t, errno, rule);
}

function moveEntries(s: Work, a: Mremap): void {
  const { ptes } = mmOf(s, a.mm);
  splitHuge(s, a.mm, a.start);
  splitHuge(s, a.mm, a.end);
  for (let v = a.start; v < a.end; v++) {
    const pte = known(ptes[v], "pte");
    const to = a.to + v - a.start;
    ptes[to] = pte;
    ptes[v] = NONE;
    const pfn = mappedPfn(pte);
    if (pfn === null) continue;
    const old = mapHolder(a.mm, toVpn(v));
    setFrame(s, pfn, {
      holders: frameOf(s, pfn).holders.map((h) =>
        h.kind === "map" && old.kind === "map" && h.mm === a.mm && h.vpn === v ? mapHolder(a.mm, toVpn(to)) : h,
      ),
    });
  }
}
