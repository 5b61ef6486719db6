import type { Sometimes } from "../property.ts";

/** A mirror reaches a replica. */
export const replicaReachable: Sometimes = {
  id: "replica-reachable",
  kind: "sometimes",
  of: "replicas",
  spec: ["DUP-3"],
  statement: "A mirror reaches a replica.",
  possible: ({ readDuplication }) => readDuplication,
  met(_was, _move, now) {
    for (let pfn = 0; pfn < now.frames; pfn++) if (now.copies[pfn]! > 0 && now.reached[pfn]! > 0) return true;
    return false;
  },
};
