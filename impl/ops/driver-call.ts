/** How every call of the driver begins: the caller's file, the address space that it mirrors, and what all of them refuse. */
import type { Arena } from "../arena.ts";
import { fileFor } from "../files.ts";
import { FILE, MM, R } from "../layout.ts";
import { fail, goto } from "../tasks.ts";
import type { ImplStep } from "../tasks.ts";

/** The first step of a call on the device in `dev`, which goes on with `after`: the file is found, or opened by this first use of the device. */
export function driverOpen(after: number): ImplStep {
  return {
    apply(h, t, r) {
      const file = fileFor(h, t, h.task[r + R.dev]!);
      if (file < 0) return;
      h.task[r + R.file] = file;
      h.task[r + R.mm] = h.file[file * FILE.words + FILE.mm]!;
      goto(h, r, after);
    },
  };
}

/** Takes a use of the mirrored address space. A call for no page, or for an address space that is gone, ends here: the answer is then false. */
export function useMirrored(h: Arena, t: number, r: number): boolean {
  const users = h.task[r + R.mm]! * h.mmWords + MM.users;
  if (h.task[r + R.start] === h.task[r + R.end] || h.mm[users] === 0) {
    fail(h, t, "EINVAL");
    return false;
  }
  h.mm[users]! += 1;
  return true;
}
