/** Golden traces: each file of a folder is read, decoded and judged whole. */
import { readFileSync } from "node:fs";
import { formatInputError, judge, traceReader } from "../../check/index.ts";
import type { TraceJudge, TraceVerdict } from "../../check/index.ts";
import type { Header } from "../../spec/vocabulary.ts";
import { ROOT, filesEndingWith } from "../meta/source-files.ts";

/** One trace of a golden file, and what the judge says of it. */
export interface Judged {
  readonly header: Header;
  readonly verdict: TraceVerdict;
}

/** The golden files of a folder below `test/golden`, by name and without their ending. */
export function goldens(folder: string): string[] {
  const below = `test/golden/${folder}/`;
  return filesEndingWith(".jsonl", below.slice(0, -1))
    .map((file) => file.slice(below.length, -".jsonl".length))
    .toSorted();
}

/** Judges every trace of a golden file. A line that cannot be read is an error of the test. */
export function judged(folder: string, name: string): Judged[] {
  const path = `test/golden/${folder}/${name}.jsonl`;
  const reader = traceReader();
  const traces: { header: Header; judge: TraceJudge }[] = [];
  for (const [i, text] of readFileSync(`${ROOT}/${path}`, "utf8").trimEnd().split("\n").entries()) {
    const line = reader.next(text, i + 1);
    if (line.kind === "error") throw new Error(formatInputError(path, line));
    if (line.kind === "header") traces.push({ header: line.header, judge: judge(line.header) });
    else traces.at(-1)?.judge.next(line.event, i + 1);
  }
  return traces.map(({ header, judge: of }) => ({ header, verdict: of.verdict() }));
}
