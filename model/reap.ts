/** What nothing refers to any more is forgotten, so that a state stays as small as what it describes, however long the run. */
import { drop, linkedVmas, setFrame } from "./frames.ts";
import { mmId } from "../spec/vocabulary.ts";
import type { MmId } from "../spec/vocabulary.ts";
import type { Work } from "./state.ts";

/** Forgets anon_vmas that no mapping is linked to, and shared memory that nobody maps: its page cache is emptied. */
export function reap(s: Work): void {
  const vmas = s.mms.flatMap((_, mm) => linkedVmas(s, mm));
  const linked = new Set(vmas.flatMap((v) => v.chain));
  s.anonVmas = s.anonVmas.map((a, id) => (linked.has(id) ? a : null));
  const mapped = new Set(vmas.flatMap((v) => (v.map === "shared" ? [v.object] : [])));
  for (const [id, object] of s.shmems.entries()) {
    if (object.pages.length === 0 || mapped.has(id)) continue;
    const { pages } = object;
    object.pages = [];
    for (const pfn of pages) {
      if (pfn === null) continue;
      setFrame(s, pfn, { mapping: null });
      drop(s, pfn, { kind: "page-cache" });
    }
  }
}

/** A shared memory object of a new mapping, in the place of one that is gone. */
export function newShmem(s: Work, npages: number): number {
  const gone = s.shmems.findIndex((object) => object.pages.length === 0);
  const id = gone < 0 ? s.shmems.length : gone;
  s.shmems[id] = { pages: Array.from({ length: npages }, () => null) };
  return id;
}

/** The id of a new address space: that of one which is gone, torn down to its end, and mirrored by no open file any more; else the next one. */
export function newMmId(s: Work): MmId {
  const gone = s.mms.findIndex(
    (mm, id) =>
      mm.users === 0 &&
      mm.vmas.length === 0 &&
      mm.active === 0 &&
      !s.tasks.some((t) => t.stack.some((a) => a.op === "exit_mmap" && a.mm === id)) &&
      !s.files.some((f) => f.mm === id && (f.users > 0 || f.interval !== "none")),
  );
  return mmId(gone < 0 ? s.mms.length : gone);
}
