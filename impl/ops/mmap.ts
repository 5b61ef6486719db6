/**
 * mmap with MAP_FIXED: what was there is unmapped first.
 *
 * Record: `x0` flags and `x1` kind of the mapping. `file` is held from the lock to the insertion of a mapping of the driver's own file.
 */
import type { ModelCall } from "../../spec/vocabulary.ts";
import { FRAME, MAP, PTE, STEP, VM } from "../../spec/words.ts";
import type { Arena } from "../arena.ts";
import { fileFor } from "../files.ts";
import { allocSystem, mapPage, putPage, setPte, unmark } from "../frames.ts";
import { R, VMA } from "../layout.ts";
import { canWrite, writeLock, writeUnlock } from "../locks.ts";
import { newShmem } from "../reap.ts";
import { fail, goto, ok } from "../tasks.ts";
import type { ImplSteps } from "../tasks.ts";
import { insertVma } from "../vma-merge.ts";
import { accessFlags, pushRangeCall } from "./begin-range-call.ts";
import { enterDoMunmap } from "./munmap.ts";
import { mayRelease, releaseFiles } from "./release.ts";

/** The new mapping, before it has its place. */
const REGION = new Int32Array(VMA.words);

/** Begins mmap. */
export function beginMmap(h: Arena, t: number, call: Extract<ModelCall, { op: "mmap" }>): void {
  const r = pushRangeCall(h, t, STEP["mmap.lock"], call);
  const flags = accessFlags(call.prot);
  h.task[r + R.x0] = flags | (call.map === "private" && (flags & VM.write) !== 0 ? VM.account : 0);
  h.task[r + R.x1] = MAP[call.map];
}

/** The shared memory object (+1) or the file (+1) behind a new mapping. */
function objectOf(h: Arena, r: number): number {
  switch (h.task[r + R.x1]) {
    case MAP.shared:
      return newShmem(h, h.task[r + R.end]! - h.task[r + R.start]!) + 1;
    case MAP.device:
      return h.task[r + R.file]! + 1;
    default:
      return 0;
  }
}

/** The driver's own mmap inserts a zeroed kernel page for each page at once. */
function populateDevice(h: Arena, r: number): void {
  const write = (h.task[r + R.x0]! & VM.write) !== 0 ? PTE.write : 0;
  for (let v = h.task[r + R.start]!; v < h.task[r + R.end]!; v++) {
    const pfn = allocSystem(h);
    mapPage(h, pfn);
    putPage(h, pfn);
    unmark(h, pfn, FRAME.lru);
    setPte(h, h.task[r + R.mm]!, v, PTE.present | write | (pfn << PTE.payload_shift));
  }
}

/** The steps of mmap. */
export const mmapSteps: ImplSteps = {
  lock: {
    enabled: (h, _t, r) => canWrite(h, h.task[r + R.mm]!),
    apply(h, t, r) {
      // The file is opened before the call, whatever the call answers.
      if (h.task[r + R.x1] === MAP.device) {
        const file = fileFor(h, t, 0);
        if (file < 0) return;
        h.task[r + R.file] = file;
      }
      if (h.task[r + R.start] === h.task[r + R.end]) return fail(h, t, "EINVAL");
      writeLock(h, h.task[r + R.mm]!, t);
      goto(h, r, STEP["mmap.unmap"]);
    },
  },
  unmap: {
    apply(h, t, r) {
      enterDoMunmap(h, t, r, STEP["mmap.insert"], h.task[r + R.mm]!, h.task[r + R.start]!, h.task[r + R.end]!);
    },
  },
  insert: {
    apply(h, _t, r) {
      const mm = h.task[r + R.mm]!;
      REGION.fill(0);
      REGION[VMA.start] = h.task[r + R.start]!;
      REGION[VMA.end] = h.task[r + R.end]!;
      REGION[VMA.flags] = h.task[r + R.x0]!;
      REGION[VMA.map] = h.task[r + R.x1]!;
      REGION[VMA.object] = objectOf(h, r);
      REGION[VMA.pgoff] = h.task[r + R.x1] === MAP.private ? h.task[r + R.start]! : 0;
      insertVma(h, mm, REGION, true);
      if (h.task[r + R.x1] === MAP.device) populateDevice(h, r);
      h.task[r + R.file] = -1;
      writeUnlock(h, mm);
      goto(h, r, STEP["mmap.fput"]);
    },
  },
  fput: {
    enabled: mayRelease,
    apply(h, t, r) {
      if (!releaseFiles(h, t, r, STEP["mmap.fput"])) ok(h, t);
    },
  },
};
