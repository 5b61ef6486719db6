import { DPTE, dpteTag, TAG } from "../../spec/words.ts";
import type { Sometimes } from "../property.ts";

/** A mirror has the tag atomic of an exclusive page. */
export const exclusivePageTagged: Sometimes = {
  id: "exclusive-page-tagged",
  kind: "sometimes",
  of: "exclusivity",
  spec: ["EXC-12"],
  statement: "A mirror has the tag atomic of an exclusive page.",
  possible: ({ exclusive }) => exclusive,
  met(_was, _move, now) {
    for (let at = 0; at < now.files * now.pages; at++) {
      const dpte = now.dpte[at]!;
      if ((dpte & DPTE.valid) !== 0 && dpteTag(dpte) === TAG.atomic) return true;
    }
    return false;
  },
};
