/** Exit codes of the program: what a script may rely on. */
export const EXIT = {
  /** What was checked holds or conforms. */
  ok: 0,
  /** A property is violated or a trace is rejected. */
  violation: 1,
  /** Malformed input or wrong usage. */
  usage: 2,
  /** A bound was hit before there was an answer. */
  inconclusive: 3,
  /** The system under test died. */
  died: 4,
  /** A mistake of this program. */
  bug: 70,
  /** The reader of our output went away before the end: 128 + SIGPIPE, as a shell reports it. No verdict was delivered. */
  pipe: 141,
} as const;

/** One of the codes in `EXIT`. */
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
