/** Runs many mutants on several threads. A mutant that does not come back from a run has hung, and its thread is ended. */
import { Worker } from "node:worker_threads";
import type { MutantResult } from "./mutant-run.ts";
import type { MutantAnswer, MutantJob } from "./mutants-worker.ts";

/** Time in which a thread that is at work takes up the next run, or the next candidate of the minimiser. */
const HANG_MS = 15_000;
const LOOK_MS = 50;

/** What a mutant that never came back has broken. */
export const HANG = "hang";

/** Who takes the results, in the order in which they come. */
export interface MutantsObserver {
  readonly done: (result: MutantResult) => void;
  readonly failed: (job: MutantJob, error: string) => void;
  /** Looked at often: whether to end now. */
  readonly interrupted: () => boolean;
}

/** A thread that can run one mutant at a time. */
class MutantThread {
  private readonly beats = new Int32Array(new SharedArrayBuffer(4));
  private readonly worker = new Worker(new URL("mutants-worker.js", import.meta.url), { workerData: this.beats });
  private settle: (answer: MutantAnswer | null) => void = () => undefined;

  constructor() {
    this.worker.on("message", (answer: MutantAnswer) => this.settle(answer));
    this.worker.on("error", (error: unknown) => this.settle({ error: error instanceof Error ? error.message : String(error) }));
  }

  /** Runs a mutant; `null` where the thread has hung, or nobody wants the answer any more. */
  async run(job: MutantJob, interrupted: () => boolean): Promise<MutantAnswer | null> {
    let alive_ms = performance.now();
    let beats = -1;
    const look = (): void => {
      const now_ms = performance.now();
      const seen = Atomics.load(this.beats, 0);
      if (seen !== beats) alive_ms = now_ms;
      beats = seen;
      if (interrupted() || now_ms - alive_ms > HANG_MS) this.settle(null);
    };
    const timer = setInterval(look, LOOK_MS);
    const answer = await new Promise<MutantAnswer | null>((resolve) => {
      this.settle = resolve;
      this.worker.postMessage(job);
    });
    clearInterval(timer);
    return answer;
  }

  async end(): Promise<void> {
    await this.worker.terminate();
  }
}

/** Runs all jobs on so many threads. */
export async function runMutants(jobs: readonly MutantJob[], threads: number, observer: MutantsObserver): Promise<void> {
  const { interrupted } = observer;
  let next = 0;
  const serve = async (): Promise<void> => {
    let thread: MutantThread | null = null;
    for (let job = jobs[next++]; job !== undefined && !interrupted(); job = jobs[next++]) {
      thread ??= new MutantThread();
      const begun_ms = performance.now();
      const answer = await thread.run(job, interrupted);
      if (answer === null || "error" in answer) {
        await thread.end();
        thread = null;
      }
      if (answer === null) {
        if (!interrupted()) observer.done(hung(job, performance.now() - begun_ms));
      } else if ("error" in answer) observer.failed(job, answer.error);
      else observer.done(answer);
    }
    await thread?.end();
  };
  await Promise.all(Array.from({ length: Math.max(1, Math.min(threads, jobs.length)) }, serve));
}

function hung({ id, side }: MutantJob, kill_ms: number): MutantResult {
  return { id, side, property: HANG, runs: 0, kill_ms: Math.round(kill_ms), minimise_ms: 0, operations: 0, steps: 0, schedule: null };
}
