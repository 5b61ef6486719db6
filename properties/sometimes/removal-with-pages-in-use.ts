import { CHUNK } from "../../spec/words.ts";
import { OP } from "../ops.ts";
import type { Sometimes } from "../property.ts";
import { taken } from "../sweep.ts";

/** Device memory is being removed while its frames are still in use. */
export const removalWithPagesInUse: Sometimes = {
  id: "removal-with-pages-in-use",
  kind: "sometimes",
  of: "pgmap-life-time",
  spec: ["MEM-28"],
  statement: "Device memory is being removed while its frames are still in use.",
  met(_was, _move, now) {
    const { view } = now;
    for (let task = 0; task < now.tasks; task++) {
      if (now.taskStep[task] === -1 || (now.taskOps[task]! & OP.remove_chunk) === 0) continue;
      for (let dev = 0; dev < view.deviceCount(); dev++)
        for (let chunk = 0; chunk < view.chunkCount(dev); chunk++) {
          if (view.chunkState(dev, chunk) !== CHUNK.removing) continue;
          for (let n = 0; n < view.chunkPages(dev, chunk); n++) if (taken(now, view.chunkFirst(dev, chunk) + n)) return true;
        }
    }
    return false;
  },
};
