/** Notifications and mirrors: the bugs of `notifier.ts` and `callback.ts` in the implementation. */
import type { SourceEdit } from "../mutant.ts";

const NOTIFIER = "impl/notifier.ts";
const MUNMAP = "impl/ops/munmap.ts";
const RMAP_WALK = "impl/ops/rmap-walk.ts";
const RELEASE = "impl/ops/release.ts";
const FILES = "impl/files.ts";

/** By mutant. */
export const NOTIFIER_EDITS: Readonly<Record<string, SourceEdit>> = {
  // The entries are gone before the mirrors are told.
  B10: {
    file: MUNMAP,
    find: "h.task[r + R.x0] = detachVmas(h, t, mm, start, end);",
    replace: "h.task[r + R.x0] = detachVmas(h, t, mm, start, end); zap(h, mm, start, end);",
  },
  // The range is empty, so the callbacks that are made erase nothing.
  B27: { file: "impl/ops/exit.ts", find: "0, h.pages, event", replace: "0, 0, event" },
  B39: {
    file: RMAP_WALK,
    find: "endOf(h, r, mm, vpn), event",
    replace: "h.vma[findVma(h, mm, vpn) + VMA.map] === 1 ? vpn : endOf(h, r, mm, vpn), event",
  },
  B52: {
    file: NOTIFIER,
    find: "h.task[r + R.x2] = hits;",
    replace: "h.task[r + R.x2] = hits; if (hits !== 0 && callable(h, r) !== hits) h.mm[mm * h.mmWords + MM.active] += 1;",
  },
  B53: { file: RMAP_WALK, find: "endOf(h, r, mm, vpn), event", replace: "endOf(h, r, mm, vpn) - 1, event" },
  T13: { file: "impl/range.ts", find: "end >= h.task[r + R.start]", replace: "end > h.task[r + R.start]" },
  g3: { file: NOTIFIER, find: " -= 1;", replace: " -= 1; h.mm[m + MM.seq] += h.mm[m + MM.seq] & 1;" },
  g27: { file: MUNMAP, find: "mm, start, end, EVENT.UNMAP", replace: "mm, start, start, EVENT.UNMAP" },
  g28: { file: MUNMAP, find: "mm, start, end, EVENT.UNMAP", replace: "mm, start, h.task[detachedFirst(h, t) + VMA.end], EVENT.UNMAP" },
  B9: { file: RELEASE, find: "? INTERVAL.removing : INTERVAL.none", replace: "? INTERVAL.none : INTERVAL.none" },
  B29: { file: RELEASE, find: "=== INTERVAL.none,", replace: "=== INTERVAL.none || true," },
  U1: {
    file: NOTIFIER,
    find: "clearDeviceRange(h, file, start",
    replace: "if (event === EVENT.MIGRATE && own) return; clearDeviceRange(h, file, start",
  },
  U2: { file: NOTIFIER, find: "event === EVENT.MIGRATE && driver.filtersOwnMigrate &&", replace: "event === EVENT.MIGRATE &&" },
  U9: { file: NOTIFIER, find: "driver.inclusiveEnd ? end + 1 : end", replace: "end + 1" },
  g4: {
    file: NOTIFIER,
    find: "const file = choice - CHOICE_FILE;",
    replace:
      "const file = choice - CHOICE_FILE; for (let f = 0; f < h.file.length; f += FILE.words) " +
      "if (h.file[f + FILE.mm] === h.task[r + R.mm] && h.file[f + FILE.interval] === INTERVAL.adding) h.file[f + FILE.interval] = INTERVAL.inserted;",
  },
  "g4-valid": { file: FILES, find: "h.file[f + FILE.seq] = seq | 1;", replace: "h.file[f + FILE.seq] = (seq | 1) - 2;" },
};
