/** The state in which every trace begins: one process with an empty window, devices without pages in use, no file open. */
import { devId, mmId, pfn } from "../spec/vocabulary.ts";
import type { Config } from "../spec/vocabulary.ts";
import { freeDeviceFrame } from "./frames.ts";
import type { Profile } from "./profile.ts";
import { NONE } from "./state.ts";
import type { DeviceWork, Frame, State, Work } from "./state.ts";

/** Bounds that a trace does not have: how many frames each device holds at first. More are hot-added when they run out. */
export interface Bounds {
  readonly deviceFrames?: number;
}

/** The initial state of a configuration. */
export function initial(profile: Profile, config: Config, bounds: Bounds = {}): State {
  const frames: Frame[] = [];
  const devices = config.devices.map(({ kind }, d): DeviceWork => {
    const npages = bounds.deviceFrames ?? 0;
    const first = pfn(frames.length);
    for (let n = 0; n < npages; n++) frames.push(freeDeviceFrame(kind, devId(d)));
    const freeList = Array.from({ length: npages }, (_, n) => pfn(first + npages - 1 - n));
    return { kind, chunks: npages > 0 ? [{ first, npages, state: "online" }] : [], freeList };
  });
  const s: Work = {
    profile,
    pages: config.pages,
    actors: [{ mm: mmId(0), alive: true, files: config.devices.map(() => null) }],
    mms: [
      {
        users: 1,
        vmas: [],
        ptes: Array.from({ length: config.pages }, () => NONE),
        lock: { writer: null, readers: [] },
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
    minors: [],
    tainted: false,
  };
  return s;
}
