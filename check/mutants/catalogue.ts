/** The catalogue of mutants: every bug of the list that can exist in a system of this specification. */
import { ADDRESS_SPACE_MUTANTS } from "./address-space.ts";
import { CALLBACK_MUTANTS } from "./callback.ts";
import { COLLECT_MUTANTS } from "./collect.ts";
import { DESTINATION_MUTANTS } from "./destination.ts";
import { DEVICE_MEMORY_MUTANTS } from "./device-memory.ts";
import { ADDRESS_SPACE_EDITS } from "./edits/address-space.ts";
import { DEVICE_MEMORY_EDITS } from "./edits/device-memory.ts";
import { FINALIZE_EDITS } from "./edits/finalize.ts";
import { MIGRATE_EDITS } from "./edits/migrate.ts";
import { NOTIFIER_EDITS } from "./edits/notifier.ts";
import { RANGE_FAULT_EDITS } from "./edits/range-fault.ts";
import { EXCLUSIVE_MUTANTS } from "./exclusive.ts";
import { FAULT_MUTANTS } from "./fault.ts";
import { FINALIZE_MUTANTS } from "./finalize.ts";
import { METADATA_MUTANTS } from "./metadata.ts";
import { MIRROR_MUTANTS } from "./mirror.ts";
import type { Mutant, SourceEdit } from "./mutant.ts";
import { NOTIFIER_MUTANTS } from "./notifier.ts";
import { RANGE_FAULT_MUTANTS } from "./range-fault.ts";
import { REMOVAL_MUTANTS } from "./removal.ts";
import { WORD_MUTANTS } from "./words.ts";

/** The same bugs in the implementation, by mutant. */
export const EDITS: Readonly<Record<string, SourceEdit>> = {
  ...NOTIFIER_EDITS,
  ...RANGE_FAULT_EDITS,
  ...MIGRATE_EDITS,
  ...FINALIZE_EDITS,
  ...DEVICE_MEMORY_EDITS,
  ...ADDRESS_SPACE_EDITS,
};

const MODEL_MUTANTS: readonly Mutant[] = [
  ...NOTIFIER_MUTANTS,
  ...CALLBACK_MUTANTS,
  ...RANGE_FAULT_MUTANTS,
  ...MIRROR_MUTANTS,
  ...COLLECT_MUTANTS,
  ...DESTINATION_MUTANTS,
  ...METADATA_MUTANTS,
  ...FINALIZE_MUTANTS,
  ...FAULT_MUTANTS,
  ...DEVICE_MEMORY_MUTANTS,
  ...REMOVAL_MUTANTS,
  ...EXCLUSIVE_MUTANTS,
  ...ADDRESS_SPACE_MUTANTS,
];

/** All mutants, area by area. */
export const MUTANTS: readonly Mutant[] = [
  ...MODEL_MUTANTS.map((mutant): Mutant => {
    const impl = EDITS[mutant.id];
    return impl === undefined ? mutant : { ...mutant, impl };
  }),
  ...WORD_MUTANTS,
];
