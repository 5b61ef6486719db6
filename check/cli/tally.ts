/** What a run of the judge counts, and how it tells. */
/** How verdicts are told. */
export type Output = "text" | "json" | "jsonl" | "quiet";

/** Counts over all files. */
export interface Tally {
  accept: number;
  reject: number;
  inconclusive: number;
  calls: number;
  bad_files: number;
  interrupted: boolean;
  changed: number;
  changes_rejected: number;
}
