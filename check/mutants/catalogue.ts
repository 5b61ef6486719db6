/** The catalogue of mutants: every bug of the list that can exist in a system of this specification. */
import { ADDRESS_SPACE_MUTANTS } from "./address-space.ts";
import { CALLBACK_MUTANTS } from "./callback.ts";
import { COLLECT_MUTANTS } from "./collect.ts";
import { DESTINATION_MUTANTS } from "./destination.ts";
import { DEVICE_MEMORY_MUTANTS } from "./device-memory.ts";
import { EXCLUSIVE_MUTANTS } from "./exclusive.ts";
import { FAULT_MUTANTS } from "./fault.ts";
import { FINALIZE_MUTANTS } from "./finalize.ts";
import { METADATA_MUTANTS } from "./metadata.ts";
import { MIRROR_MUTANTS } from "./mirror.ts";
import type { Mutant } from "./mutant.ts";
import { NOTIFIER_MUTANTS } from "./notifier.ts";
import { RANGE_FAULT_MUTANTS } from "./range-fault.ts";
import { REMOVAL_MUTANTS } from "./removal.ts";

/** All mutants, area by area. */
export const MUTANTS: readonly Mutant[] = [
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
