/** What the kernel's log and the driver's callbacks tell beside the answers of calls: kept for who asks for it, as long as the bound allows. */
import type { Note, Work } from "./state.ts";

/** Adds a note. The oldest ones make room; none is kept unless the bounds of the configuration ask for it. */
export function note(s: Work, added: Note): void {
  const { notes_max } = s.limits;
  if (notes_max === 0) return;
  s.notes = [...s.notes.slice(Math.max(0, s.notes.length + 1 - notes_max)), added];
}
