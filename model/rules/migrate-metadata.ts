/** The metadata step of a migration (m8): the destination becomes the page. */
import type { Pfn } from "../../spec/vocabulary.ts";
import type { MigrateEntry, Of } from "../activation.ts";
import { drop, frameOf, freeSwapCache, hold, mapHolder, setFrame } from "../frames.ts";
import { mmOf } from "../locks.ts";
import { known } from "../rule.ts";
import type { Work } from "../state.ts";
import { prepareAnonVma } from "../vmas.ts";

/** References that a page under migration has when nobody else wants it: ours, the faulting CPU's, the cache's. */
export function expected(s: Work, a: Of<"migrate">, src: Pfn): number {
  const frame = frameOf(s, src);
  const cached = frame.holders.filter((h) => h.kind === "page-cache" || h.kind === "swap-cache").length;
  const fault = a.faultPage === src && frame.holders.some((h) => h.kind === "task" && h.why === "fault") ? 1 : 0;
  return 1 + cached + fault;
}

/**
 * migratepage(): the page's owner moves what it knows about the page to the destination, unless somebody else holds the page.
 *
 * A driver has copied the contents before (`copy` is false), so the owner must leave them alone; an owner that has not been looked at for
 * that refuses: here shared memory, which stands for all file-backed pages. In the ordinary migration the owner copies them itself.
 */
export function moveMetadata(s: Work, a: Of<"migrate">, entry: MigrateEntry): boolean {
  const { src, dst } = entry;
  if (dst === null || src === null) return false;
  const copy = a.purpose === "move";
  const { mapping, slot } = frameOf(s, src);
  if (!copy && mapping?.kind === "shmem") return false;
  if (frameOf(s, dst).kind !== "system" && slot !== null) {
    if (!s.profile.swapCacheMigrates || (s.slots[slot]?.count ?? 0) > 0) return false;
    freeSwapCache(s, src);
  }
  const now = frameOf(s, src);
  if (now.holders.length !== expected(s, a, src)) return false;
  // Marks are set on the destination and never taken off there: a device frame keeps those of its earlier pages.
  const { kind, dirty } = frameOf(s, dst);
  const device = kind !== "system";
  setFrame(s, dst, { mapping: now.mapping, index: now.index, dirty: now.dirty || (device && dirty), swapBacked: now.swapBacked || device });
  if (copy) {
    setFrame(s, dst, { contents: now.contents });
    moveCaches(s, src, dst);
  }
  return true;
}

/** The page cache and the swap cache hold the destination instead of the source. */
function moveCaches(s: Work, src: Pfn, dst: Pfn): void {
  const { mapping, index, slot } = frameOf(s, src);
  if (mapping?.kind === "shmem") {
    known(s.shmems[mapping.object], "object").pages[index] = dst;
    hold(s, dst, { kind: "page-cache" });
    drop(s, src, { kind: "page-cache" });
  }
  if (slot !== null) {
    s.slots[slot] = { ...known(s.slots[slot], "slot"), cache: dst };
    setFrame(s, dst, { slot });
    setFrame(s, src, { slot: null });
    hold(s, dst, { kind: "swap-cache" });
    drop(s, src, { kind: "swap-cache" });
  }
}

/** Inserts a zero-filled device page where nothing is, if nothing is still there. */
export function insertPage(s: Work, a: Of<"migrate">, entry: MigrateEntry): boolean {
  const mm = mmOf(s, a.mm);
  const pte = known(mm.ptes[entry.vpn], "pte");
  if (pte.kind !== "none" && pte.kind !== "zero") return false;
  const vma = prepareAnonVma(s, mm, entry.vpn);
  if (vma === null || vma.map !== "private") return false;
  const dst = known(entry.dst, "destination");
  hold(s, dst, mapHolder(a.mm, entry.vpn));
  setFrame(s, dst, {
    mapping: { kind: "anon", anonVma: known(vma.anonVma, "anon_vma") },
    index: vma.pgoff + entry.vpn - vma.start,
    anonExclusive: s.profile.anonExclusive,
  });
  const { write } = vma.flags;
  mm.ptes[entry.vpn] =
    frameOf(s, dst).kind === "private"
      ? { kind: "device_private", pfn: dst, write }
      : { kind: "present", pfn: dst, write, dirty: write, huge: false };
  return true;
}
