import type { Sometimes } from "../property.ts";

/** A snapshot shows a page. */
export const snapshotShowsPages: Sometimes = {
  id: "snapshot-shows-pages",
  kind: "sometimes",
  of: "snapshot-changes-nothing",
  spec: ["SNAP-6"],
  statement: "A snapshot shows a page.",
  met(_was, move) {
    return move.ret?.status === "ok" && (move.ret.entries?.some((entry) => entry !== "00" && entry !== "ff") ?? false);
  },
};
