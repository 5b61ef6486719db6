/** munmap, and the unmapping that mmap and mremap do first. */
import type { MmId } from "../../spec/vocabulary.ts";
import type { Of } from "../activation.ts";
import { canWrite, mmOf, writeLock, writeUnlock } from "../locks.ts";
import { enter, fail, goto, leave, ok } from "../rule.ts";
import type { Steps } from "../rule.ts";
import { NONE } from "../state.ts";
import type { Work } from "../state.ts";
import { dropPte } from "../frames.ts";
import { reap } from "../reap.ts";
import { detach } from "../vmas.ts";
import { splitHuge } from "../huge.ts";
import { mayRelease, releaseFiles } from "./release.ts";
import { invalidate, invalidateEnd } from "./invalidate.ts";

/** The unmapping of `[start, end)` for a caller that holds the address space lock for writing. */
export function doMunmap(mm: MmId, start: number, end: number): Of<"do_munmap"> {
  return { op: "do_munmap", pc: "detach", mm, start, end, notify: true, detached: [], got: null };
}

/** The steps of munmap. */
export const munmapSteps: Steps<"munmap"> = {
  lock: {
    spec: ["VMA-2"],
    enabled: (s, _t, a) => canWrite(s, a.mm),
    apply(s, t, a) {
      if (a.start === a.end) return fail(t, "EINVAL", "VMA-2");
      writeLock(s, a.mm, t.id);
      goto(a, "unmap");
    },
  },
  unmap: { spec: ["VMA-3"], apply: (_s, t, a) => enter(t, a, "unlock", doMunmap(a.mm, a.start, a.end)) },
  unlock: {
    spec: ["FRM-6"],
    apply(s, t, a) {
      writeUnlock(s, a.mm);
      goto(a, "fput");
    },
  },
  fput: { spec: ["MIR-9"], enabled: mayRelease, apply: (s, t, a) => releaseFiles(s, t, a, "fput") || ok(t) },
};

/** The steps of the unmapping itself. */
export const doMunmapSteps: Steps<"do_munmap"> = {
  detach: {
    spec: ["INV-17", "VMA-3", "INV-10", "NTF-1"],
    apply(s, t, a) {
      const mm = mmOf(s, a.mm);
      if (!mm.vmas.some((v) => v.start < a.end && a.start < v.end)) return leave(t);
      a.detached = detach(s, mm, a.start, a.end);
      enter(t, a, "zap", invalidate(a.mm, a.start, a.end, "UNMAP"));
    },
  },
  zap: {
    spec: ["RCL-14", "FRM-1", "FRM-2", "FRM-7", "PTE-4", "VMA-3", "INV-2", "MIG-50", "MEM-12", "MEM-13", "EXC-20"],
    apply(s, _t, a) {
      for (const vma of a.detached) zap(s, a.mm, vma.start, vma.end);
      a.detached = [];
      goto(a, "end");
    },
  },
  end: {
    spec: ["VMA-4", "INV-6", "INV-10"],
    apply(s, t, a) {
      invalidateEnd(s, a.mm);
      reap(s);
      leave(t);
    },
  },
};

/** Clears the entries of a range and drops what they held. */
export function zap(s: Work, mm: MmId, start: number, end: number): void {
  const { ptes } = mmOf(s, mm);
  splitHuge(s, mm, start);
  splitHuge(s, mm, end);
  for (let v = start; v < end; v++) {
    const pte = ptes[v];
    if (!pte || pte.kind === "none") continue;
    ptes[v] = NONE;
    dropPte(s, mm, v, pte);
  }
}
