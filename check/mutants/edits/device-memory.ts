/** Device memory: the bugs of `device-memory.ts` and `removal.ts` in the implementation. */
import type { SourceEdit } from "../mutant.ts";

const COLLECT = "impl/ops/migrate-collect.ts";
const RMAP_REPLACE = "impl/ops/rmap-replace.ts";
const DEVMEM = "impl/ops/devmem.ts";
const RELEASE = "impl/ops/release.ts";

const IN_USE = "if ((flagsOf(h, pfn) & FRAME.free) === 0)";
const EVICTS = "if (h.profile.evicts)";

/** By mutant. */
export const DEVICE_MEMORY_EDITS: Readonly<Record<string, SourceEdit>> = {
  B3: { file: COLLECT, find: "(FRAME.free | FRAME.replica)", replace: "FRAME.replica" },
  B8: {
    file: "impl/frames.ts",
    find: "(flags & (FRAME.kind_mask | FRAME.dirty | FB.dev_mask))",
    replace: "(flags & (FRAME.kind_mask | FRAME.dirty | FB.dev_mask | FRAME.mapping_mask))",
  },
  B12: { file: RMAP_REPLACE, find: "|| h.profile.rmapKeepsWrite", replace: "" },
  B14: {
    file: "impl/ops/rmap-walk.ts",
    find: "!pteMaps(pte) || ptePayload(pte) !== pfn",
    replace: "!pteMaps(pte) || ptePayload(pte) !== pfn || (mode === RMAP_MODE.migrate && pteKind(pte) === PTE.device_private)",
  },
  B23: {
    file: RMAP_REPLACE,
    find: "? pte & PTE.dirty : 0;",
    replace: "? pte & PTE.dirty : !collect && (pte & PTE.write) !== 0 ? PTE.dirty : 0;",
  },
  B31: {
    file: RMAP_REPLACE,
    find: "(mode << PTE.mode_shift) | (pfn <<",
    replace: "(mode << PTE.mode_shift) | ((!collect && pteKind(pte) === PTE.device_private ? pfn ^ 1 : pfn) <<",
  },
  g8: {
    file: "impl/ops/madvise.ts",
    find: "if (advice === DONTNEED)",
    replace:
      "if (advice === DONTNEED) for (let v = h.task[r + R.at]; v < h.task[r + R.x0]; v++) { if ((h.pt.get(mm, v) & 7) !== 5) zap(h, mm, v, v + 1); } else if (false)",
  },
  g10: {
    file: COLLECT,
    find: "if (lockerOf(h, src) >= 0 ||",
    replace: "if ((h.frame[src * FRAME_WORDS + COUNTS] & MAPS) === 0 || lockerOf(h, src) >= 0 ||",
  },
  B2: { file: DEVMEM, find: IN_USE, replace: "if ((flagsOf(h, pfn) & FRAME.free) === 0 && mapsOf(h, pfn) > 0)" },
  B19: { file: DEVMEM, find: IN_USE, replace: "if (false)" },
  B63: { file: DEVMEM, find: IN_USE, replace: "if (pfn > firstOf(h, row) && (flagsOf(h, pfn) & FRAME.free) === 0)" },
  B54: { file: DEVMEM, find: "forgetChunk(h, dev, value);", replace: "" },
  B57: { file: RELEASE, find: EVICTS, replace: "if (false)" },
  U13: {
    file: RELEASE,
    find: EVICTS,
    replace:
      "if (h.profile.evicts && !h.file.some((word, at) => at % FILE.words === FILE.interval && word === INTERVAL.inserted && " +
      "h.file[at - FILE.interval + FILE.dev] === dev && at - FILE.interval !== h.task[r + R.file] * FILE.words))",
  },
  U14: { file: "impl/chunks.ts", find: "if (first <= at && at < end) {", replace: "if (true) {" },
  g23: { file: DEVMEM, find: "withholdFrames(h, dev, firstOf(h, row), endOf(h, row));", replace: "" },
};
