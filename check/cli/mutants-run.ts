/** Runs many mutants on several threads, and writes down each result as soon as it is there. */
import { Worker } from "node:worker_threads";
import type { MutantResult } from "./mutant-run.ts";
import type { MutantJob } from "./mutants-worker.ts";

/** Time beyond its own bounds after which a mutant counts as hung: its thread is ended. */
const GRACE_MS = 5000;

/** What a mutant that never came back has broken. */
export const HANG = "hang";

/** A mutant that could not be run. */
export interface MutantError {
  readonly id: string;
  readonly error: string;
}

/** Who takes the results, in the order in which they come. */
export interface MutantsObserver {
  readonly done: (result: MutantResult) => void;
  readonly failed: (error: MutantError) => void;
  readonly interrupted: () => boolean;
}

/** Runs all jobs on so many threads. */
export async function runMutants(jobs: readonly MutantJob[], threads: number, observer: MutantsObserver): Promise<void> {
  let next = 0;
  const thread = async (): Promise<void> => {
    let worker: Worker | null = null;
    for (let job = jobs[next++]; job !== undefined && !observer.interrupted(); job = jobs[next++]) {
      worker ??= new Worker(new URL("mutants-worker.js", import.meta.url));
      const answer = await runOne(worker, job, observer.interrupted);
      if (answer === null) {
        await worker.terminate();
        worker = null;
        if (!observer.interrupted()) observer.done(hung(job));
      } else if ("error" in answer) observer.failed(answer);
      else observer.done(answer);
    }
    await worker?.terminate();
  };
  await Promise.all(Array.from({ length: Math.max(1, Math.min(threads, jobs.length)) }, thread));
}

/** Waits for the answer of a thread; `null` where it does not come in time, or nobody wants it any more. */
function runOne(worker: Worker, job: MutantJob, interrupted: () => boolean): Promise<MutantResult | MutantError | null> {
  return new Promise((resolve) => {
    const end_ms = performance.now() + job.budget_ms + job.minimise_ms + GRACE_MS;
    const timer = setInterval(() => {
      if (performance.now() > end_ms || interrupted()) settle(null);
    }, 50);
    const settle = (answer: MutantResult | MutantError | null): void => {
      clearInterval(timer);
      worker.removeAllListeners();
      resolve(answer);
    };
    worker.once("message", settle);
    worker.once("error", (error: unknown) => settle({ id: job.id, error: error instanceof Error ? error.message : String(error) }));
    worker.postMessage(job);
  });
}

function hung({ id, side, budget_ms, minimise_ms }: MutantJob): MutantResult {
  const kill_ms = budget_ms + minimise_ms + GRACE_MS;
  return { id, side, property: HANG, runs: 0, kill_ms, minimise_ms: 0, operations: 0, steps: 0, schedule: null };
}
