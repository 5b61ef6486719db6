/** A thread that runs one mutant after another, as it is told. */
import { parentPort } from "node:worker_threads";
import { MUTANTS } from "../mutants/catalogue.ts";
import { type MutantBounds, runMutant } from "./mutant-run.ts";

/** A mutant to run. */
export interface MutantJob extends Omit<MutantBounds, "stop"> {
  readonly id: string;
  readonly side: "model" | "impl";
}

parentPort?.on("message", ({ id, side, ...bounds }: MutantJob) => {
  const mutant = MUTANTS.find((known) => known.id === id);
  if (mutant === undefined) throw new Error(`no mutant ${id}`);
  void runMutant(mutant, side, { ...bounds, stop: () => false }).then(
    (result) => parentPort?.postMessage(result),
    (error: unknown) => parentPort?.postMessage({ id, side, error: error instanceof Error ? error.message : String(error) }),
  );
});
