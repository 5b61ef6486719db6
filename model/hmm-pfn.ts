/** v14's word for one page of a range, hmm_pfn_t: a frame number above ten flags. */
import { pfn as toPfn } from "../spec/vocabulary.ts";
import type { Pfn } from "../spec/vocabulary.ts";
import type { ReqId } from "../spec/requirements.ts";
import type { HmmPfn } from "./activation.ts";
import type { State } from "./state.ts";

const FLAGS = ["VALID", "READ", "WRITE", "ERROR", "EMPTY", "DEVICE", "LOCKED", "SPECIAL", "MIGRATE", "UNADDRESSABLE"] as const;
/** A flag of a word. */
export type HmmPfnFlag = (typeof FLAGS)[number];

/** The layout of a word: its flags, from bit 0 on, and the requirement that says so. The frame number begins behind the last flag. */
export const HMM_PFN: { readonly spec: readonly ReqId[]; readonly flags: readonly HmmPfnFlag[] } = { spec: ["SNAP-16"], flags: FLAGS };

/** A word in parts. */
export interface HmmPfnWord {
  readonly pfn: Pfn;
  readonly flags: readonly HmmPfnFlag[];
}

const SHIFT = 2 ** FLAGS.length;

/** Makes a word. Plain arithmetic: a frame number may have more than the 22 bits that a shift would leave it. */
export function encodeHmmPfn({ pfn, flags }: HmmPfnWord): number {
  return pfn * SHIFT + FLAGS.reduce((sum, flag, bit) => sum + (flags.includes(flag) ? 2 ** bit : 0), 0);
}

/** Takes a word apart; flags come in the order of their bits. */
export function decodeHmmPfn(word: number): HmmPfnWord {
  return { pfn: toPfn(Math.floor(word / SHIFT)), flags: FLAGS.filter((_, bit) => Math.floor(word / 2 ** bit) % 2 === 1) };
}

/** The word for what a range walk has found. */
export function hmmPfnOf(state: State, found: HmmPfn): number {
  if (found.kind !== "valid") return encodeHmmPfn({ pfn: toPfn(0), flags: NOT_VALID[found.kind] });
  const flags: HmmPfnFlag[] = ["VALID"];
  if (found.read) flags.push("READ");
  if (found.write) flags.push("WRITE");
  if (!found.zero && state.frames[found.pfn]?.kind === "private") flags.push("DEVICE", "UNADDRESSABLE");
  return encodeHmmPfn({ pfn: found.pfn, flags });
}

const NOT_VALID: Readonly<Record<Exclude<HmmPfn["kind"], "valid">, readonly HmmPfnFlag[]>> = {
  input: [],
  none: [],
  empty: ["EMPTY"],
  special: ["SPECIAL"],
  error: ["ERROR"],
};
