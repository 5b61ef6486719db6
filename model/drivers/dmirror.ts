/** Linux's lib/test_hmm.c as it is shipped, and with defect A repaired. Defects are found on it. */
import type { Driver } from "../../spec/profile.ts";

/** lib/test_hmm.c as it is shipped, with its defects A to D. */
export const DMIRROR: Driver = {
  name: "dmirror",
  faultBatch: 64,
  migrateBatch: 64,
  inclusiveEnd: true,
  filtersOwnMigrate: true,
  ownsExclusive: false,
  storesDevicePage: true,
  mapsAfterMigration: true,
  rechecksSequence: false,
  writesReadOnlyPrivate: false,
  hangsOnGoneMirror: true,
  readBackNeedsEntry: true,
  marksDirty: false,
  faultAround: 1,
  evictsOnce: true,
};

/** The same with defect A repaired, as the traces were recorded. */
export const DMIRROR_FIXED: Driver = { ...DMIRROR, name: "dmirror-fixed", storesDevicePage: false };
