/** S9: when nothing is in flight, nothing of it is left. */
import { FRAME, INTERVAL } from "../../spec/words.ts";
import type { Always } from "../property.ts";
import type { Sweep } from "../sweep.ts";

/** Without a task in flight every trace of operations is gone. */
export const quiescence: Always = {
  id: "quiescence",
  kind: "always",
  spec: ["FRM-6", "MIG-42", "INV-6", "RCL-12", "MIR-8", "MIR-9", "MEM-12", "MEM-14", "MIG-21"],
  statement:
    "When no task is in flight, there is no migration entry and no active notification, an address space is used by its processes alone and is empty when they are gone, every taken private frame is mapped, a replica or briefly held, and every mapped page of system memory is on the LRU.",
  check(now) {
    if (now.live > 0) return null;
    for (let mm = 0; mm < now.mms; mm++) {
      const users = processes(now, mm);
      if (now.view.mmUsers(mm) !== users) return `address space ${mm} has ${now.view.mmUsers(mm)} users and ${users} processes`;
      if (now.mmActive[mm] !== 0 || (now.mmSeq[mm]! & 1) === 1) return `address space ${mm} is being invalidated by nobody`;
      if (users === 0 && now.view.vmaCount(mm) > 0) return `address space ${mm} is gone and has mappings`;
      for (let v = 0; v < now.pages; v++)
        if (users === 0 && now.pte[mm * now.pages + v] !== 0) return `address space ${mm} is gone and has an entry at page ${v}`;
    }
    for (let pfn = 0; pfn < now.frames; pfn++) {
      if (now.migrations[pfn] !== 0) return `frame ${pfn} has a migration entry, and nothing migrates`;
      if (isLost(now, pfn)) return `frame ${pfn} belongs to a process or an object, and is not on the LRU`;
      const taken = (now.frame[pfn]! & (FRAME.kind_mask | FRAME.free)) === FRAME.private;
      if (taken && now.entries[pfn] === 0 && now.copies[pfn] === 0 && (now.ghost === null || now.ghost.brief.count[pfn] === 0))
        return `frame ${pfn} of device ${now.frameDev[pfn]} is taken, and nothing maps it`;
    }
    for (let file = 0; file < now.files; file++) {
      const interval = now.fileInterval[file];
      if (interval === INTERVAL.adding || interval === INTERVAL.removing) return `the interval of file ${file} waits for nothing`;
    }
    return null;
  },
};

/** A system page that reclaim would never find again. Pages of a compound page are found by its first one. */
function isLost(now: Sweep, pfn: number): boolean {
  const word = now.frame[pfn]!;
  if ((word & (FRAME.kind_mask | FRAME.free | FRAME.lru)) !== FRAME.system || (word & FRAME.mapping_mask) === 0) return false;
  return now.entries[pfn]! > 0 && now.view.frameHead(pfn) === -1;
}

function processes({ view }: Sweep, mm: number): number {
  let n = 0;
  const actors = view.actorCount();
  for (let actor = 0; actor < actors; actor++) if (view.actorMm(actor) === mm) n++;
  return n;
}
