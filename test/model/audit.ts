/**
 * What must hold in every state, counted anew from the entries instead of believed from the frames. A test walks through states and expects
 * that `audit` finds nothing; each finding begins with the requirement that is broken.
 */
import type { Frame, Holder, Pte, State, Vma } from "../../model/index.ts";

interface Place {
  readonly mm: number;
  readonly page: number;
  readonly pte: Pte;
  readonly vma: Vma | null;
}

function places(state: State): Place[] {
  return state.mms.flatMap(({ ptes, vmas }, mm) =>
    ptes.map((pte, page) => ({ mm, page, pte, vma: vmas.find((v) => v.start <= page && page < v.end) ?? null })),
  );
}

const maps = ({ kind }: Pte): boolean => kind === "present" || kind === "device_private" || kind === "device_exclusive";
const writable = (pte: Pte): boolean => (pte.kind === "migration" ? pte.mode === "write" : "write" in pte && pte.write);

/** How many holders of each kind the rest of the state accounts for. */
function counted(state: State, all: readonly Place[], pfn: number): Record<"map" | "page-cache" | "swap-cache" | "replica", number> {
  return {
    map: all.filter(({ pte }) => maps(pte) && "pfn" in pte && pte.pfn === pfn).length,
    "page-cache": state.shmems.flatMap((object) => object.pages).filter((page) => page === pfn).length,
    "swap-cache": state.slots.filter((slot) => slot.cache === pfn).length,
    replica: state.replicas.filter((replica) => replica.pfn === pfn).length,
  };
}

function auditHolders(state: State, all: readonly Place[], pfn: number, frame: Frame): string[] {
  const found: string[] = [];
  const held = (kind: Holder["kind"]): number => frame.holders.filter((h) => h.kind === kind).length;
  for (const [kind, n] of Object.entries(counted(state, all, pfn))) {
    if (held(kind as Holder["kind"]) !== n)
      found.push(`FRM-1: frame ${pfn} has ${held(kind as Holder["kind"])} holders ${kind}, expected ${n}`);
  }
  for (const holder of frame.holders) {
    if (holder.kind === "task" && !state.tasks.some((t) => t.id === holder.task))
      found.push(`FRM-6: frame ${pfn} is held by an ended task`);
    if (holder.kind !== "map") continue;
    const pte = state.mms[holder.mm]?.ptes[holder.vpn];
    if (!pte || !("pfn" in pte) || pte.pfn !== pfn) found.push(`FRM-2: frame ${pfn} is held by page ${holder.vpn} that does not name it`);
  }
  if (frame.free !== (frame.holders.length === 0))
    found.push(`FRM-1: frame ${pfn} is ${frame.free ? "free" : "taken"} with ${held("map")} mappings`);
  return found;
}

function auditFrame(state: State, all: readonly Place[], pfn: number, frame: Frame): string[] {
  const found = auditHolders(state, all, pfn, frame);
  if (frame.anonExclusive && frame.holders.filter((h) => h.kind === "map").length > 1)
    found.push(`FRM-5: frame ${pfn} is shared and anon-exclusive`);
  if (frame.anonExclusive && state.profile.core === "v14") found.push(`FRM-5: frame ${pfn} has a mark that v14 does not know`);
  if (frame.locked !== null && !state.tasks.some((t) => t.id === frame.locked))
    found.push(`FRM-6: frame ${pfn} is locked by an ended task`);
  return found;
}

function auditPlace(state: State, { mm, page, pte, vma }: Place): string[] {
  const found: string[] = [];
  const here = `${mm}:${page}`;
  if (vma === null && pte.kind !== "none" && !state.tasks.some((t) => t.stack.some((a) => a.op === "do_munmap" || a.op === "mremap")))
    found.push(`PTE-1: ${here} is ${pte.kind} outside every mapping`);
  if (writable(pte) && vma !== null && !vma.flags.write) found.push(`PTE-2: ${here} is writable in a read-only mapping`);
  if (pte.kind === "migration") {
    const holder = state.frames[pte.pfn]?.locked ?? null;
    const migrates = state.tasks.some((t) => t.id === holder && t.stack.some((a) => a.op === "migrate"));
    if (!migrates) found.push(`PTE-3: ${here} waits for a migration that is not there`);
  }
  if (state.profile.core === "v14" && pte.kind === "device_exclusive") found.push(`PTE-1: ${here} is device-exclusive under v14`);
  return found;
}

/** A writable entry of a private page is the only mapping of its frame. */
function auditSharing(state: State, all: readonly Place[]): string[] {
  return all.flatMap(({ mm, page, pte, vma }) => {
    if (!maps(pte) || !writable(pte) || !("pfn" in pte) || vma?.map !== "private") return [];
    const n = counted(state, all, pte.pfn).map;
    return n === 1 ? [] : [`PTE-2: ${mm}:${page} is writable and its frame is mapped ${n} times`];
  });
}

function auditQuiet(state: State): string[] {
  if (state.tasks.length > 0) return [];
  const found: string[] = [];
  state.mms.forEach(({ lock, active, seq }, mm) => {
    if (lock.writer !== null || lock.readers.length > 0) found.push(`FRM-6: the lock of address space ${mm} is held`);
    if (active !== 0 || seq % 2 !== 0) found.push(`INV-6: address space ${mm} is being invalidated`);
  });
  state.files.forEach((file, n) => file.mutex !== null && found.push(`FRM-6: the driver lock of file ${n} is held`));
  return found;
}

/** Everything that is wrong in a state. */
export function audit(state: State): string[] {
  const all = places(state);
  const slots = state.slots.flatMap((slot, n) => {
    const users = all.filter(({ pte }) => pte.kind === "swap" && pte.slot === n).length;
    return slot.count === users ? [] : [`FRM-2: slot ${n} counts ${slot.count} users, ${users} entries name it`];
  });
  return [
    ...state.frames.flatMap((frame, pfn) => auditFrame(state, all, pfn, frame)),
    ...all.flatMap((place) => auditPlace(state, place)),
    ...auditSharing(state, all),
    ...slots,
    ...auditQuiet(state),
  ];
}
