/** Faulting pages in for the kernel: what populate does, page by page, until each is there as asked. */
import { vpn } from "../../spec/vocabulary.ts";
import type { MmId } from "../../spec/vocabulary.ts";
import type { Of } from "../activation.ts";
import { frameOf, setFrame } from "../frames.ts";
import { mmOf } from "../locks.ts";
import { enter, goto, leave } from "../rule.ts";
import type { Steps } from "../rule.ts";
import type { Pte, Work } from "../state.ts";
import { handleMmFault } from "./handle-mm-fault.ts";

/** Pages of `[start, end)`; the answer is `null`, or an error word at the first page that cannot be had. */
export function getUserPages(mm: MmId, start: number, end: number, write: boolean): Of<"populate"> {
  return { op: "populate", pc: "next", mm, start, end, at: start, write, got: null };
}

/** Whether an entry gives what a kernel user asks for, without a fault. */
export function follows(pte: Pte | undefined, write: boolean): boolean {
  if (pte?.kind === "present") return !write || pte.write;
  return pte?.kind === "zero" && !write;
}

/** A kernel user that will write marks the page dirty, not the entry. */
export function touch(s: Work, pte: Pte | undefined, write: boolean): void {
  if (write && pte?.kind === "present" && !pte.dirty && !frameOf(s, pte.pfn).dirty) setFrame(s, pte.pfn, { dirty: true });
}

/** The steps of faulting a range in for the kernel. */
export const populateSteps: Steps<"populate"> = {
  next: {
    spec: ["VMA-24", "MEM-17"],
    apply(s, t, a) {
      const { ptes } = mmOf(s, a.mm);
      while (a.at < a.end && follows(ptes[a.at], a.write)) touch(s, ptes[a.at++], a.write);
      if (a.at >= a.end) return leave(t);
      enter(t, a, "done", handleMmFault(a.mm, vpn(a.at), a.write));
    },
  },
  done: {
    spec: ["VMA-24"],
    apply(_s, t, a) {
      if (a.got === "sigbus" || a.got === "oom") leave(t, a.got);
      else goto(a, "next");
    },
  },
};
