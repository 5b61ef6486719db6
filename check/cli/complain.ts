import { printable } from "../excerpt.ts";
import { colorsFor } from "./colors.ts";

/** Messages of the program itself, such as those of a bug, are cut to this. */
const MESSAGE_MAX = 1000;

/** Writes one line to the standard error, with the name of the program before it. */
export function complain(message: string): void {
  const name = colorsFor(process.stderr, process.env).red("hmmspec");
  process.stderr.write(`${name}: ${printable(message, MESSAGE_MAX)}\n`);
}

/** Reports a mistake of this program in one line. With HMMSPEC_DEBUG set the stack follows. */
export function complainOfBug(error: unknown): void {
  complain(`bug: ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`);
  if (process.env["HMMSPEC_DEBUG"] !== undefined && error instanceof Error) process.stderr.write(`${error.stack}\n`);
}
