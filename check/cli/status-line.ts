/** One line on a terminal that is rewritten in place. */

/** Shows how far a long run is. Where the stream is no terminal it shows nothing. */
export interface StatusLine {
  /** Shows a line, unless the last one is not a second old. */
  readonly show: (text: () => string) => void;
  /** Wipes the line, so that other output starts clean. */
  readonly clear: () => void;
}

const INTERVAL_MS = 250;
const COLUMNS = 140;

/** The status line of a stream. */
export function statusLine(stream: NodeJS.WriteStream): StatusLine {
  let shown_ms = -Infinity;
  let dirty = false;
  return {
    show(text) {
      const now_ms = performance.now();
      if (!stream.isTTY || now_ms - shown_ms < INTERVAL_MS) return;
      shown_ms = now_ms;
      dirty = true;
      stream.write(`\r\u001b[K${text().slice(0, Math.min(stream.columns || COLUMNS, COLUMNS) - 1)}`);
    },
    clear() {
      if (dirty) stream.write("\r\u001b[K");
      dirty = false;
    },
  };
}
