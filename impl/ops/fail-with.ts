/** The end of a call by an error number that an operation below it has answered. */
import { ERRNOS } from "../../spec/vocabulary.ts";
import { ImplBug } from "../arena.ts";
import type { Arena } from "../arena.ts";
import { answerErrno } from "../layout.ts";
import { fail } from "../tasks.ts";

/** Ends the task with the error number that stands in an answer. */
export function failWith(h: Arena, t: number, got: number): void {
  const errno = ERRNOS[answerErrno(got)];
  if (errno === undefined) throw new ImplBug(`${got} is no error number`);
  fail(h, t, errno);
}
