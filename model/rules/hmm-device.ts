/** v14's dummy devices: a device without hardware that hosts the memory of others, so that there is something to remove it from. */
import type { DevId } from "../../spec/vocabulary.ts";
import { because, enter, fail, goto, ok } from "../rule.ts";
import type { Steps } from "../rule.ts";
import type { ChunkWork, Work } from "../state.ts";
import { removeChunk } from "./devmem.ts";

/** Dummy devices that can exist at a time: `HMM_DEVICE_MAX`. */
const MINORS = 256;

/** The steps of making a dummy device. */
export const hmmDeviceNewSteps: Steps<"hmm_device_new"> = {
  new: {
    spec: ["MEM-41", "MEM-42", "MEM-43"],
    apply(s, t) {
      if (!s.profile.dummyDevices) return fail(t, "EOPNOTSUPP", "MEM-41");
      let minor = 0;
      while (s.dummies.some((d) => d.minor === minor)) minor++;
      if (minor >= MINORS) return fail(t, "EBUSY", "MEM-42");
      s.dummies = [...s.dummies, { minor, dying: false }];
      because(t, "value", "MEM-41");
      ok(t, { value: minor });
    },
  },
};

/** The steps of giving a dummy device back. */
export const hmmDevicePutSteps: Steps<"hmm_device_put"> = {
  put: {
    spec: ["MEM-43"],
    apply(s, t, a) {
      if (!s.dummies.some((d) => d.minor === a.minor && !d.dying)) return fail(t, "ENODEV", "MEM-43");
      s.dummies = s.dummies.map((d) => (d.minor === a.minor ? { ...d, dying: true } : d));
      goto(a, "remove");
    },
  },
  // Memory that it still hosts goes with the device.
  remove: {
    spec: ["MEM-28", "MEM-44"],
    enabled: (s, _t, a) => hostedBy(s, a.minor).every(({ chunk }) => chunk.state === "online"),
    apply(s, t, a) {
      const found = hostedBy(s, a.minor)[0];
      if (found) enter(t, a, "remove", removeChunk(found.dev, found.n));
      else goto(a, "free");
    },
  },
  free: {
    spec: ["MEM-43"],
    apply(s, t, a) {
      s.dummies = s.dummies.filter((d) => d.minor !== a.minor);
      ok(t);
    },
  },
};

function hostedBy(s: Work, minor: number): { readonly dev: DevId; readonly n: number; readonly chunk: ChunkWork }[] {
  return s.devices.flatMap((device, dev) =>
    device.chunks.flatMap((chunk, n) => (chunk.minor === minor && chunk.state !== "gone" ? [{ dev: dev as DevId, n, chunk }] : [])),
  );
}
