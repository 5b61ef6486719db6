/** make_exclusive and check_exclusive: pages that the CPU may not touch while the device does atomics on them. */
import { vpn as toVpn } from "../../spec/vocabulary.ts";
import type { Of } from "../activation.ts";
import { drop, frameOf, hold, lockPage, unlockPage } from "../frames.ts";
import { splitBlock } from "../huge.ts";
import { canRead, mmOf, readLock, readUnlock } from "../locks.ts";
import { because, enter, fail, goto, known, ok } from "../rule.ts";
import type { Steps } from "../rule.ts";
import type { Holder, TaskWork, Work } from "../state.ts";
import { findVma } from "../vmas.ts";
import { crash, readThrough } from "./device-access.ts";
import { putMm } from "./exit.ts";
import { follows, touch } from "./get-user-pages.ts";
import { handleMmFault } from "./handle-mm-fault.ts";
import { openStep, useMirrored } from "./driver-call.ts";
import { fileOf } from "./invalidate.ts";
import { rmapWalk } from "./rmap-walk.ts";

type Exclusive = Of<"make_exclusive">;

/** Pages that one call of make_device_exclusive_range handles. */
const BATCH = 64;

const gup = (t: TaskWork): Holder => ({ kind: "task", task: t.id, why: "gup" });

/** The steps of make_exclusive (x1 to x9). */
export const makeExclusiveSteps: Steps<"make_exclusive"> = {
  open: openStep,
  check: {
    spec: ["MIR-11", "DEV-9", "EXC-1", "TRC-15"],
    apply(s, t, a) {
      if (!s.profile.exclusive && a.start < a.end && mmOf(s, a.mm).users > 0) return fail(t, "EOPNOTSUPP", "EXC-1");
      if (!useMirrored(s, t, a)) return;
      goto(a, "x1");
    },
  },
  x1: {
    spec: ["EXC-2"],
    enabled: (s, _t, a) => canRead(s, a.mm),
    apply(s, t, a) {
      readLock(s, a.mm, t.id);
      goto(a, "batch");
    },
  },
  batch: {
    spec: ["DMR-1"],
    apply(_s, _t, a) {
      if (a.at >= a.end) return goto(a, "unlock");
      a.stop = Math.min(a.end, a.at + BATCH);
      a.pages = [];
      goto(a, "x2");
    },
  },
  x2: { spec: ["EXC-2", "EXC-3", "EXC-13"], apply: (s, t, a) => getPage(s, t, a) },
  x2_fault: {
    spec: ["EXC-3", "EXC-4"],
    apply(_s, _t, a) {
      if (a.got === null) return goto(a, "x2");
      a.error = true;
      goto(a, "x2_done");
    },
  },
  // Faulting the pages in may itself have invalidated this mirror: the sequence counts from here.
  x2_done: {
    spec: ["EXC-11", "IDL-5"],
    enabled: (s, _t, a) => !s.profile.driver.rechecksSequence || fileOf(s, a.file).seq !== mmOf(s, a.mm).seq,
    apply(s, _t, a) {
      a.seq = fileOf(s, a.file).seq;
      a.i = 0;
      goto(a, "x3");
    },
  },
  x3: {
    spec: ["EXC-5", "EXC-6", "EXC-7", "EXC-10", "DMR-6"],
    apply(s, t, a) {
      if (a.i >= a.pages.length) return goto(a, "x8");
      const pfn = known(a.pages[a.i], "page");
      const frame = frameOf(s, pfn);
      if ((frame.head !== null && frame.head !== pfn) || frame.mapping?.kind !== "anon" || !lockPage(s, pfn, t.id)) {
        drop(s, pfn, gup(t));
        a.pages[a.i++] = null;
        return;
      }
      const only = { mm: a.mm, vpn: toVpn(a.at + a.i) };
      enter(t, a, "x7", rmapWalk(pfn, "exclusive", { only, owner: s.profile.driver.ownsExclusive ? a.dev : null }));
    },
  },
  x7: {
    spec: ["EXC-5", "EXC-8"],
    apply(s, t, a) {
      if (a.got !== 1) {
        const pfn = known(a.pages[a.i], "page");
        unlockPage(s, pfn);
        drop(s, pfn, gup(t));
        a.pages[a.i] = null;
      }
      a.i++;
      goto(a, "x3");
    },
  },
  x8: {
    spec: ["EXC-4", "EXC-11", "IDL-5", "DMR-7"],
    enabled: (s, _t, a) => fileOf(s, a.file).mutex === null,
    apply(s, _t, a) {
      const file = fileOf(s, a.file);
      const stale = s.profile.driver.rechecksSequence && file.seq !== a.seq;
      if (!a.error && !stale) {
        for (const [i, pfn] of a.pages.entries())
          if (pfn !== null) file.dpt[a.at + i] = { pfn, zero: false, tag: "atomic", unreachable: false };
      }
      a.i = stale ? 1 : 0;
      goto(a, "x9");
    },
  },
  x9: {
    spec: ["FRM-6", "EXC-4", "EXC-5", "EXC-10", "EXC-11"],
    apply(s, t, a) {
      for (const pfn of a.pages) {
        if (pfn === null) continue;
        unlockPage(s, pfn);
        drop(s, pfn, gup(t));
      }
      const again = a.i === 1 && !a.error;
      a.i = 0;
      if (again) return goto(a, "batch");
      a.error ||= a.pages.includes(null);
      if (a.error) return goto(a, "unlock");
      a.at = a.stop;
      goto(a, "batch");
    },
  },
  unlock: {
    spec: ["FRM-6", "EXC-2"],
    apply(s, t, a) {
      readUnlock(s, a.mm, t.id);
      a.at = a.start;
      putMm(s, t, a, a.mm, "read");
    },
  },
  read: {
    spec: ["EXC-3", "EXC-5", "DMR-2", "TRC-9"],
    enabled: (s, _t, a) => fileOf(s, a.file).mutex === null,
    apply(s, t, a) {
      if (a.error) return fail(t, "EBUSY", a.pages.includes(null) ? "EXC-5" : "EXC-3");
      fileOf(s, a.file).mutex = t.id;
      goto(a, "a1");
    },
  },
  a1: {
    spec: ["EXC-12"],
    apply(s, t, a) {
      const file = fileOf(s, a.file);
      const entry = file.dpt[a.at] ?? null;
      if (a.at < a.end && entry?.unreachable) return crash(t);
      if (a.at < a.end && entry !== null) {
        a.data.push(readThrough(s, entry));
        a.at++;
        return;
      }
      file.mutex = null;
      if (a.at < a.end) fail(t, "ENOENT", "EXC-12");
      else {
        because(t, "status", "EXC-2");
        because(t, "cpages", "EXC-12");
        because(t, "data", "EXC-12");
        ok(t, { cpages: a.end - a.start, data: a.data as number[] });
      }
    },
  },
};

/** get_user_pages for writing, one page a step: the first page that cannot be had ends the batch. */
function getPage(s: Work, t: TaskWork, a: Exclusive): void {
  const at = a.at + a.pages.length;
  const mm = mmOf(s, a.mm);
  if (at >= a.stop) return goto(a, "x2_done");
  const vma = findVma(mm, at);
  if (vma === null || !vma.flags.write) {
    a.error = true;
    return goto(a, "x2_done");
  }
  splitBlock(s, a.mm, at);
  const pte = mm.ptes[at];
  if (!follows(pte, true) || pte?.kind !== "present") return enter(t, a, "x2_fault", handleMmFault(a.mm, toVpn(at), true));
  touch(s, pte, true);
  hold(s, pte.pfn, gup(t));
  a.pages.push(pte.pfn);
}

/** The steps of check_exclusive. */
export const checkExclusiveSteps: Steps<"check_exclusive"> = {
  open: openStep,
  check: { spec: ["DEV-9"], apply: (_s, t, a) => (a.start === a.end ? fail(t, "EINVAL", "DEV-9") : goto(a, "x_check")) },
  x_check: {
    spec: ["EXC-16"],
    enabled: (s, _t, a) => fileOf(s, a.file).mutex === null,
    apply(s, t, a) {
      const atomic = fileOf(s, a.file)
        .dpt.slice(a.start, a.end)
        .some((e) => e?.tag === "atomic");
      if (atomic) fail(t, "EPERM", "EXC-16");
      else {
        because(t, "status", "EXC-16");
        ok(t);
      }
    },
  },
};
