/** Ranges of device memory: which one a frame belongs to, and which physical addresses are unused. */
import type { DevId, DevmemFlag, DeviceKind, Pfn } from "../spec/vocabulary.ts";
import { known } from "./rule.ts";
import type { ChunkWork, Frozen, State, Work } from "./state.ts";

/** The range that a device frame belongs to; `null` for system memory and where no frame is. */
export function chunkOf(s: State, pfn: Pfn): Frozen<ChunkWork> | null {
  const dev = s.frames[pfn]?.dev ?? null;
  if (dev === null) return null;
  return s.devices[dev]?.chunks.find((c) => c.first <= pfn && pfn < c.first + c.npages) ?? null;
}

/** Whether a frame may be collected, unmapped for migration, or used as a destination: system memory always, device memory as its range says. */
export function allowsMigration(s: State, pfn: Pfn): boolean {
  return chunkOf(s, pfn)?.flags.includes("allow_migrate") ?? true;
}

/** The flags of memory that a driver adds for migration. */
export function usualFlags(kind: DeviceKind): readonly DevmemFlag[] {
  return kind === "private" ? ["device", "allow_migrate", "unaddressable"] : ["device", "allow_migrate"];
}

/** The range of a device with this number, unless there is none. */
export function liveChunk(s: Work, dev: DevId, chunk: number): ChunkWork | null {
  const found = s.devices[dev]?.chunks[chunk];
  return found && found.state !== "gone" ? found : null;
}

/**
 * Physical addresses for a range of `size` pages: tried downwards from the top in steps of the size. Without a window of physical addresses
 * there is always room behind the last frame.
 */
export function findRoom(s: Work, size: number): Pfn | null {
  const { window } = s.limits;
  if (window === null) return s.frames.length as Pfn;
  for (let at = window.end - size; at >= window.first; at -= size) if (!reserved(s, at, at + size)) return at as Pfn;
  return null;
}

function reserved(s: Work, first: number, end: number): boolean {
  return s.devices.some((d) => d.chunks.some((c) => c.state !== "gone" && c.first < end && first < c.first + c.npages));
}

/** Enters a range in the list of its device; numbers of ranges that are gone are used again. Answers its number. */
export function enterChunk(s: Work, dev: DevId, chunk: ChunkWork): number {
  const { chunks } = known(s.devices[dev], `device ${dev}`);
  const gone = chunks.findIndex((c) => c.state === "gone");
  const n = gone < 0 ? chunks.length : gone;
  chunks[n] = chunk;
  return n;
}

/** Takes a range off the list: nothing of it is left, but the numbers of the others stay. */
export function forgetChunk(s: Work, dev: DevId, chunk: number): void {
  const { chunks } = known(s.devices[dev], `device ${dev}`);
  chunks[chunk] = {
    first: 0 as Pfn,
    npages: 0,
    state: "gone",
    flags: [],
    linear: false,
    minor: null,
    onDemand: false,
  };
  while (chunks.at(-1)?.state === "gone") chunks.pop();
}
