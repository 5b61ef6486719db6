/**
 * v14's dummy devices: a device without hardware that hosts the memory of others, so that there is something to remove it from.
 *
 * Record of `hmm_device_put`: `x0` minor.
 */
import { CHUNK, STEP } from "../../spec/words.ts";
import type { ModelCall } from "../../spec/vocabulary.ts";
import { MINORS } from "../arena.ts";
import type { Arena } from "../arena.ts";
import { chunkCount, chunkRow } from "../chunks.ts";
import { CHUNK_ROW, R } from "../layout.ts";
import { MINOR, dummyState, setDummy } from "../minors.ts";
import { fail, goto, ok, push } from "../tasks.ts";
import type { ImplSteps } from "../tasks.ts";
import { enterRemoveChunk } from "./devmem.ts";

/** Begins the making of a dummy device. */
export function beginHmmDeviceNew(h: Arena, t: number): void {
  push(h, t, STEP["hmm_device_new.new"]);
}

/** Begins the end of a dummy device. */
export function beginHmmDevicePut(h: Arena, t: number, call: Extract<ModelCall, { op: "hmm_device_put" }>): void {
  const r = push(h, t, STEP["hmm_device_put.put"]);
  h.task[r + R.x0] = call.minor;
}

/** The number of the first range of device `dev`, from number `from` on, that a dummy device hosts, or -1. */
function hosted(h: Arena, dev: number, from: number, minor: number): number {
  const n = chunkCount(h, dev);
  for (let c = from; c < n; c++) {
    const row = chunkRow(h, dev, c);
    if (h.chunk[row + CHUNK_ROW.minor] === minor + 1 && h.chunk[row + CHUNK_ROW.state] !== CHUNK.gone) return c;
  }
  return -1;
}

/** The steps of making a dummy device. */
export const hmmDeviceNewSteps: ImplSteps = {
  new: {
    apply(h, t) {
      if (!h.profile.dummyDevices) return fail(h, t, "EOPNOTSUPP");
      let minor = 0;
      while (minor < MINORS && dummyState(h, minor) !== MINOR.none) minor++;
      if (minor >= MINORS) return fail(h, t, "EBUSY");
      setDummy(h, minor, MINOR.there);
      ok(h, t, { status: "ok", value: minor });
    },
  },
};

/** The steps of giving a dummy device back. */
export const hmmDevicePutSteps: ImplSteps = {
  put: {
    apply(h, t, r) {
      const minor = h.task[r + R.x0]!;
      if (dummyState(h, minor) !== MINOR.there) return fail(h, t, "ENODEV");
      setDummy(h, minor, MINOR.dying);
      goto(h, r, STEP["hmm_device_put.remove"]);
    },
  },
  // Memory that it still hosts goes with the device.
  remove: {
    enabled(h, _t, r) {
      const minor = h.task[r + R.x0]!;
      for (let dev = 0; dev < h.devices; dev++)
        for (let c = hosted(h, dev, 0, minor); c >= 0; c = hosted(h, dev, c + 1, minor))
          if (h.chunk[chunkRow(h, dev, c) + CHUNK_ROW.state] !== CHUNK.online) return false;
      return true;
    },
    apply(h, t, r) {
      const minor = h.task[r + R.x0]!;
      for (let dev = 0; dev < h.devices; dev++) {
        const chunk = hosted(h, dev, 0, minor);
        if (chunk >= 0) return enterRemoveChunk(h, t, r, STEP["hmm_device_put.remove"], dev, chunk);
      }
      goto(h, r, STEP["hmm_device_put.free"]);
    },
  },
  free: {
    apply(h, t, r) {
      setDummy(h, h.task[r + R.x0]!, MINOR.none);
      ok(h, t);
    },
  },
};
