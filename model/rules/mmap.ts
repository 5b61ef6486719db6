/** mmap with MAP_FIXED: what was there is unmapped first. */
import { devId, mmId } from "../../spec/vocabulary.ts";
import { allocSystem, mapHolder } from "../frames.ts";
import { fileFor } from "../files.ts";
import { canWrite, mmOf, writeLock, writeUnlock } from "../locks.ts";
import { enter, fail, goto, known, ok } from "../rule.ts";
import type { Steps } from "../rule.ts";
import type { Of } from "../activation.ts";
import type { Vma, Work } from "../state.ts";
import { vpn } from "../../spec/vocabulary.ts";
import { newShmem } from "../reap.ts";
import { insert } from "../vmas.ts";
import { doMunmap } from "./munmap.ts";
import { mayRelease, releaseFiles } from "./release.ts";

/** The steps of mmap. */
export const mmapSteps: Steps<"mmap"> = {
  lock: {
    spec: ["VMA-2", "MIR-10", "TRC-3"],
    enabled: (s, _t, a) => canWrite(s, a.mm),
    apply(s, t, a) {
      // The file is opened before the call, whatever the call answers.
      if (a.map === "device") {
        a.file = fileFor(s, t, devId(0));
        if (a.file === null) return;
      }
      if (a.start === a.end) return fail(t, "EINVAL", "VMA-2");
      writeLock(s, a.mm, t.id);
      goto(a, "unmap");
    },
  },
  unmap: { spec: ["VMA-1", "INV-10"], apply: (_s, t, a) => enter(t, a, "insert", doMunmap(a.mm, a.start, a.end)) },
  insert: {
    spec: ["FRM-4", "FRM-6", "VMA-4", "VMA-5", "VMA-6", "VMA-7", "VMA-8", "VMA-9", "VMA-10"],
    apply(s, t, a) {
      const vma: Vma = {
        start: a.start,
        end: a.end,
        flags: a.flags,
        map: a.map,
        object: objectOf(s, a),
        pgoff: a.map === "private" ? a.start : 0,
        anonVma: null,
        chain: [],
        stamp: 0,
      };
      insert(s, mmOf(s, a.mm), vma, true);
      if (a.map === "device") populateDevice(s, a);
      a.file = null;
      writeUnlock(s, a.mm);
      goto(a, "fput");
    },
  },
  fput: { spec: ["MIR-9"], enabled: mayRelease, apply: (s, t, a) => releaseFiles(s, t, a, "fput") || ok(t) },
};

function objectOf(s: Work, a: Of<"mmap">): number | null {
  if (a.map === "private") return null;
  if (a.map === "shared") return newShmem(s, a.end - a.start);
  return known(a.file, "file of device 0");
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
