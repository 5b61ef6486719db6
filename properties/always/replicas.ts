/** Copies of a page are equal, and nobody may write it meanwhile. */
import { DPTE, dpteTag, FRAME, TAG } from "../../spec/words.ts";
import { isExcused } from "../ghost/excuses.ts";
import type { Always } from "../property.ts";
import { taken } from "../sweep.ts";
import type { Sweep } from "../sweep.ts";

/** As long as a page has replicas it is read-only for all, and what a mirror can reach of it is equal. */
export const replicas: Always = {
  id: "replicas",
  kind: "always",
  spec: ["DUP-1", "DUP-2", "DUP-3", "DUP-4", "DUP-5", "DUP-6", "DUP-7"],
  statement:
    "A page with a replica is system or coherent memory that no entry and no mirror may write; a replica that is installed holds the same bytes and is in the memory of its device.",
  check(now) {
    const { view } = now;
    for (let i = 0; i < now.replicas; i++) {
      const page = view.replicaPage(i);
      const pfn = view.replicaPfn(i);
      const wrong = view.profile.readDuplication ? replica(now, i, page, pfn) : "is there without the extension";
      if (wrong !== null) return `frame ${pfn}, replica of frame ${page}, ${wrong}`;
    }
    return null;
  },
};

function replica(now: Sweep, i: number, page: number, pfn: number): string | null {
  const { view } = now;
  if (!taken(now, page) || !taken(now, pfn) || now.frameDev[pfn] !== view.replicaDev(i)) return "or its page is free, or of another device";
  if ((now.frame[page]! & FRAME.kind_mask) === FRAME.private) return "is a copy of private memory";
  if (now.entries[pfn] !== 0) return "is mapped by a CPU";
  if (now.writers[page] !== 0) return `whose page ${now.writers[page]} entries may write`;
  if (isWrittenByDevice(now, page) || isWrittenByDevice(now, pfn)) return "or its page may be written by a device";
  if (view.replicaInstalled(i) === 1 && !isSpoiled(now, page) && (now.first[page] !== now.first[pfn] || now.fill[page] !== now.fill[pfn]))
    return `holds ${now.first[pfn]}/${now.fill[pfn]}, the page ${now.first[page]}/${now.fill[page]}`;
  return null;
}

function isWrittenByDevice(now: Sweep, pfn: number): boolean {
  if (now.reached[pfn] === 0) return false;
  for (let at = 0; at < now.files * now.pages; at++) {
    const dpte = now.dpte[at]!;
    if ((dpte & (DPTE.valid | DPTE.zero)) !== DPTE.valid || dpte >>> DPTE.payload_shift !== pfn) continue;
    if (dpteTag(dpte) !== TAG.read && !isExcused(now, Math.floor(at / now.pages), at % now.pages)) return true;
  }
  return false;
}

const isSpoiled = (now: Sweep, pfn: number): boolean => now.ghost !== null && now.ghost.values.spoiled[pfn] === 1;
