/** mmap with MAP_FIXED: what was there is unmapped first. */
import { devId, mmId } from "../../spec/vocabulary.ts";
import { allocSystem, mapHolder } from "../frames.ts";
import { actorOf, fileFor } from "../files.ts";
import { canWrite, mmOf, writeLock, writeUnlock } from "../locks.ts";
import { enter, fail, goto, known, ok } from "../rule.ts";
import type { Steps } from "../rule.ts";
import type { Of } from "../activation.ts";
import type { TaskWork, Vma, Work } from "../state.ts";
import { vpn } from "../../spec/vocabulary.ts";
import { insert } from "../vmas.ts";
import { doMunmap } from "./munmap.ts";
import { releaseFiles } from "./release.ts";

export const mmapSteps: Steps<"mmap"> = {
  lock: {
    spec: [],
    enabled: (s, _t, a) => canWrite(s, a.mm),
    apply(s, t, a) {
      // The file is opened before the call, whatever the call answers.
      if (a.map === "device") fileFor(s, t.actor, devId(0));
      if (a.start === a.end) return fail(t, "EINVAL");
      writeLock(s, a.mm, t.id);
      goto(a, "unmap");
    },
  },
  unmap: { spec: [], apply: (_s, t, a) => enter(t, a, "insert", doMunmap(a.mm, a.start, a.end)) },
  insert: {
    spec: [],
    apply(s, t, a) {
      const vma: Vma = {
        start: a.start,
        end: a.end,
        flags: a.flags,
        map: a.map,
        object: objectOf(s, t, a),
        pgoff: a.map === "private" ? a.start : 0,
        anonVma: null,
        chain: [],
        stamp: 0,
      };
      insert(s, mmOf(s, a.mm), vma, true);
      if (a.map === "device") populateDevice(s, a);
      writeUnlock(s, a.mm);
      goto(a, "fput");
    },
  },
  fput: { spec: [], apply: (s, t, a) => releaseFiles(s, t, a, "fput") || ok(t) },
};

function objectOf(s: Work, t: TaskWork, a: Of<"mmap">): number | null {
  if (a.map === "private") return null;
  if (a.map === "shared") return s.shmems.push({ pages: Array.from({ length: a.end - a.start }, () => null) }) - 1;
  return known(actorOf(s, t.actor).files[0], "file of device 0");
}

/** The driver's own mmap inserts a zeroed kernel page for each page at once. */
function populateDevice(s: Work, a: Of<"mmap">): void {
  const { ptes } = mmOf(s, a.mm);
  for (let v = a.start; v < a.end; v++) {
    const pfn = allocSystem(s, [mapHolder(mmId(a.mm), vpn(v))]);
    s.frames[pfn] = { ...known(s.frames[pfn], `frame ${pfn}`), lru: false };
    ptes[v] = { kind: "present", pfn, write: a.flags.write, dirty: false, huge: false };
  }
}
