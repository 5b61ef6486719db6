/** How every call of the driver begins: the caller's file, the address space that it mirrors, and what all of them refuse. */
import type { MmId } from "../../spec/vocabulary.ts";
import type { Of } from "../activation.ts";
import { fileFor } from "../files.ts";
import { mmOf } from "../locks.ts";
import { fail } from "../rule.ts";
import type { Rule } from "../rule.ts";
import type { TaskWork, Work } from "../state.ts";
import { fileOf } from "./invalidate.ts";

type DriverCall = Of<"device_access" | "snapshot" | "migrate_call" | "make_exclusive" | "check_exclusive" | "duplicate">;

/** The first step: the file is found, or opened by this first use of the device. */
export const openStep: Rule<DriverCall> = {
  spec: ["MIR-5", "MIR-10", "TRC-3"],
  apply(s, t, a) {
    const file = fileFor(s, t, a.dev);
    if (file === null) return;
    a.file = file;
    if ("mm" in a) a.mm = fileOf(s, file).mm;
    a.pc = "check";
  },
};

/** Takes a use of the mirrored address space. A call for no page, or for an address space that is gone, ends here. */
export function useMirrored(s: Work, t: TaskWork, a: { readonly mm: MmId; readonly start: number; readonly end: number }): boolean {
  const mm = mmOf(s, a.mm);
  if (a.start === a.end || mm.users === 0) {
    fail(t, "EINVAL", a.start === a.end ? "DEV-9" : "MIR-11");
    return false;
  }
  mm.users++;
  return true;
}
