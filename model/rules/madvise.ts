/** madvise: mapping by mapping; a hole is remembered and answered at the end, except for populate, which stops there. */
import { vpn as toVpn } from "../../spec/vocabulary.ts";
import type { Of } from "../activation.ts";
import { frameOf, mapCount, setFrame } from "../frames.ts";
import { splitBlock } from "../huge.ts";
import { canRead, canWrite, mmOf, readLock, readUnlock, writeLock, writeUnlock } from "../locks.ts";
import { enter, fail, goto, known, ok } from "../rule.ts";
import type { Steps } from "../rule.ts";
import type { TaskWork, Vma, Work } from "../state.ts";
import { changeFlags, findVma, vmaFrom } from "../vmas.ts";
import { canReclaim, reclaimPage } from "./reclaim.ts";
import { invalidate, invalidateEnd } from "./invalidate.ts";
import { zap } from "./munmap.ts";
import { getUserPages } from "./get-user-pages.ts";

const writes = (a: Of<"madvise">): boolean => a.advice === "huge";

export const madviseSteps: Steps<"madvise"> = {
  lock: {
    spec: [],
    enabled: (s, _t, a) => (writes(a) ? canWrite(s, a.mm) : canRead(s, a.mm)),
    apply(s, t, a) {
      if (a.start === a.end) return ok(t);
      if (writes(a)) writeLock(s, a.mm, t.id);
      else readLock(s, a.mm, t.id);
      goto(a, "next");
    },
  },
  next: {
    spec: [],
    apply(s, t, a) {
      const vma = vmaFrom(mmOf(s, a.mm), a.at);
      if (vma === null || vma.start >= a.end || a.at >= a.end) return finish(s, t, a, vma === null && a.at < a.end);
      if (vma.start > a.at) {
        a.hole = true;
        if (populates(a)) return finish(s, t, a, true);
        a.at = vma.start;
      }
      a.to = Math.min(vma.end, a.end);
      goto(a, "act");
    },
  },
  act: {
    spec: [],
    apply(s, t, a) {
      const vma = known(findVma(mmOf(s, a.mm), a.at), "vma");
      switch (a.advice) {
        case "dontneed":
          return enter(t, a, "page", invalidate(a.mm, a.at, a.to, "CLEAR"));
        case "free":
          if (vma.map !== "private") return refuse(s, t, a);
          return enter(t, a, "page", invalidate(a.mm, a.at, a.to, "CLEAR"));
        case "huge":
          if (!vma.flags.hugepage) changeFlags(s, mmOf(s, a.mm), a.at, a.to, { ...vma.flags, hugepage: true });
          return nextVma(a);
        case "cold":
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
    spec: [],
    apply(s, t, a) {
      if (a.advice === "pageout") return pageout(s, t, a);
      if (a.advice === "dontneed") zap(s, a.mm, a.at, a.to);
      else lazyFree(s, a);
      goto(a, "end");
    },
  },
  reclaimed: { spec: [], apply: (s, t, a) => pageout(s, t, a) },
  end: {
    spec: [],
    apply(s, t, a) {
      if (populates(a)) {
        if (typeof a.got === "string") return fault(s, t, a);
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
  if (hole || a.hole || a.at < a.end) fail(t, "ENOMEM");
  else ok(t);
}

function refuse(s: Work, t: TaskWork, a: Of<"madvise">): void {
  unlock(s, t, a);
  fail(t, "EINVAL");
}

function fault(s: Work, t: TaskWork, a: Of<"madvise">): void {
  unlock(s, t, a);
  fail(t, "EFAULT");
}

function populate(s: Work, t: TaskWork, a: Of<"madvise">, vma: Vma): void {
  const write = a.advice === "populate_w";
  if (write ? !vma.flags.write : !vma.flags.read) return refuse(s, t, a);
  enter(t, a, "end", getUserPages(a.mm, a.at, a.to, write));
}

/** MADV_FREE: the page may be dropped as long as nobody writes it again. Pages that are elsewhere are left alone. */
function lazyFree(s: Work, a: Of<"madvise">): void {
  const { ptes } = mmOf(s, a.mm);
  for (let v = a.at; v < a.to; v++) {
    const pte = ptes[v];
    if (pte?.kind !== "present") continue;
    if (pte.huge) splitBlock(s, a.mm, v);
    const frame = frameOf(s, pte.pfn);
    if (frame.kind !== "system" || frame.mapping?.kind !== "anon") continue;
    if (frame.dirty && mapCount(frame) !== 1) continue;
    ptes[v] = { ...pte, dirty: false, huge: false };
    setFrame(s, pte.pfn, { dirty: false, swapBacked: false });
  }
}

/** MADV_PAGEOUT: page by page, those that only this mapping maps. */
function pageout(s: Work, t: TaskWork, a: Of<"madvise">): void {
  const { ptes } = mmOf(s, a.mm);
  for (; a.at < a.to; a.at++) {
    const pte = ptes[a.at];
    if (pte?.kind === "present" && !pte.huge && canReclaim(s, pte.pfn)) {
      a.at++;
      return enter(t, a, "reclaimed", reclaimPage(pte.pfn, toVpn(a.at - 1)));
    }
  }
  nextVma(a);
}
