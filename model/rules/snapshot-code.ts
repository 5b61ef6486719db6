/** The byte with which a snapshot shows one page: two lower-case hex digits. */
import type { DevId } from "../../spec/vocabulary.ts";
import type { HmmPfn } from "../activation.ts";
import { frameOf } from "../frames.ts";
import type { Work } from "../state.ts";

const ERROR = 0xff;
const READ = 0x01;
const WRITE = 0x02;
const PMD = 0x04;
const ZERO_PAGE = 0x10;
const PRIVATE_LOCAL = 0x20;
const PRIVATE_REMOTE = 0x30;
const COHERENT_LOCAL = 0x40;
const COHERENT_REMOTE = 0x50;

export function snapshotCode(s: Work, dev: DevId, found: HmmPfn): string {
  return byteOf(s, dev, found).toString(16).padStart(2, "0");
}

function byteOf(s: Work, dev: DevId, found: HmmPfn): number {
  if (found.kind === "error") return ERROR;
  if (found.kind !== "valid") return 0;
  return kindOf(s, dev, found) | (found.write ? WRITE : READ) | (found.huge ? PMD : 0);
}

function kindOf(s: Work, dev: DevId, found: Extract<HmmPfn, { kind: "valid" }>): number {
  if (found.zero) return ZERO_PAGE;
  const frame = frameOf(s, found.pfn);
  if (frame.kind === "private") return frame.dev === dev ? PRIVATE_LOCAL : PRIVATE_REMOTE;
  if (frame.kind === "coherent") return frame.dev === dev ? COHERENT_LOCAL : COHERENT_REMOTE;
  return 0;
}
