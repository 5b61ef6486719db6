/** The byte with which a snapshot shows one page: two lower-case hex digits. */
import type { ReqId } from "../../spec/requirements.ts";
import type { DevId, MmId } from "../../spec/vocabulary.ts";
import type { HmmPfn } from "../activation.ts";
import { frameOf } from "../frames.ts";
import { mmOf } from "../locks.ts";
import type { Work } from "../state.ts";
import { findVma } from "../vmas.ts";

const ERROR = 0xff;
const READ = 0x01;
const WRITE = 0x02;
const PMD = 0x04;
const ZERO_PAGE = 0x10;
const PRIVATE_LOCAL = 0x20;
const PRIVATE_REMOTE = 0x30;
const COHERENT_LOCAL = 0x40;
const COHERENT_REMOTE = 0x50;

/** The byte for one page as device `dev` shows it. */
export function snapshotCode(s: Work, dev: DevId, found: HmmPfn): string {
  return byteOf(s, dev, found).toString(16).padStart(2, "0");
}

function byteOf(s: Work, dev: DevId, found: HmmPfn): number {
  if (found.kind === "error") return ERROR;
  if (found.kind !== "valid") return 0;
  const permission = found.write ? WRITE : READ;
  return kindOf(s, dev, found) | (found.read ? permission : 0) | (found.huge && !s.profile.singleVma ? PMD : 0);
}

function kindOf(s: Work, dev: DevId, found: Extract<HmmPfn, { kind: "valid" }>): number {
  // The driver compares with the small zero page only.
  if (found.zero) return found.huge ? 0 : ZERO_PAGE;
  const frame = frameOf(s, found.pfn);
  if (frame.kind === "private") return frame.dev === dev ? PRIVATE_LOCAL : PRIVATE_REMOTE;
  if (frame.kind === "coherent") return frame.dev === dev ? COHERENT_LOCAL : COHERENT_REMOTE;
  return 0;
}

/** The requirement that says what a snapshot shows of a page: by what was found, and for an absent page by its entry. */
export function snapshotRule(s: Work, mm: MmId, page: number, found: HmmPfn): ReqId {
  if (s.profile.singleVma) return findVma(mmOf(s, mm), page)?.flags.read === false ? "SNAP-14" : "SNAP-13";
  if (found.kind === "error") return findVma(mmOf(s, mm), page) === null ? "SNAP-2" : "SNAP-3";
  if (found.kind !== "valid") {
    const kind = mmOf(s, mm).ptes[page]?.kind;
    return kind === "device_private" || kind === "device_exclusive" ? "SNAP-8" : "SNAP-4";
  }
  if (found.huge) return "SNAP-10";
  if (found.zero) return "SNAP-5";
  const { kind } = frameOf(s, found.pfn);
  if (kind === "private") return "SNAP-7";
  return kind === "coherent" ? "SNAP-9" : "SNAP-6";
}
