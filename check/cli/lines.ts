import { isUtf8 } from "node:buffer";
import { createReadStream } from "node:fs";
import { excerpt } from "../excerpt.ts";
import { type InputError, inputError } from "../input-error.ts";

/** Consecutive lines of a file, without their line breaks. They come in batches, as one promise for each line would cost more than the line. */
export interface LineBatch {
  readonly kind: "lines";
  /** Number of the first of them in the file, from 1. */
  readonly first: number;
  readonly lines: readonly string[];
}

/** Bounds of reading. */
export interface LineOptions {
  /** Longest line in bytes, 16 MiB if absent. A longer one ends the file with `line-too-long` and is not kept in memory. */
  readonly max_line_bytes?: number;
}

const MAX_LINE_BYTES = 16 * 1024 * 1024;
const CHUNK_BYTES = 256 * 1024;
const NEWLINE = 0x0a;
const BLANK = /^\s*$/;

/** What is carried from one chunk to the next. */
interface State {
  readonly max_line_bytes: number;
  /** Number of the line that comes next. */
  line: number;
  /** The start of a line whose end is not read yet: the first `carry_bytes` of a buffer that grows by doubling. */
  carry: Buffer;
  carry_bytes: number;
}

function tooLong(state: State): InputError {
  return inputError("line-too-long", state.line, "", "a longer line", `at most ${state.max_line_bytes} bytes in a line`);
}

/** Appends to the unfinished line, unless it becomes too long. The bytes are copied: a pipe may deliver them one by one, each with its own buffer. */
function append(bytes: Buffer, state: State): InputError | null {
  const total = state.carry_bytes + bytes.length;
  if (total > state.max_line_bytes) return tooLong(state);
  if (total > state.carry.length) {
    const grown = Buffer.allocUnsafe(Math.max(total, 2 * state.carry.length));
    state.carry.copy(grown, 0, 0, state.carry_bytes);
    state.carry = grown;
  }
  bytes.copy(state.carry, state.carry_bytes);
  state.carry_bytes = total;
  return null;
}

/** Hands out the line that was carried, and is ready for the next one. */
function takeCarry(state: State): Buffer {
  const bytes = state.carry.subarray(0, state.carry_bytes);
  state.carry_bytes = 0;
  return bytes;
}

/** Decodes one line. */
function decode(bytes: Buffer, state: State): string | InputError {
  const { line, max_line_bytes } = state;
  if (bytes.length > max_line_bytes) return tooLong(state);
  if (!isUtf8(bytes)) return inputError("not-utf8", line, "", excerpt(bytes.toString("latin1", 0, 100)), "UTF-8");
  // Not a TextDecoder: it would drop a byte order mark at the start of every line.
  const text = bytes.toString("utf8");
  return BLANK.test(text) ? inputError("blank-line", line, "", "a blank line", "one JSON object on each line") : text;
}

/** Takes the whole lines out of a chunk and keeps the rest for the next one. */
function split(chunk: Buffer, state: State, lines: string[]): InputError | null {
  let start = 0;
  for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
    let bytes = chunk.subarray(start, end);
    if (state.carry_bytes > 0) {
      const error = append(bytes, state);
      if (error !== null) return error;
      bytes = takeCarry(state);
    }
    const text = decode(bytes, state);
    if (typeof text !== "string") return text;
    lines.push(text);
    state.line += 1;
    start = end + 1;
  }
  return append(chunk.subarray(start), state);
}

/** The last line lacks its line break: it is either complete all the same, or the file was cut off in it. */
function lastLine(state: State): string | InputError | null {
  if (state.carry_bytes === 0) return state.line === 1 ? inputError("empty", 0, "", "an empty file", "a trace file") : null;
  const text = decode(takeCarry(state), state);
  if (typeof text !== "string") return text;
  try {
    JSON.parse(text);
    return text;
  } catch {
    return inputError("truncated", state.line, "", excerpt(text), "a complete last line");
  }
}

/** Splits chunks of bytes into lines. An error is the last thing that is yielded. */
async function* splitLines(chunks: AsyncIterable<Buffer>, max_line_bytes: number): AsyncGenerator<LineBatch | InputError, void> {
  const state: State = { max_line_bytes, line: 1, carry: Buffer.alloc(0), carry_bytes: 0 };
  for await (const chunk of chunks) {
    const first = state.line;
    const lines: string[] = [];
    const error = split(chunk, state, lines);
    if (lines.length > 0) yield { kind: "lines", first, lines };
    if (error !== null) {
      yield error;
      return;
    }
  }
  const last = lastLine(state);
  if (typeof last === "string") yield { kind: "lines", first: state.line, lines: [last] };
  else if (last !== null) yield last;
}

/** Says why the operating system gave no bytes. */
function openError(error: unknown): InputError {
  const errno = (error as NodeJS.ErrnoException).code ?? "an unknown error";
  const absent = errno === "ENOENT" || errno === "ENOTDIR";
  const found = errno === "EISDIR" ? "a directory" : errno;
  return inputError(absent ? "not-found" : "unreadable", 0, "", absent ? "no such file" : found, "a readable trace file");
}

/**
 * Reads a text file as batches of lines in bounded memory: one chunk and one line are kept, however long the file is.
 *
 * Lines end with LF; a CR before it stays part of the line, where JSON.parse takes it for white space. What is wrong with the file (absent, unreadable,
 * empty, not UTF-8, a blank or overlong line, cut off in the last line) comes as the last thing.
 *
 * @param path path of a file, or `-` for the standard input
 */
export async function* readLines(path: string, options: LineOptions = {}): AsyncGenerator<LineBatch | InputError, void> {
  try {
    // In here as well: some paths are refused before anything is opened.
    const stream: AsyncIterable<Buffer> = path === "-" ? process.stdin : createReadStream(path, { highWaterMark: CHUNK_BYTES });
    yield* splitLines(stream, options.max_line_bytes ?? MAX_LINE_BYTES);
  } catch (error) {
    if (!(error instanceof Error && "code" in error)) throw error;
    yield openError(error);
  }
}
