/** madvise: mapping by mapping; a hole is remembered and answered at the end, except for populate, which stops there. */
import { vpn as toVpn } from "../../spec/vocabulary.ts";
import type { ReqId } from "../../spec/requirements.ts";
import type { Errno, Pfn } from "../../spec/vocabulary.ts";
import type { Of } from "../activation.ts";
import { dropPte, frameOf, freeSwapCache, mapCount, setFrame } from "../frames.ts";
import { blockOf, PTRS_PER_PTE, splitCompound } from "../huge.ts";
import { canRead, canWrite, mmOf, readLock, readUnlock, writeLock, writeUnlock } from "../locks.ts";
import { enter, fail, goto, known, ok } from "../rule.ts";
import type { Steps } from "../rule.ts";
import { NONE } from "../state.ts";
import type { TaskWork, Vma, Work } from "../state.ts";
import { changeFlags, findVma, vmaFrom } from "../vmas.ts";
import { canReclaim, reclaimPage } from "./reclaim.ts";
import { invalidate, invalidateEnd } from "./invalidate.ts";
import { zap } from "./munmap.ts";
import { getUserPages } from "./get-user-pages.ts";

const writes = (a: Of<"madvise">): boolean => a.advice === "huge";

/** The steps of madvise. */
export const madviseSteps: Steps<"madvise"> = {
  lock: {
    spec: ["VMA-2"],
    enabled: (s, _t, a) => (writes(a) ? canWrite(s, a.mm) : canRead(s, a.mm)),
    apply(s, t, a) {
      if (a.start === a.end) return ok(t);
      if (writes(a)) writeLock(s, a.mm, t.id);
      else readLock(s, a.mm, t.id);
      goto(a, "next");
    },
  },
  next: {
    spec: ["FRM-6", "VMA-22", "VMA-23"],
    apply(s, t, a) {
      const vma = vmaFrom(mmOf(s, a.mm), a.at);
      if (vma === null || vma.start >= a.end || a.at >= a.end) return finish(s, t, a, vma === null && a.at < a.end);
      if (vma.start > a.at) {
        a.hole = true;
        if (populates(a) && !s.profile.populatePassesHoles) return finish(s, t, a, true);
        a.at = vma.start;
      }
      a.to = Math.min(vma.end, a.end);
      goto(a, "act");
    },
  },
  act: {
    spec: ["RCL-13", "VMA-6", "VMA-23", "VMA-24", "VMA-26", "RCL-2", "RCL-7", "INV-13", "EXC-23", "NTF-1"],
    apply(s, t, a) {
      const vma = known(findVma(mmOf(s, a.mm), a.at), "vma");
      switch (a.advice) {
        case "dontneed":
          return enter(t, a, "page", invalidate(a.mm, a.at, a.to, "CLEAR"));
        case "free":
          if (vma.map !== "private") return refuse(s, t, a, "VMA-26");
          return enter(t, a, "page", invalidate(a.mm, a.at, a.to, "CLEAR"));
        case "huge":
          if (!vma.flags.hugepage) changeFlags(s, mmOf(s, a.mm), a.at, a.to, { ...vma.flags, hugepage: true });
          return nextVma(a);
        case "cold":
          for (let v = a.at; v < a.to; v++) splitForReclaim(s, a, v);
          return nextVma(a);
        case "pageout":
          return goto(a, "page");
        case "populate_r":
        case "populate_w":
          return populate(s, t, a, vma);
      }
    },
  },
  page: {
    spec: ["PTE-4", "VMA-25", "RCL-1", "RCL-2", "RCL-6", "INV-2", "MIG-50", "EXC-20", "EXC-23"],
    apply(s, t, a) {
      if (a.advice === "pageout") return pageout(s, t, a);
      if (a.advice === "dontneed") zap(s, a.mm, a.at, a.to);
      else lazyFree(s, a);
      goto(a, "end");
    },
  },
  reclaimed: { spec: ["RCL-6"], apply: (s, t, a) => pageout(s, t, a) },
  end: {
    spec: ["VMA-23", "INV-6", "INV-13"],
    apply(s, t, a) {
      if (populates(a)) {
        if (typeof a.got === "string") return fault(s, t, a, a.got === "oom" ? "ENOMEM" : "EFAULT");
      } else invalidateEnd(s, a.mm);
      nextVma(a);
    },
  },
};

function populates(a: Of<"madvise">): boolean {
  return a.advice === "populate_r" || a.advice === "populate_w";
}

function nextVma(a: Of<"madvise">): void {
  a.at = a.to;
  goto(a, "next");
}

function unlock(s: Work, t: TaskWork, a: Of<"madvise">): void {
  if (writes(a)) writeUnlock(s, a.mm);
  else readUnlock(s, a.mm, t.id);
}

function finish(s: Work, t: TaskWork, a: Of<"madvise">, hole: boolean): void {
  unlock(s, t, a);
  if (hole || a.hole || a.at < a.end) fail(t, "ENOMEM", populates(a) ? "VMA-23" : "VMA-22");
  else ok(t);
}

function refuse(s: Work, t: TaskWork, a: Of<"madvise">, rule: ReqId): void {
  unlock(s, t, a);
  fail(t, "EINVAL", rule);
}

function fault(s: Work, t: TaskWork, a: Of<"madvise">, errno: Errno): void {
  unlock(s, t, a);
  fail(t, errno, "VMA-24");
}

function populate(s: Work, t: TaskWork, a: Of<"madvise">, vma: Vma): void {
  const write = a.advice === "populate_w";
  if (write ? !vma.flags.write : !vma.flags.read) return refuse(s, t, a, "VMA-23");
  enter(t, a, "end", getUserPages(a.mm, a.at, a.to, write));
}

/** MADV_FREE: the page may be dropped as long as nobody writes it again. Pages that are elsewhere are left alone. */
function lazyFree(s: Work, a: Of<"madvise">): void {
  const { ptes } = mmOf(s, a.mm);
  for (let v = a.at; v < a.to; v++) {
    splitForReclaim(s, a, v);
    const pte = ptes[v];
    if (pte?.kind === "swap") {
      ptes[v] = NONE;
      dropPte(s, a.mm, v, pte);
    }
    if (pte?.kind !== "present") continue;
    if (!cleanable(s, pte.pfn)) continue;
    ptes[v] = { ...pte, dirty: false };
    setFrame(s, pte.pfn, { dirty: false, swapBacked: false });
  }
}

/** Whether the frame may be made clean: it is clean already, or nobody else maps it, works on it or finds it in the swap cache. */
function cleanable(s: Work, pfn: Pfn): boolean {
  const frame = frameOf(s, pfn);
  if (frame.kind !== "system" || frame.mapping?.kind !== "anon") return false;
  if (!frame.dirty && frame.slot === null) return true;
  if (frame.locked !== null || mapCount(frame) !== 1) return false;
  if (frame.slot === null) return true;
  if (known(s.slots[frame.slot], "slot").count > 0) return false;
  freeSwapCache(s, pfn);
  return true;
}

/** MADV_FREE, MADV_COLD and MADV_PAGEOUT split a huge page that only this mapping has; the first two do not where they cover all of it. */
function splitForReclaim(s: Work, a: Of<"madvise">, at: number): void {
  const pte = mmOf(s, a.mm).ptes[at];
  if (pte?.kind !== "present" || frameOf(s, pte.pfn).head === null || mapCount(frameOf(s, pte.pfn)) !== 1) return;
  const whole = a.at <= blockOf(at) && blockOf(at) + PTRS_PER_PTE <= a.to;
  if (pte.huge && whole && a.advice !== "pageout") return;
  splitCompound(s, a.mm, at);
}

/** MADV_PAGEOUT: page by page, those that only this mapping maps. */
function pageout(s: Work, t: TaskWork, a: Of<"madvise">): void {
  const { ptes } = mmOf(s, a.mm);
  for (; a.at < a.to; a.at++) {
    splitForReclaim(s, a, a.at);
    const pte = ptes[a.at];
    if (pte?.kind === "present" && canReclaim(s, pte.pfn)) {
      a.at++;
      return enter(t, a, "reclaimed", reclaimPage(pte.pfn, toVpn(a.at - 1)));
    }
  }
  nextVma(a);
}
