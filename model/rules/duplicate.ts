/**
 * Read duplication (extension): a read-only copy of each page in the memory of a device, while the page stays where it is.
 *
 * Only anonymous pages that the CPU reaches are duplicated. Another mapping of a shared page, or of one with a swap slot in use, may get write
 * permission without a notification, a pinned page may be written at any time, and huge pages are left whole: these stay single.
 */
import { vpn as toVpn } from "../../spec/vocabulary.ts";
import type { Pfn } from "../../spec/vocabulary.ts";
import type { Of } from "../activation.ts";
import { allocDevice, drop, frameOf, hold, isPinned, lockPage, mappedPfn, rmap, setFrame, unlockPage } from "../frames.ts";
import { canRead, mmOf, readLock, readUnlock } from "../locks.ts";
import { dropReplica, replicaOn } from "../replicas.ts";
import { because, enter, fail, goto, known, ok } from "../rule.ts";
import type { Steps } from "../rule.ts";
import type { Holder, Pte, Replica, TaskWork, Work } from "../state.ts";
import { findVma } from "../vmas.ts";
import { putMm } from "./exit.ts";
import { handleMmFault } from "./handle-mm-fault.ts";
import { openStep, useMirrored } from "./driver-call.ts";
import { fileOf } from "./invalidate.ts";
import { rmapWalk } from "./rmap-walk.ts";

type Duplicate = Of<"duplicate">;

const mine = (t: TaskWork, why: "copy" | "alloc"): Holder => ({ kind: "task", task: t.id, why });

/** The steps of duplicating a range. */
export const duplicateSteps: Steps<"duplicate"> = {
  open: { ...openStep, spec: [...openStep.spec, "DUP-1"] },
  check: {
    spec: ["DUP-1"],
    apply(s, t, a) {
      if (!s.profile.readDuplication) return fail(t, "EOPNOTSUPP", "DUP-1");
      if (!useMirrored(s, t, a)) return;
      goto(a, "lock");
    },
  },
  lock: {
    spec: ["DUP-2"],
    enabled: (s, _t, a) => canRead(s, a.mm),
    apply(s, t, a) {
      readLock(s, a.mm, t.id);
      goto(a, "u1");
    },
  },
  u1: {
    spec: ["DUP-2", "DUP-7"],
    apply(s, t, a) {
      if (a.at >= a.end) return goto(a, "unlock");
      const next = look(s, a);
      if (next === "fault") return enter(t, a, "u1_fault", handleMmFault(a.mm, toVpn(a.at), false));
      if (next === "skip") a.at++;
      else {
        a.page = next;
        goto(a, "u2");
      }
    },
  },
  u1_fault: {
    spec: ["DUP-2"],
    apply(_s, _t, a) {
      if (a.got !== null) a.at++;
      goto(a, "u1");
    },
  },
  u2: {
    spec: ["DUP-2"],
    enabled: (s, _t, a) => look(s, a) !== a.page || (frameOf(s, known(a.page, "page")).locked === null && quiet(s, known(a.page, "page"))),
    choices: () => ["page", "no-memory"],
    apply(s, t, a, choice) {
      const page = known(a.page, "page");
      if (look(s, a) !== page) return goto(a, "u1");
      lockPage(s, page, t.id);
      hold(s, page, mine(t, "copy"));
      a.replica = null;
      if (replicaOn(s, page, a.dev) === null) {
        if (choice === "page") a.replica = allocDevice(s, a.dev, a.file, [mine(t, "alloc")]);
        if (a.replica === null) return goto(a, "u6");
        lockPage(s, a.replica, t.id);
      }
      goto(a, "u3");
    },
  },
  // From the moment it is recorded a write finds the replica and takes it away, so what is copied behind it is what the page holds.
  u3: {
    spec: ["DUP-2", "DUP-4"],
    apply(s, t, a) {
      const page = known(a.page, "page");
      if (writable(s, page)) return enter(t, a, "u3", rmapWalk(page, "protect"));
      if (!quiet(s, page) || look(s, a) !== page) return goto(a, "u6");
      if (a.replica === null) return goto(a, "u5");
      hold(s, a.replica, { kind: "replica" });
      s.replicas = [...s.replicas, { page, dev: a.dev, pfn: a.replica, installed: false }];
      goto(a, "u4");
    },
  },
  u4: {
    spec: ["DUP-3"],
    apply(s, _t, a) {
      if (a.replica !== null) setFrame(s, a.replica, { contents: frameOf(s, known(a.page, "page")).contents });
      goto(a, "u5");
    },
  },
  u5: {
    spec: ["DUP-3", "DUP-4"],
    enabled: (s, _t, a) => fileOf(s, a.file).mutex === null,
    apply(s, _t, a) {
      const page = known(a.page, "page");
      const replica = replicaOn(s, page, a.dev);
      if (replica !== null && look(s, a) === page) install(s, a, replica);
      goto(a, "u6");
    },
  },
  u6: {
    spec: ["DUP-5"],
    apply(s, t, a) {
      const page = known(a.page, "page");
      const replica = replicaOn(s, page, a.dev);
      if (replica !== null && !replica.installed) dropReplica(s, replica);
      if (a.replica !== null) {
        unlockPage(s, a.replica);
        drop(s, a.replica, mine(t, "alloc"));
      }
      unlockPage(s, page);
      drop(s, page, mine(t, "copy"));
      a.at++;
      goto(a, "u1");
    },
  },
  unlock: {
    spec: ["DUP-1"],
    apply(s, t, a) {
      readUnlock(s, a.mm, t.id);
      putMm(s, t, a, a.mm, "done");
    },
  },
  done: {
    spec: ["DUP-1"],
    apply(_s, t, a) {
      because(t, "cpages", "DUP-1");
      ok(t, { cpages: a.made });
    },
  },
};

/** The frame to duplicate at the current page; or that the page must be faulted first; or that it stays single. */
function look(s: Work, a: Duplicate): Pfn | "fault" | "skip" {
  const mm = mmOf(s, a.mm);
  const vma = findVma(mm, a.at);
  if (vma === null || !vma.flags.read) return "skip";
  const pte = known(mm.ptes[a.at], "pte");
  switch (pte.kind) {
    case "none":
    case "zero":
      return "skip";
    case "swap":
    case "migration":
    case "device_exclusive":
      return "fault";
    case "device_private":
      return frameOf(s, pte.pfn).dev === a.dev ? "skip" : "fault";
    case "present":
      return single(s, a, pte) ? "skip" : pte.pfn;
  }
}

function single(s: Work, a: Duplicate, pte: Extract<Pte, { kind: "present" }>): boolean {
  const frame = frameOf(s, pte.pfn);
  const swapped = frame.slot !== null && known(s.slots[frame.slot], "slot").count > 0;
  return frame.dev === a.dev || frame.mapping?.kind !== "anon" || frame.head !== null || swapped || isPinned(frame);
}

/** Whether no notification is active in any address space that maps the page: one that begins later finds the replica. */
function quiet(s: Work, page: Pfn): boolean {
  const { mapping, index } = frameOf(s, page);
  return rmap(s, mapping, index).every(({ mm }) => mmOf(s, mm).active === 0);
}

/** Whether an entry of the CPU or of a device may write the page. */
function writable(s: Work, page: Pfn): boolean {
  const { mapping, index } = frameOf(s, page);
  const byCpu = rmap(s, mapping, index).some(({ mm, vpn }) => {
    const pte = known(mmOf(s, mm).ptes[vpn], "pte");
    return mappedPfn(pte) === page && "write" in pte && pte.write;
  });
  return byCpu || s.files.some((f) => f.dpt.some((e) => e !== null && !e.zero && e.pfn === page && e.tag !== "read"));
}

function install(s: Work, a: Duplicate, replica: Replica): void {
  s.replicas = s.replicas.map((r) => (r.pfn === replica.pfn ? { ...r, installed: true } : r));
  fileOf(s, a.file).dpt[a.at] = { pfn: replica.pfn, zero: false, tag: "read", unreachable: false };
  a.made++;
}
