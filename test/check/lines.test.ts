import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type LineOptions, readLines } from "../../check/cli/lines.ts";
import { formatInputError } from "../../check/input-error.ts";
import type { InputErrorCode } from "../../spec/vocabulary.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "hmmspec-lines-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Reads a whole file: its lines, the number of the first line of each batch, and the printed error, if any, with the folder left out. */
async function readAll(path: string, options?: LineOptions): Promise<{ lines: string[]; firsts: number[]; error: string | null }> {
  const lines: string[] = [];
  const firsts: number[] = [];
  let error: string | null = null;
  for await (const part of readLines(path, options)) {
    expect(error).toBeNull();
    if (part.kind === "error") {
      error = formatInputError(path, part).replace(`${folder}/`, "");
    } else {
      expect(part.first).toBe(lines.length + 1);
      lines.push(...part.lines);
      firsts.push(part.first);
    }
  }
  return { lines, firsts, error };
}

/** Writes a file and reads it again. */
async function readBytes(content: string | Uint8Array, options?: LineOptions): ReturnType<typeof readAll> {
  const path = join(folder, "t.jsonl");
  writeFileSync(path, content);
  return readAll(path, options);
}

type FileCode = Extract<InputErrorCode, "not-found" | "unreadable" | "not-utf8" | "line-too-long" | "blank-line" | "truncated" | "empty">;

/** What a file can hold that gives each code, the lines that come before it, and what is printed. */
const CONTENTS: Readonly<
  Record<
    Exclude<FileCode, "not-found" | "unreadable">,
    readonly (readonly [content: string | Uint8Array, lines: readonly string[], printed: string])[]
  >
> = {
  empty: [["", [], "t.jsonl: empty: an empty file, expected a trace file"]],
  "blank-line": [
    ["\n", [], "t.jsonl:1: blank-line: a blank line, expected one JSON object on each line"],
    ["{}\n{}\n\n", ["{}", "{}"], "t.jsonl:3: blank-line: a blank line, expected one JSON object on each line"],
    ["{}\n \t\r\n{}\n", ["{}"], "t.jsonl:2: blank-line: a blank line, expected one JSON object on each line"],
    ["{}\n  ", ["{}"], "t.jsonl:2: blank-line: a blank line, expected one JSON object on each line"],
  ],
  truncated: [
    [`{}\n{"seq":1,"ac`, ["{}"], `t.jsonl:2: truncated: "{"seq":1,"ac", expected a complete last line`],
    [`{"a":"\u0000`, [], `t.jsonl:1: truncated: "{"a":"\\u0000", expected a complete last line`],
  ],
  "not-utf8": [
    [Uint8Array.of(0x7b, 0x7d, 0x0a, 0x22, 0xff, 0x22, 0x0a), ["{}"], `t.jsonl:2: not-utf8: ""ÿ"", expected UTF-8`],
    [Uint8Array.of(0xc3), [], `t.jsonl:1: not-utf8: "Ã", expected UTF-8`],
    // A surrogate half, which UTF-8 does not have.
    [Uint8Array.of(0xed, 0xa0, 0x80, 0x0a), [], `t.jsonl:1: not-utf8: "í\u00a0\\u0080", expected UTF-8`],
    [Uint8Array.of(0x1f, 0x8b, 0x08, 0x00, 0x0a), [], `t.jsonl:1: not-utf8: "\\u001f\\u008b\\u0008\\u0000", expected UTF-8`],
  ],
  "line-too-long": [
    ["{}\n123456789012\n{}\n", ["{}"], "t.jsonl:2: line-too-long: a longer line, expected at most 10 bytes in a line"],
    ["123456789012", [], "t.jsonl:1: line-too-long: a longer line, expected at most 10 bytes in a line"],
    // Bytes count, not characters.
    ['"ääääääää"\n', [], "t.jsonl:1: line-too-long: a longer line, expected at most 10 bytes in a line"],
  ],
};

describe("a file that cannot be read to its end", () => {
  const cases = Object.values(CONTENTS).flat();
  it.each(cases)("%#: %j", async (content, lines, printed) => {
    const result = await readBytes(content, printed.includes("10 bytes") ? { max_line_bytes: 10 } : {});
    expect(result.error).toBe(printed);
    expect(result.lines).toEqual(lines);
  });

  it("is absent: not-found", async () => {
    expect((await readAll(join(folder, "absent"))).error).toBe("absent: not-found: no such file, expected a readable trace file");
    writeFileSync(join(folder, "file"), "{}\n");
    expect((await readAll(join(folder, "file", "below"))).error).toBe(
      "file/below: not-found: no such file, expected a readable trace file",
    );
  });

  it("is a directory or has a name that no file can have: unreadable", async () => {
    mkdirSync(join(folder, "directory"));
    expect((await readAll(join(folder, "directory"))).error).toBe("directory: unreadable: a directory, expected a readable trace file");
    expect((await readAll("a\0b")).error).toBe("a\\u0000b: unreadable: ERR_INVALID_ARG_VALUE, expected a readable trace file");
    expect((await readAll(join(folder, "x".repeat(300)))).error).toMatch(/: unreadable: ENAMETOOLONG, expected a readable trace file$/);
  });

  it("is endless without a line break, in bounded memory", async () => {
    const before = process.memoryUsage().rss;
    expect((await readAll("/dev/zero")).error).toBe("/dev/zero:1: line-too-long: a longer line, expected at most 16777216 bytes in a line");
    expect(process.memoryUsage().rss - before).toBeLessThan(100e6);
  });
});

describe("lines", () => {
  it("come without their line breaks, the last one with or without it", async () => {
    expect(await readBytes(`{"a":1}\n{}\n`)).toEqual({ lines: [`{"a":1}`, "{}"], firsts: [1], error: null });
    expect(await readBytes(`{"a":1}\n{}`)).toEqual({ lines: [`{"a":1}`, "{}"], firsts: [1, 2], error: null });
  });

  it("keep a CR, which JSON takes for white space, and a byte order mark, which it does not", async () => {
    expect((await readBytes("{}\r\n\ufeff{}\n")).lines).toEqual(["{}\r", "\ufeff{}"]);
  });

  it("may be exactly as long as allowed", async () => {
    expect((await readBytes("1234567890\n1234567890", { max_line_bytes: 10 })).error).toBeNull();
  });

  it("are joined where they lie across chunks, and counted through all batches", async () => {
    const wide = Array.from({ length: 40 }, (_, index) => JSON.stringify("ä€😀".repeat(index * 1000)));
    const result = await readBytes(`${wide.join("\n")}\n`);
    expect(result.lines).toEqual(wide);
    expect(result.error).toBeNull();
    expect(result.firsts.length).toBeGreaterThan(5);
  });

  it("are those that were written, whatever they are", async () => {
    const line = fc.oneof(
      fc.jsonValue().map((value) => JSON.stringify(value)),
      fc.string({ unit: "grapheme", minLength: 1 }).map((text) => JSON.stringify(text)),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(line, { minLength: 1 }), fc.boolean(), async (lines, ended) => {
        expect((await readBytes(lines.join("\n") + (ended ? "\n" : ""))).lines).toEqual(lines);
      }),
      { seed: 1, numRuns: 100 },
    );
  });

  it("stop being read when the consumer stops", async () => {
    writeFileSync(join(folder, "t.jsonl"), "{}\n".repeat(1_000_000));
    for await (const part of readLines(join(folder, "t.jsonl"))) {
      expect(part.kind).toBe("lines");
      break;
    }
  });
});
