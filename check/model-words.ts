/** The packed words of `spec/words.ts` for records of the model. */
import type { Dpte, Frame, Pte } from "../model/index.ts";
import type { VmFlags } from "../model/state.ts";
import { DPTE, FRAME, MAPPING, MODE, PTE, TAG, VM } from "../spec/words.ts";

/** The word of a CPU page table entry. */
export function pteWord(pte: Pte): number {
  switch (pte.kind) {
    case "none":
      return PTE.none;
    case "zero":
      return PTE.zero | (pte.huge ? PTE.huge : 0);
    case "present":
      return (
        PTE.present | (pte.write ? PTE.write : 0) | (pte.dirty ? PTE.dirty : 0) | (pte.huge ? PTE.huge : 0) | (pte.pfn << PTE.payload_shift)
      );
    case "swap":
      return PTE.swap | ((pte.exclusive ? 1 : 0) << PTE.mode_shift) | (pte.slot << PTE.payload_shift);
    case "migration":
      return PTE.migration | (pte.dirty ? PTE.dirty : 0) | (MODE[pte.mode] << PTE.mode_shift) | (pte.pfn << PTE.payload_shift);
    case "device_private":
    case "device_exclusive":
      return PTE[pte.kind] | (pte.write ? PTE.write : 0) | (pte.pfn << PTE.payload_shift);
  }
}

/** The word of a device page table entry. */
export function dpteWord(entry: Dpte | null): number {
  if (entry === null) return 0;
  const tag = TAG[entry.tag] << DPTE.tag_shift;
  if (entry.zero) return DPTE.valid | DPTE.zero | tag;
  return DPTE.valid | tag | (entry.unreachable ? DPTE.unreachable : 0) | (entry.pfn << DPTE.payload_shift);
}

/** The marks of a frame. */
export function frameWord(frame: Frame): number {
  const { mapping } = frame;
  let word: number = FRAME[frame.kind];
  if (frame.free) word |= FRAME.free;
  if (frame.dirty) word |= FRAME.dirty;
  if (frame.anonExclusive) word |= FRAME.anon_exclusive;
  if (frame.swapBacked) word |= FRAME.swap_backed;
  if (frame.lru) word |= FRAME.lru;
  if (mapping !== null) word |= MAPPING[mapping.kind] << FRAME.mapping_shift;
  for (const holder of frame.holders) if (holder.kind === "replica") word |= FRAME.replica;
  return word;
}

/** The flags of a mapping. */
export function vmWord(flags: VmFlags): number {
  return (
    (flags.read ? VM.read : 0) |
    (flags.write ? VM.write : 0) |
    (flags.exec ? VM.exec : 0) |
    (flags.account ? VM.account : 0) |
    (flags.hugepage ? VM.hugepage : 0)
  );
}
