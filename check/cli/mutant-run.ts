/** One mutant under a campaign of its own scope: what kills it, how soon, and the shortest run that shows it. */
import { PROPERTIES } from "../../properties/registry.ts";
import { RULES } from "../../model/index.ts";
import { campaign, type CampaignFailure } from "../campaign.ts";
import { REFINES } from "../failure.ts";
import type { Mutant, Side } from "../mutants/mutant.ts";
import { killerOf, nameOn } from "../mutants/side.ts";
import { writeSchedule } from "../schedule.ts";
import { scheduleOf } from "../schedule-of.ts";
import { type SubjectFactory, subjectFactory } from "../subject.ts";
import { loadImplMutant } from "./impl-mutant.ts";

/** What became of a mutant. */
export interface MutantResult {
  readonly id: string;
  /** The side that was changed. */
  readonly side: Side;
  /** What it broke: a property, `refines`, `deadlock`, `endless`, an exception or `hang`; or `null` where it survived. */
  readonly property: string | null;
  readonly runs: number;
  /** Time until the property was broken, and until the run was minimised. */
  readonly kill_ms: number;
  readonly minimise_ms: number;
  /** Calls and other actions, and steps of tasks, of the minimal run; 0 where there is none. */
  readonly operations: number;
  readonly steps: number;
  /** The minimal run, as a schedule file. */
  readonly schedule: string | null;
}

/** Bounds of one mutant. */
export interface MutantBounds {
  readonly seed: number;
  /** Time to find it in. */
  readonly budget_ms: number;
  /** Time to minimise it in. */
  readonly minimise_ms: number;
  /** Asked before each run. */
  readonly stop: () => boolean;
}

const RUNS_MAX = 2 ** 21 - 1;

/** What is driven to kill a mutant: the changed side alone, or beside the correct one where only that shows it. */
export async function subjectWith(mutant: Mutant, side: Side): Promise<SubjectFactory> {
  const name = killerOf(mutant, side) === REFINES.id ? "lockstep" : side;
  if (side === "model" && mutant.model !== undefined) return subjectFactory(name, { rules: mutant.model(RULES) });
  if (side === "impl" && mutant.impl !== undefined) return subjectFactory(name, { impl: await loadImplMutant(mutant.impl) });
  throw new Error(`mutant ${mutant.id} does not change the ${side === "impl" ? "implementation" : "model"}`);
}

/** Runs a mutant until the property by which it is to be killed is broken, or its time is up. */
export async function runMutant(mutant: Mutant, side: Side, bounds: MutantBounds): Promise<MutantResult> {
  const { scope } = mutant;
  const killer = killerOf(mutant, side);
  const make = await subjectWith(mutant, side);
  const begun_ms = performance.now();
  const elapsed_ms = (): number => performance.now() - begun_ms;
  let found_ms: number | null = null;
  const { state, next } = campaign({
    seed: bounds.seed,
    runs_max: RUNS_MAX,
    stop: () => bounds.stop() || elapsed_ms() > bounds.budget_ms,
    profiles: [scope],
    make,
    properties: PROPERTIES.filter(({ id }) => id === killer),
    mask: scope.mask,
    fixed: scope,
    minimise: {
      stop() {
        found_ms ??= elapsed_ms();
        return bounds.stop() || elapsed_ms() - found_ms > bounds.minimise_ms;
      },
    },
  });
  while (next());
  const all_ms = elapsed_ms();
  const kill_ms = found_ms ?? all_ms;
  const { runs, failure } = state;
  return {
    id: mutant.id,
    side,
    property: failure?.failure.id ?? null,
    runs,
    kill_ms: Math.round(kill_ms),
    minimise_ms: Math.round(all_ms - kill_ms),
    operations: failure?.minimal?.cost.operations ?? 0,
    steps: failure?.minimal?.cost.steps ?? 0,
    schedule: failure === null ? null : scheduleText(mutant, side, bounds.seed, failure),
  };
}

/** The schedule of a mutant says nothing of the run in which it was found: whatever the seed was, it is the same mutant. */
function scheduleText(mutant: Mutant, side: Side, seed: number, failure: CampaignFailure): string {
  const name = nameOn(mutant, side);
  const { header, actions } = scheduleOf(failure, seed, name);
  return writeSchedule({ header: { ...header, id: name, source: `hmmspec mutants --id ${name}` }, actions });
}
