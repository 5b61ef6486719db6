/** Words for people: entries and steps, as the witness of a property names them. */
import { DPTE, MODE, PTE, STEPS, TAG } from "../spec/words.ts";

const KINDS = ["none", "zero page", "present", "swap", "migration", "device_private", "device_exclusive", "unknown kind"] as const;
const MODES = Object.keys(MODE);
const TAGS = Object.keys(TAG);

/** A CPU page table entry in words, for instance `present rw dirty frame 3`. */
export function pteText(pte: number): string {
  const kind = pte & PTE.kind_mask;
  const name = KINDS[kind] ?? "unknown kind";
  if (kind <= PTE.zero) return name;
  const at = pte >>> PTE.payload_shift;
  if (kind === PTE.swap) return `swap slot ${at}`;
  const access = kind === PTE.migration ? (MODES[(pte & PTE.mode_mask) >>> PTE.mode_shift] ?? "?") : (pte & PTE.write) === 0 ? "ro" : "rw";
  return `${name} ${access}${(pte & PTE.dirty) === 0 ? "" : " dirty"} frame ${at}`;
}

/** A device page table entry in words, for instance `write frame 3`. */
export function dpteText(dpte: number): string {
  if ((dpte & DPTE.valid) === 0) return "no entry";
  if ((dpte & DPTE.zero) !== 0) return "zero page";
  const tag = TAGS[(dpte & DPTE.tag_mask) >>> DPTE.tag_shift] ?? "?";
  return `${tag} frame ${dpte >>> DPTE.payload_shift}${(dpte & DPTE.unreachable) === 0 ? "" : " itself"}`;
}

/** The name of a step, for instance `migrate.m2`. */
export function stepText(step: number): string {
  return STEPS[step] ?? `step ${step}`;
}
