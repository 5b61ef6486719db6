import type { WriteStream } from "node:tty";
import pc from "picocolors";

/** The variables that decide about colours. */
interface ColorEnvironment {
  readonly NO_COLOR?: string | undefined;
  readonly FORCE_COLOR?: string | undefined;
  readonly TERM?: string | undefined;
}

/**
 * Colours for one stream. picocolors by itself looks at the standard output alone and takes any CI for a terminal; here each stream decides for itself,
 * so that a redirected one stays plain text.
 *
 * @param stream where the text goes
 * @param environment an environment in which NO_COLOR, if not empty, forbids colours, and FORCE_COLOR, if neither empty nor 0, asks for them
 */
export function colorsFor(
  stream: Pick<WriteStream, "isTTY"> | { readonly isTTY?: boolean },
  environment: ColorEnvironment,
): ReturnType<typeof pc.createColors> {
  const { NO_COLOR = "", FORCE_COLOR = "", TERM = "" } = environment;
  const forced = FORCE_COLOR !== "" && FORCE_COLOR !== "0";
  return pc.createColors(NO_COLOR === "" && (forced || (stream.isTTY === true && TERM !== "dumb")));
}
