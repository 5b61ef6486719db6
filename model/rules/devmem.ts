/** Device memory of a driver: adding a range, removing one, and giving all of them back. */
import type { ReqId } from "../../spec/requirements.ts";
import type { DevId, Errno, Pfn } from "../../spec/vocabulary.ts";
import type { Of } from "../activation.ts";
import { enterChunk, findRoom, forgetChunk, liveChunk } from "../chunks.ts";
import { ABSENT, frameOf, freeDeviceFrame } from "../frames.ts";
import { replicatedTo } from "../replicas.ts";
import { because, enter, fail, goto, known, leave, ok } from "../rule.ts";
import type { Steps } from "../rule.ts";
import type { ChunkWork, Work } from "../state.ts";
import { dropReplicas } from "./drop-replicas.ts";
import { evict } from "./migrate.ts";

type Add = Of<"devmem_add">;
type Remove = Of<"remove_chunk">;

/** The steps of adding a range. */
export const devmemAddSteps: Steps<"devmem_add"> = {
  check: {
    spec: ["MEM-2", "MEM-5"],
    apply(s, t, a) {
      const refusal = refused(s, a);
      if (refusal !== null) return fail(t, refusal.errno, refusal.rule);
      goto(a, "reserve");
    },
  },
  reserve: {
    spec: ["MEM-1", "MEM-3", "MEM-44"],
    apply(s, t, a) {
      if (!hosted(s, a)) return fail(t, "ENODEV", "MEM-44");
      const { section } = s.limits;
      const npages = Math.ceil(a.npages / section) * section;
      const first = findRoom(s, npages);
      if (first === null) return fail(t, "ERANGE", "MEM-1");
      const { flags, minor } = a;
      a.chunk = enterChunk(s, a.dev, { first, npages, state: "reserved", flags, linear: false, minor, onDemand: false });
      for (let n: number = s.frames.length; n < first + npages; n++) s.frames[n] = ABSENT;
      goto(a, "online");
    },
  },
  online: {
    spec: ["MEM-1", "MEM-2", "MEM-6", "MEM-7", "MEM-8", "MEM-9"],
    choices: () => ["page", "no-memory"],
    apply(s, t, a, choice) {
      if (choice === "no-memory") {
        forgetChunk(s, a.dev, a.chunk);
        return fail(t, "ENOMEM", "MEM-2");
      }
      const chunk = known(liveChunk(s, a.dev, a.chunk), "chunk");
      bringOnline(s, a.dev, chunk);
      because(t, "value", "MEM-1");
      because(t, "data", "MEM-1");
      ok(t, { value: a.chunk, data: [chunk.first, chunk.first + chunk.npages] });
    },
  },
};

interface Refusal {
  readonly errno: Errno;
  readonly rule: ReqId;
}

/** Why a range of this kind cannot be added. */
function refused(s: Work, a: Add): Refusal | null {
  const device = s.devices[a.dev];
  if (!device) return { errno: "ENODEV", rule: "MEM-2" };
  if (device.kind === "coherent" && !s.profile.coherent) return { errno: "ENODEV", rule: "MEM-37" };
  const unaddressable = a.flags.includes("unaddressable");
  const migrates = a.flags.includes("allow_migrate");
  const supported = a.flags.includes("device") && a.flags.every((flag) => s.limits.archFlags.includes(flag));
  // Memory that pages are to move to must be what the device's kind says; other memory is addressable.
  const fits = migrates ? unaddressable === (device.kind === "private") : !unaddressable;
  if (a.npages <= 0 || !supported || !fits) return { errno: "EINVAL", rule: "MEM-2" };
  return migrates && incomplete(s, a, unaddressable) ? { errno: "EINVAL", rule: "MEM-5" } : null;
}

/** Whether the driver has left out what pages in its memory need. Only private memory is faulted on, and v14 has no owners. */
function incomplete(s: Work, a: Add, unaddressable: boolean): boolean {
  return a.lacks.some((part) => part === "page_free" || (part === "owner" ? s.profile.ownerFilter : unaddressable));
}

function hosted(s: Work, a: Add): boolean {
  return a.minor === null || s.dummies.some((d) => d.minor === a.minor && !d.dying);
}

/** Makes the frames of a range, all of them free; those that allow migration are the driver's to hand out. */
function bringOnline(s: Work, dev: DevId, chunk: ChunkWork): void {
  const unaddressable = chunk.flags.includes("unaddressable");
  for (let n = chunk.npages - 1; n >= 0; n--) {
    const pfn = (chunk.first + n) as Pfn;
    s.frames[pfn] = freeDeviceFrame(unaddressable ? "private" : "coherent", dev);
    if (chunk.flags.includes("allow_migrate")) known(s.devices[dev], "device").freeList.push(pfn);
  }
  chunk.linear = !unaddressable;
  chunk.state = "online";
}

/** The removal of one range; answers `null`, or an errno where there is no such range. */
export function removeChunk(dev: DevId, chunk: number): Remove {
  return { op: "remove_chunk", pc: "e1", dev, chunk, got: null };
}

const chunkAt = (s: Work, a: Remove): ChunkWork => known(liveChunk(s, a.dev, a.chunk), "chunk");

/** The steps of removing one range (e1 to e8). */
export const removeChunkSteps: Steps<"remove_chunk"> = {
  e1: {
    spec: ["MEM-30", "MEM-33"],
    apply(s, t, a) {
      const chunk = liveChunk(s, a.dev, a.chunk);
      if (chunk?.state !== "online") return leave(t, "ENOENT");
      const device = known(s.devices[a.dev], "device");
      chunk.state = "removing";
      device.freeList = device.freeList.filter((pfn) => pfn < chunk.first || chunk.first + chunk.npages <= pfn);
      goto(a, "replicas");
    },
  },
  replicas: {
    spec: ["DUP-5"],
    apply(s, t, a) {
      const { first, npages } = chunkAt(s, a);
      const page = replicatedTo(s, first, first + npages);
      if (page !== null) return enter(t, a, "replicas", dropReplicas(page));
      goto(a, s.profile.evicts ? "evict" : "e7");
    },
  },
  evict: {
    spec: ["MEM-32", "MEM-34"],
    apply(s, t, a) {
      const { first, npages } = chunkAt(s, a);
      enter(t, a, "e7", evict(a.dev, first, first + npages));
    },
  },
  e7: {
    spec: ["MEM-28", "MEM-32", "MEM-34"],
    enabled: (s, _t, a) => unused(s, chunkAt(s, a)) || worthAnotherPass(s, chunkAt(s, a)),
    apply: (s, _t, a) => goto(a, unused(s, chunkAt(s, a)) ? "e8" : "replicas"),
  },
  e8: {
    spec: ["MEM-3", "MEM-29", "MEM-31"],
    apply(s, t, a) {
      const chunk = chunkAt(s, a);
      for (let n = 0; n < chunk.npages; n++) s.frames[chunk.first + n] = ABSENT;
      // The flags say what there is to take down: un-addressable memory was never in the linear map.
      if (!chunk.flags.includes("unaddressable")) chunk.linear = false;
      if (!chunk.linear) forgetChunk(s, a.dev, a.chunk);
      leave(t);
    },
  },
};

function framesOf(s: Work, chunk: ChunkWork): Pfn[] {
  return Array.from({ length: chunk.npages }, (_, n) => (chunk.first + n) as Pfn).filter((pfn) => s.frames[pfn]?.free === false);
}

function unused(s: Work, chunk: ChunkWork): boolean {
  return framesOf(s, chunk).length === 0;
}

/** Whether another pass could free a frame: a replica, or a page that nothing but its mappings holds. One pass is all that dmirror makes. */
function worthAnotherPass(s: Work, chunk: ChunkWork): boolean {
  if (replicatedTo(s, chunk.first, chunk.first + chunk.npages) !== null) return true;
  if (!s.profile.evicts || s.profile.driver.evictsOnce || !chunk.flags.includes("allow_migrate")) return false;
  return framesOf(s, chunk).some((pfn) => frameOf(s, pfn).locked === null && frameOf(s, pfn).holders.every((h) => h.kind === "map"));
}

/** The steps of the call that removes one range, or all of a device. */
export const devmemRemoveSteps: Steps<"devmem_remove"> = {
  next: {
    spec: ["MEM-30", "MEM-31"],
    apply(s, t, a) {
      const device = s.devices[a.dev];
      if (!device) return fail(t, "ENODEV", "MEM-30");
      const chunk = a.chunk ?? device.chunks.findIndex((c) => c.state === "online");
      if (a.chunk === null && chunk < 0) return ok(t);
      enter(t, a, "removed", removeChunk(a.dev, chunk));
    },
  },
  removed: {
    spec: ["MEM-30"],
    apply(_s, t, a) {
      if (a.chunk === null) return goto(a, "next");
      if (a.got === null) ok(t);
      else fail(t, a.got as Errno, "MEM-30");
    },
  },
};
