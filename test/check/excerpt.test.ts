import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { excerpt, printable } from "../../check/excerpt.ts";
import { formatInputError } from "../../check/input-error.ts";
import { decodeLine } from "../../check/trace.ts";
import { header } from "./trace-samples.ts";

/** What is printed of a line that is refused. */
function refusal(text: string): string {
  const line = decodeLine(text, 1);
  return line.kind === "error" ? formatInputError("t.jsonl", line) : "";
}

describe("what is printed of hostile text", () => {
  it("is short and has no control characters, whatever it is", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), (text) => {
        const printed = excerpt(text);
        expect(printed.length).toBeLessThanOrEqual(80);
        expect(printed).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
      }),
      { seed: 1 },
    );
  });

  it("does not grow with the line", () => {
    const long = "x".repeat(50_000_000);
    expect(refusal(header({ profile: long }))).toBe(
      `t.jsonl:1: unknown-value: "${"x".repeat(75)}..." at /profile, expected one of v14, linux-6.1, linux-6.12`,
    );
    expect(refusal(header({ [long]: 1 })).length).toBeLessThan(250);
    expect(refusal(long).length).toBeLessThan(150);
  });

  it("is escaped in keys and in names of files", () => {
    expect(refusal(header({ "\u001b[2J\n": 1 }))).toContain("unknown field at /\\u001b[2J\\n, expected");
    const error = { kind: "error", code: "empty", line: 0, pointer: "", message: "an empty file" } as const;
    expect(formatInputError("a\nb\u202e", error)).toBe("a\\nb\\u202e: empty: an empty file");
    expect(formatInputError("-", { ...error, line: 3 })).toBe("stdin:3: empty: an empty file");
  });

  it("keeps other scripts readable and cuts at the bound", () => {
    expect(excerpt("Grüße, 世界")).toBe(`"Grüße, 世界"`);
    expect(printable("abcdef", 6)).toBe("abcdef");
    expect(printable("abcdefg", 6)).toBe("abc...");
  });
});
