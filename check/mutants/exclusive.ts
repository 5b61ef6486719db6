/** Mutants of exclusive access (x1 to x9). */
import { frameOf, lockPage, mappedPfn } from "../../model/frames.ts";
import { mmOf } from "../../model/locks.ts";
import { enter } from "../../model/rule.ts";
import { rmapWalk } from "../../model/rules/rmap-walk.ts";
import type { Pfn } from "../../spec/vocabulary.ts";
import { vpn as toVpn } from "../../spec/vocabulary.ts";
import type { Mutant } from "./mutant.ts";
import { scope } from "./scope.ts";
import { around, driverWith, under } from "./tamper.ts";

/** Bugs in taking pages for exclusive access, and in tagging them. */
export const EXCLUSIVE_MUTANTS: readonly Mutant[] = [
  {
    id: "B37",
    row: "B37",
    title: "A page that is not anonymous is taken for exclusive access.",
    origin: 'mail "mm/rmap: reject hugetlb folios in folio_make_device_exclusive()"',
    breaks: ["EXC-5"],
    killedBy: "memory-objects",
    scope: scope(["mmap", "make_exclusive"]),
    model: around("make_exclusive", "x3", (go, s, t, a) => {
      const pfn = a.pages[a.i] ?? null;
      if (pfn === null || frameOf(s, pfn).mapping?.kind === "anon" || !lockPage(s, pfn, t.id)) return go();
      enter(t, a, "x7", rmapWalk(pfn, "exclusive", { only: { mm: a.mm, vpn: toVpn(a.at + a.i) }, owner: a.dev }));
    }),
  },
  {
    id: "B48",
    row: "B48",
    title: "The loop that tags a batch goes over the pages that could not be taken, and tags them as well.",
    origin: '"lib/test_hmm: make dmirror_atomic_map() consume a single page"',
    breaks: ["EXC-5", "EXC-4"],
    killedBy: "exclusivity",
    scope: scope(["mmap", "make_exclusive"]),
    model: around("make_exclusive", "x8", (go, s, _t, a) => {
      go();
      const file = s.files[a.file];
      const { ptes } = mmOf(s, a.mm);
      for (const [i, page] of a.pages.entries()) {
        const pte = ptes[a.at + i];
        const pfn = pte ? mappedPfn(pte) : null;
        if (file && page === null && pfn !== null) file.dpt[a.at + i] = { pfn, zero: false, tag: "atomic", unreachable: false };
      }
    }),
  },
  {
    id: "B49",
    row: "B49",
    title: "When fewer pages were taken than asked for, what lies in the slots behind them is tagged as well.",
    origin: '"lib/test_hmm: avoid accessing uninitialized pages"',
    breaks: ["EXC-4", "EXC-3"],
    killedBy: "mirror-consistency",
    scope: scope(["mmap", "make_exclusive"], { pages: 2 }),
    model: around("make_exclusive", "x8", (go, s, _t, a) => {
      const { at, stop } = a;
      go();
      const file = s.files[a.file];
      const left = a.pages.at(-1) ?? (0 as Pfn);
      for (let v = at + a.pages.length; file && v < stop; v++) file.dpt[v] = { pfn: left, zero: false, tag: "atomic", unreachable: false };
    }),
  },
  {
    id: "U6",
    row: "U6",
    title: "A page is tagged without a look at the sequence: it may have been dropped since it was taken.",
    origin: "reading lib/test_hmm.c of 5.14 to 7.0",
    breaks: ["EXC-11", "IDL-5"],
    killedBy: "mirror-consistency",
    scope: scope(["mmap", "make_exclusive", "madvise"]),
    model: under("make_exclusive", "x8", driverWith({ rechecksSequence: false })),
  },
];
