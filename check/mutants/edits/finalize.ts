/** The end of a migration, and the CPU fault: the bugs of `finalize.ts` and `fault.ts` in the implementation. */
import type { SourceEdit } from "../mutant.ts";

const FINISH = "impl/ops/migrate-finish.ts";
const INSTALL = "impl/ops/migrate-install.ts";
const RESTORE = "impl/ops/migrate-restore.ts";
const FAULT_WAIT = "impl/ops/fault-wait.ts";

const MOVED = "const moved = dst >= 0 && (word & MIGRATES) !== 0;";

/** By mutant. */
export const FINALIZE_EDITS: Readonly<Record<string, SourceEdit>> = {
  B13: {
    file: FINISH,
    find: "putPage(h, dst);",
    replace: "putPage(h, dst); if ((h.frame[f] & (FRAME.free | KIND)) === (FRAME.free | SYSTEM)) h.frame[f] |= LRU;",
  },
  B24: {
    file: RESTORE,
    find: "if (mode !== MODE_READ && h.profile.anonExclusive",
    replace: "if ((flags & KIND) !== PRIVATE && mode !== MODE_READ && h.profile.anonExclusive",
  },
  B38: { file: FINISH, find: "& MIGRATES) !== 0 && task[c + SRC]", replace: "& MIGRATES) >= 0 && task[c + SRC]" },
  B59: { file: FINISH, find: "if (dst >= 0)", replace: "if (dst >= 0 && (src >= 0 || (word & MIGRATES) !== 0))" },
  B62: { file: FINISH, find: MOVED, replace: `${MOVED} if (moved) putPage(h, dst);` },
  T2: { file: FINISH, find: MOVED, replace: "const moved = dst >= 0;" },
  T4: {
    file: INSTALL,
    find: "finalize(h, t, r, task[r + CURRENT]",
    replace: "if (task[r + AT] === 0) finalize(h, t, r, task[r + CURRENT]",
  },
  g24: { file: FINISH, find: "let moved = 0;", replace: "let moved = (end - first) / WORDS; first = end;" },
  g26: { file: FINISH, find: "!moved && (flags & KIND) === SYSTEM", replace: "false" },
  T12: { file: FAULT_WAIT, find: "h.profile.faultTakesReference ? !same(h, r) :", replace: "" },
  B34: {
    file: FAULT_WAIT,
    find: "leave(h, t, h.task[r + R.got]",
    replace: "if (same(h, r)) getPage(h, frameOf(h, r)); leave(h, t, h.task[r + R.got]",
  },
  B35: { file: FAULT_WAIT, find: "h.profile.migrationWaitTakesReference || unlocked(h, r) ||", replace: "true ||" },
  T14: { file: FINISH, find: "(marks & MARK.failed) !== 0", replace: "false" },
  g11: { file: FAULT_WAIT, find: "vpn, vpn + 1, EVENT.EXCLUSIVE", replace: "vpn, vpn, EVENT.EXCLUSIVE" },
  g12: { file: FAULT_WAIT, find: "const present = PTE.present |", replace: "const present = PTE.present | PTE.write |" },
};
