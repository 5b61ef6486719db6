/** Migration up to the metadata: the bugs of `collect.ts`, `destination.ts` and `metadata.ts` in the implementation. */
import type { SourceEdit } from "../mutant.ts";

const COLLECT = "impl/ops/migrate-collect.ts";
const UNMAP = "impl/ops/migrate-unmap.ts";
const COPY = "impl/ops/migrate-copy.ts";
const DRIVER = "impl/ops/migrate-driver.ts";
const METADATA = "impl/ops/migrate-metadata.ts";
const INSTALL = "impl/ops/migrate-install.ts";

const FINALIZES = "finalize(h, t, r, task[r + CURRENT]";
const INSERTED = "if (!insertPage(h, r, c))";

/** By mutant. */
export const MIGRATE_EDITS: Readonly<Record<string, SourceEdit>> = {
  B4: { file: COLLECT, find: "? FRAME_DIRTY : 0", replace: "? 0 : 0" },
  B11: {
    file: "impl/ops/rmap-replace.ts",
    find: "(collect || pteKind(pte) !== PTE.device_private ||",
    replace: "(collect ? pteKind(pte) !== PTE.device_private : pteKind(pte) !== PTE.device_private ||",
  },
  B40: {
    file: COLLECT,
    find: "? (flags & KIND) === SYSTEM :",
    replace: "? (flags & KIND) !== FRAME.private && host !== h.task[r + DEV] :",
  },
  T1: { file: UNMAP, find: "putBack(h, t, r, c);", replace: "" },
  T3: {
    file: UNMAP,
    find: "frame[f] = choice === ISOLATED ? flags & ~LRU : flags;",
    replace: "frame[f] = choice === ISOLATED ? flags & ~LRU : flags; if (choice === BUSY) frame[f + COUNTS] -= 1;",
  },
  U10: { file: COLLECT, find: "if ((flags & LOCKED) !== 0) {", replace: "if ((flags & LOCKED) !== 0) { getPage(h, src);" },
  U12: {
    file: COLLECT,
    find: "if (kind === PRESENT || kind === DEVICE_PRIVATE) {",
    replace:
      "if (kind === PTE.migration) h.frame[(pte >>> PAYLOAD_SHIFT) * FRAME_WORDS] &= ~LOCKED; if (kind === PRESENT || kind === DEVICE_PRIVATE) {",
  },
  // A pin that comes between the unmapping and the check.
  g19: {
    file: METADATA,
    find: "let n = 1;",
    replace: "let n = 1 + ((h.frame[src * FRAME_WORDS + F.contents] & FB.pin_mask) >>> FB.pin_shift);",
  },
  B15: {
    file: COPY,
    find: "if (choice === COPIED) {",
    replace: "if (choice === FAILED) return advance(h, t, r, M7, M8); if (choice === COPIED) {",
  },
  B47: { file: DRIVER, find: "dst < 0 || (word & MIGRATES) === 0", replace: "dst < 0" },
  B60: {
    file: INSTALL,
    find: FINALIZES,
    replace: `if ((task[r + MARKS] & MARK.oom) === 0 || task[r + MIGRATION.purpose] !== 1) ${FINALIZES}`,
  },
  B61: { file: DRIVER, find: "toDevice ? allocDevice(h, task[r + DEV]", replace: "toDevice ? allocDevice(h, 0 * task[r + DEV]" },
  // The words that a migration leaves behind are those that the next one begins with.
  T15: { file: "impl/ops/migrate-finish.ts", find: "h.task.fill(0, first, end);", replace: "" },
  U5: {
    file: INSTALL,
    find: FINALIZES,
    replace: `if ((task[r + MARKS] & MARK.oom) === 0 || task[r + MIGRATION.purpose] !== 2) ${FINALIZES}`,
  },
  U7: { file: DRIVER, find: "!h.profile.driver.mapsAfterMigration ||", replace: "" },
  U15: { file: DRIVER, find: "hole ? holeWrites(h, r, c) :", replace: "hole ? false :" },
  g14: { file: COPY, find: "src < 0 ? ZERO_BYTES :", replace: "src < 0 ? frame[to] :" },
  B32: { file: METADATA, find: "(flagsOf(h, dst) & FRAME.kind_mask) === FRAME.private", replace: "true" },
  U11: { file: INSTALL, find: INSERTED, replace: "if (!insertPage(h, r, c) && (task[r + MARKS] &= ~NOTIFIED) >= 0)" },
  g13: { file: METADATA, find: "kind !== PTE.none && kind !== PTE.zero", replace: "false" },
  g17: { file: METADATA, find: "device && !leavesSwapCache(h, src)", replace: "false" },
  g18: { file: METADATA, find: "if (!copy && (frame[from]", replace: "if (false && (frame[from]" },
};
