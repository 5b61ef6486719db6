/** A thread that runs one mutant after another, as it is told. Each run counts one beat up, by which others see that it is alive. */
import { parentPort, workerData } from "node:worker_threads";
import { MUTANTS } from "../mutants/catalogue.ts";
import type { Side } from "../mutants/mutant.ts";
import { type MutantBounds, type MutantResult, runMutant } from "./mutant-run.ts";

/** A mutant to run. */
export interface MutantJob extends Omit<MutantBounds, "stop"> {
  readonly id: string;
  readonly side: Side;
}

/** What a thread answers: the result, or why the mutant could not be run. */
export type MutantAnswer = MutantResult | { readonly error: string };

const beats = workerData as Int32Array;

async function answer({ id, side, ...bounds }: MutantJob): Promise<MutantAnswer> {
  const mutant = MUTANTS.find((known) => known.id === id);
  if (mutant === undefined) return { error: "no such mutant" };
  const stop = (): boolean => Atomics.add(beats, 0, 1) < 0;
  try {
    return await runMutant(mutant, side, { ...bounds, stop });
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

async function reply(job: MutantJob): Promise<void> {
  parentPort?.postMessage(await answer(job));
}

parentPort?.on("message", (job: MutantJob) => void reply(job));
