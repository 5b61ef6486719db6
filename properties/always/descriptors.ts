/** Open files count their users. */
import { INTERVAL } from "../../spec/words.ts";
import type { Always } from "../property.ts";
import type { Sweep } from "../sweep.ts";

/** A file has one user for each descriptor, and whoever has a descriptor has a mirror. */
export const descriptors: Always = {
  id: "descriptors",
  kind: "always",
  spec: ["MIR-1", "MIR-5", "MIR-9", "TRC-4", "TRC-5"],
  statement: "A file has as many users as processes have it open, and one that is open has an interval.",
  check(now) {
    const { view } = now;
    for (let file = 0; file < now.files; file++) {
      const users = view.fileUsers(file);
      const open = holders(now, file);
      if (users !== open) return `file ${file} has ${users} users, ${open} processes have it open`;
      const interval = now.fileInterval[file];
      if (open > 0 && interval !== INTERVAL.inserted && interval !== INTERVAL.adding)
        return `file ${file} is open and its mirror has ended`;
    }
    return null;
  },
};

function holders({ view, fileDev }: Sweep, file: number): number {
  let n = 0;
  const actors = view.actorCount();
  for (let actor = 0; actor < actors; actor++) if (view.actorFile(actor, fileDev[file]!) === file) n++;
  return n;
}
