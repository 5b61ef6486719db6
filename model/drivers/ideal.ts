/** The driver that keeps every documented duty. Claims are verified on it. */
import type { Driver } from "../../spec/profile.ts";

/** Keeps every duty: obeys each notification, looks at the sequence before it enters anything, and faults page by page. */
export const IDEAL: Driver = {
  name: "ideal",
  faultBatch: 1,
  migrateBatch: 64,
  inclusiveEnd: false,
  filtersOwnMigrate: false,
  ownsExclusive: true,
  storesDevicePage: false,
  mapsAfterMigration: false,
  rechecksSequence: true,
  writesReadOnlyPrivate: true,
  hangsOnGoneMirror: false,
  readBackNeedsEntry: false,
  marksDirty: true,
  faultAround: 1,
  evictsOnce: false,
};
