import { PTE, pteMaps, pteWrites } from "../../spec/words.ts";
import type { Sometimes } from "../property.ts";

/** A writable mapping takes the place of a migration entry. */
export const writablePageGivenBack: Sometimes = {
  id: "writable-page-given-back",
  kind: "sometimes",
  of: "migration-keeps-permission",
  spec: ["MIG-39"],
  statement: "A writable mapping takes the place of a migration entry.",

  met(was, _move, now) {
    for (let at = 0; at < was.mms * was.pages; at++)
      if ((was.pte[at]! & PTE.kind_mask) === PTE.migration && pteMaps(now.pte[at]!) && pteWrites(now.pte[at]!)) return true;
    return false;
  },
};
