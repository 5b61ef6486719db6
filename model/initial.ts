/** The state in which every trace begins: one process with an empty window, devices without pages in use, no file open. */
import { devId, DEVMEM_FLAGS, mmId, pfn } from "../spec/vocabulary.ts";
import type { Bounds } from "../spec/system.ts";
import type { Config } from "../spec/vocabulary.ts";
import { usualFlags } from "./chunks.ts";
import { ABSENT, freeDeviceFrame } from "./frames.ts";
import type { Profile } from "../spec/profile.ts";
import { NONE } from "./state.ts";
import type { ChunkWork, DeviceWork, Frame, State, Work } from "./state.ts";

/** The initial state of a configuration. */
export function initial(profile: Profile, config: Config, bounds: Bounds = {}): State {
  const frames: Frame[] = [];
  const devices = config.devices.map(({ kind }, d): DeviceWork => {
    const npages = bounds.deviceFrames ?? 0;
    const first = pfn(frames.length);
    for (let n = 0; n < npages; n++) frames.push(freeDeviceFrame(kind, devId(d)));
    const freeList = Array.from({ length: npages }, (_, n) => pfn(first + npages - 1 - n));
    const flags = usualFlags(kind);
    const chunk: ChunkWork = { first, npages, state: "online", flags, linear: kind === "coherent", minor: null, onDemand: false };
    return { kind, chunks: npages > 0 ? [chunk] : [], freeList };
  });
  const first = frames.length;
  for (let n = 0; n < (bounds.physicalPages ?? 0); n++) frames.push(ABSENT);
  const s: Work = {
    profile,
    pages: config.pages,
    limits: {
      section: bounds.sectionPages ?? 1,
      window: bounds.physicalPages === undefined ? null : { first, end: frames.length },
      archFlags: bounds.archFlags ?? DEVMEM_FLAGS,
      notes_max: bounds.notes_max ?? 0,
    },
    actors: [{ mm: mmId(0), alive: true, files: config.devices.map(() => null) }],
    mms: [
      {
        users: 1,
        vmas: [],
        ptes: Array.from({ length: config.pages }, () => NONE),
        lock: { writer: null, readers: [] },
        hmm: false,
        active: 0,
        seq: 2,
      },
    ],
    files: [],
    frames,
    anonVmas: [],
    shmems: [],
    devices,
    slots: [],
    tasks: [],
    dummies: [],
    replicas: [],
    notes: [],
    tainted: false,
  };
  return s;
}
