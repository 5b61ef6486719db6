/** What can be wrong with a run: one shape for properties, differences, hangs, crashes and our own bugs. */
import type { Finding, Watch } from "../properties/watch.ts";
import type { ReqId } from "../spec/requirements.ts";
import type { System } from "../spec/system.ts";
import type { Ret } from "../spec/vocabulary.ts";
import { STEP, STEPS } from "../spec/words.ts";
import type { Difference } from "./lockstep.ts";

/** What kind of failure it is. `full` and `crash` end a run without anything being wrong with it: a bound was hit, or the system died as it may. */
export type FailureKind = "property" | "refines" | "stuck" | "exception" | "finding" | "full" | "crash";

/** A failure that a run has come to. Two failures with the same id are the same failure. */
export interface Failure {
  readonly kind: FailureKind;
  /** Id of the property; `refines` for two systems that differ; `deadlock`, `endless`, `exception`; see `findingId` for known defects. */
  readonly id: string;
  /** What should have held, in one sentence. */
  readonly statement: string;
  readonly spec: readonly ReqId[];
  /** One line: page, frame and task, or the difference. */
  readonly text: string;
}

/** The id of a property that a known defect breaks. */
export function findingId({ property, defect }: Pick<Finding, "property" | "defect">): string {
  return `${property}/${defect}`;
}

/** Two systems that are driven by the same actions. */
export const REFINES = {
  id: "refines",
  statement: "Implementation and model answer the same, show the same state, and can take the same steps, after every action.",
} as const;

/** The failure that a watch has found: the finding that is asked for, or else a property that does not hold. */
export function failureOfWatch({ violation, findings }: Watch, wanted: string | null): Failure | null {
  if (wanted !== null && findings.length > 0) {
    const found = findings.find((finding) => findingId(finding) === wanted);
    if (found !== undefined) return failureOfFinding(found);
  }
  if (violation === null) return null;
  const { property, statement, spec, witness } = violation;
  return { kind: "property", id: property, statement, spec, text: witness };
}

/** A known defect that was found. */
export function failureOfFinding(finding: Finding): Failure {
  const { statement, spec, witness } = finding;
  return { kind: "finding", id: findingId(finding), statement, spec, text: witness };
}

/** Two systems that differ. */
export function failureOfDifference({ kind, text }: Difference): Failure {
  return { kind: "refines", ...REFINES, spec: [], text: `${kind}: ${text}` };
}

/** Whether a table of a system with bounds was full. Told by name, because a changed copy of an implementation has a class of its own. */
function isFull(error: unknown): error is Error {
  return error instanceof Error && error.constructor.name === "Full";
}

/** What a system has thrown: a bound that was hit, or a bug of ours. */
export function failureOfException(error: unknown): Failure {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  if (isFull(error)) return { kind: "full", id: "full", statement: "A table of the state has room.", spec: [], text: error.message };
  const statement = "No action makes the system throw.";
  // The message without its numbers tells one bug from another.
  return { kind: "exception", id: `exception: ${text.replaceAll(/\d+/g, "#")}`, statement, spec: [], text };
}

/** The end of a run by a crash, which the driver's defects allow; whether this one is allowed is a property's to say. */
export function failureOfCrash(ret: Ret): Failure {
  const text = ret.status === "crash" ? ret.log : "";
  return { kind: "crash", id: "crash", statement: "The system does not die.", spec: [], text };
}

/** Tasks that are in flight although nothing more is to come: they cannot go on, or they do without an end. */
export function failureOfTasks(system: System): Failure | null {
  const { view } = system;
  const waiting: string[] = [];
  for (let task = 0; task < view.taskCount(); task++) {
    if (view.taskLive(task) !== 1) continue;
    const step = view.taskStep(task, view.taskDepth(task) - 1);
    // It waits for pages that processes have mapped, and nobody is bound to unmap them.
    if (step === STEP["remove_chunk.e7"]) return null;
    waiting.push(`task ${task} in ${STEPS[step] ?? "no step"}`);
  }
  if (waiting.length === 0) return null;
  const blocked = system.steps(new Int32Array(1024)) === 0;
  const text = waiting.join(", ");
  if (blocked) return { kind: "stuck", id: "deadlock", statement: "Some task can always go on.", spec: [], text };
  return { kind: "stuck", id: "endless", statement: "Every call ends when the others let it.", spec: [], text };
}
