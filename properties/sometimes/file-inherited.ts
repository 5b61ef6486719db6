import type { Sometimes } from "../property.ts";

/** Two processes have the same file open. */
export const fileInherited: Sometimes = {
  id: "file-inherited",
  kind: "sometimes",
  of: "descriptors",
  spec: ["MIR-5"],
  statement: "Two processes have the same file open.",
  met(_was, _move, now) {
    for (let file = 0; file < now.files; file++) if (now.view.fileUsers(file) > 1) return true;
    return false;
  },
};
