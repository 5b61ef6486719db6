import { DPTE } from "../../spec/words.ts";
import type { Sometimes } from "../property.ts";

/** A mirror has an entry while a notification is active in its address space. */
export const mirroredPageDuringNotification: Sometimes = {
  id: "mirrored-page-during-notification",
  kind: "sometimes",
  of: "mirror-consistency",
  spec: ["INV-16"],
  statement: "A mirror has an entry while a notification is active in its address space.",
  met(_was, _move, now) {
    for (let file = 0; file < now.files; file++) {
      if (now.mmActive[now.fileMm[file]!]! <= 0) continue;
      for (let v = 0; v < now.pages; v++) if ((now.dpte[file * now.pages + v]! & DPTE.valid) !== 0) return true;
    }
    return false;
  },
};
