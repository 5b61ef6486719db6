/** One mutant under a campaign of its own scope: what kills it, how soon, and the shortest run that shows it. */
import { PROPERTIES } from "../../properties/registry.ts";
import { campaign, type CampaignState } from "../campaign.ts";
import { REFINES } from "../failure.ts";
import type { Mutant, Side } from "../mutants/mutant.ts";
import { type Schedule, writeSchedule } from "../schedule.ts";
import { scheduleOf } from "../schedule-of.ts";
import { type Sides, subjectFactory, type SubjectName } from "../subject.ts";
import { loadImplMutant } from "./impl-mutant.ts";
import { RULES } from "../../model/index.ts";

/** What became of a mutant. */
export interface MutantResult {
  readonly id: string;
  /** The side that was changed. */
  readonly side: Side;
  /** The property that it broke, or `null` where it survived. */
  readonly property: string | null;
  readonly runs: number;
  /** Time until the property was broken, and until the run was minimised. */
  readonly kill_ms: number;
  readonly minimise_ms: number;
  /** Calls and other actions, and steps of tasks, of the minimal run. */
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
  readonly stop: () => boolean;
}

/** The sides with a mutant on one of them. */
async function sidesWith(mutant: Mutant, side: Side): Promise<Sides> {
  if (side === "model" && mutant.model !== undefined) return { rules: mutant.model(RULES) };
  if (mutant.impl === undefined) throw new Error(`mutant ${mutant.id} does not change the implementation`);
  return { impl: await loadImplMutant(mutant.impl) };
}

/** What kills a mutant on one side: a property, or `refines`. */
export function killerOf({ killedBy, impl }: Mutant, side: Side): string {
  return side === "impl" ? (impl?.killedBy ?? killedBy) : killedBy;
}

/** The sides that a mutant changes. */
export function sidesChanged(mutant: Mutant): Side[] {
  return [...(mutant.model === undefined ? [] : (["model"] as const)), ...(mutant.impl === undefined ? [] : (["impl"] as const))];
}

/** Runs a mutant until the property by which it is to be killed is broken, or its time is up. */
export async function runMutant(mutant: Mutant, side: Side, bounds: MutantBounds): Promise<MutantResult> {
  const sides = await sidesWith(mutant, side);
  const killedBy = killerOf(mutant, side);
  const refines = killedBy === REFINES.id;
  const subject: SubjectName = refines ? "lockstep" : side;
  const begun_ms = performance.now();
  const elapsed_ms = (): number => performance.now() - begun_ms;
  let found_ms = 0;
  const options = {
    seed: bounds.seed,
    runs_max: 2 ** 21 - 1,
    stop: () => bounds.stop() || elapsed_ms() > bounds.budget_ms,
    profiles: [mutant.scope],
    make: subjectFactory(subject, sides),
    properties: refines ? [] : PROPERTIES.filter(({ id }) => id === killedBy),
    mask: mutant.scope.mask,
    fixed: mutant.scope,
    minimise: {
      stop: () => {
        if (found_ms === 0) found_ms = elapsed_ms();
        return bounds.stop() || elapsed_ms() - found_ms > bounds.minimise_ms;
      },
    },
  };
  const { state, next } = campaign(options);
  while (next());
  const all_ms = elapsed_ms();
  if (found_ms === 0) found_ms = all_ms;
  return resultOf(mutant, side, bounds.seed, state, found_ms, all_ms - found_ms);
}

function resultOf(
  mutant: Mutant,
  side: Side,
  seed: number,
  { runs, failure }: CampaignState,
  kill_ms: number,
  minimise_ms: number,
): MutantResult {
  const schedule: Schedule | null = failure === null ? null : scheduleOf(failure, seed, mutant.id);
  return {
    id: mutant.id,
    side,
    property: failure?.failure.id ?? null,
    runs,
    kill_ms: Math.round(kill_ms),
    minimise_ms: Math.round(minimise_ms),
    operations: failure?.minimal?.cost.operations ?? 0,
    steps: failure?.minimal?.cost.steps ?? 0,
    schedule: schedule === null ? null : writeSchedule(schedule),
  };
}
