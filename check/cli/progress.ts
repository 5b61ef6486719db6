import type { Tally } from "./tally.ts";

/** A line on the standard error that says how far a long run came. */
export interface Progress {
  readonly tick: (file: string, tally: Tally) => void;
  /** Wipes the line, so that other output starts clean. */
  readonly clear: () => void;
}

/** Calls between two looks at the clock. */
const CALLS_BETWEEN = 512;
const INTERVAL_MS = 1000;

/** Progress once a second: rewritten in place on a terminal, a line each ten seconds elsewhere. */
export function progress(stream: NodeJS.WriteStream): Progress {
  const begun = performance.now();
  const terminal = stream.isTTY;
  let shown = begun;
  let calls = 0;
  let dirty = false;
  const tick = (file: string, tally: Tally): void => {
    calls += 1;
    if (calls % CALLS_BETWEEN !== 0) return;
    const now = performance.now();
    if (now - shown < (terminal ? INTERVAL_MS : 10 * INTERVAL_MS)) return;
    shown = now;
    const traces = tally.accept + tally.reject + tally.inconclusive;
    const rate = Math.round((tally.calls * 1000) / (now - begun));
    const text = `${file}: ${traces} traces, ${tally.calls} calls, ${tally.reject} rejected, ${rate} calls/s`;
    stream.write(terminal ? `\r\u001b[K${text}` : `${text}\n`);
    dirty = terminal;
  };
  const clear = (): void => {
    if (dirty) stream.write("\r\u001b[K");
    dirty = false;
  };
  return { tick, clear };
}
