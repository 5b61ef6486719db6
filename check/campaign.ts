/** A campaign: many random runs of a system under all properties, with what they have covered and what they have found. */
import type { Property } from "../properties/property.ts";
import { OPERATIONS } from "../properties/test-case.ts";
import type { Operation, ProfileName, TestCase } from "../properties/test-case.ts";
import type { Finding } from "../properties/watch.ts";
import type { Action } from "../spec/vocabulary.ts";
import { type BenchFactory, benchOf } from "./bench.ts";
import { coverage, type Coverage } from "./coverage.ts";
import { drawCase, type Fixed, runStream } from "./draw-case.ts";
import { type Failure, failureOfFinding, findingId } from "./failure.ts";
import { type Minimised, minimise, type MinimiseOptions } from "./minimise.ts";
import { symbolise } from "./minimise/symbolise.ts";
import { runCase, type Unmet } from "./run-case.ts";
import { setupOf } from "./setup.ts";
import type { SubjectFactory } from "./subject.ts";

/** What a campaign is to do. */
export interface CampaignOptions {
  /** 32 bits. The same seed gives the same runs. */
  readonly seed: number;
  /** The run with which it begins, counted from 0. */
  readonly first?: number;
  readonly runs_max: number;
  /** Asked before each run: whether to end now. */
  readonly stop: () => boolean;
  /** Profiles, which the runs take in turn. */
  readonly profiles: readonly ProfileName[];
  readonly make: SubjectFactory;
  /** One side of it alone, on which a property that both break is minimised, because it is faster. */
  readonly alone?: SubjectFactory;
  readonly properties: readonly Property[];
  /** Operations that runs draw from, or with `fixed` all use. All of them unless said otherwise. */
  readonly mask?: readonly Operation[];
  /** What is not drawn: the scope of a mutant. The mask is then taken as it is. */
  readonly fixed?: Fixed;
  readonly minimise?: MinimiseOptions;
}

/** A failure of a run, with everything that is needed to see it again. */
export interface CampaignFailure {
  readonly failure: Failure;
  readonly run: number;
  readonly testCase: TestCase;
  /** Every action of the run up to the failure. */
  readonly actions: readonly Action[];
  /** The simplest run that fails like this one; `null` where minimising did not see the failure again. */
  readonly minimal: Minimised | null;
}

/** A property that a known defect breaks: the first run that shows it, and every profile on which one does. */
export interface CampaignFinding extends CampaignFailure {
  readonly finding: Finding;
  readonly profiles: string[];
}

/** Runs that ended without a verdict, by the reason. */
export interface Inconclusive {
  /** A table of the implementation was full. */
  full: number;
  /** A table was nearly full, so that the run ended early. */
  bound: number;
}

/** How far a campaign is. */
export interface CampaignState {
  readonly seed: number;
  runs: number;
  actions: number;
  /** Calls that were answered. */
  answers: number;
  /** Runs that ended with a crash of the system. */
  crashes: number;
  readonly inconclusive: Inconclusive;
  readonly coverage: Coverage;
  /** `sometimes` properties that were met and that were not, by profile. */
  readonly witnesses: readonly ProfileWitnesses[];
  readonly findings: CampaignFinding[];
  failure: CampaignFailure | null;
}

/** The witnesses of one profile. */
export interface ProfileWitnesses extends ProfileName {
  readonly met: Set<string>;
  readonly unmet: Set<string>;
}

/** Draws the test case of a run of a campaign, the same one however often it is asked for. */
export function caseOf(options: CampaignOptions, run: number): TestCase {
  const { seed, profiles, mask = OPERATIONS, fixed } = options;
  const name = profiles[run % profiles.length];
  if (name === undefined) throw new Error("a campaign without a profile");
  return drawCase(name, runStream(seed, run), mask, fixed !== undefined, fixed);
}

/** A campaign that is carried out run by run. */
export interface Campaign {
  readonly state: CampaignState;
  /** Carries out the next run; answers whether there are more. */
  readonly next: () => boolean;
}

/** Begins a campaign. */
export function campaign(options: CampaignOptions): Campaign {
  const { seed, first = 0, runs_max, stop, profiles, properties } = options;
  const checked = properties.filter(({ kind }) => kind !== "sometimes");
  const unmet = profiles.map((name): Unmet => new Map(witnessesOf(name, properties)));
  const state: CampaignState = {
    seed,
    runs: 0,
    actions: 0,
    answers: 0,
    crashes: 0,
    inconclusive: { full: 0, bound: 0 },
    coverage: coverage(),
    witnesses: profiles.map((name, i) => ({ ...name, met: new Set(), unmet: new Set(unmet[i]?.keys()) })),
    findings: [],
    failure: null,
  };
  const goesOn = (): boolean => state.runs < runs_max && state.failure === null && !stop();
  const next = (): boolean => {
    if (!goesOn()) return false;
    const run = first + state.runs;
    const at = run % profiles.length;
    oneRun(options, state, run, checked, unmet[at] ?? new Map(), state.witnesses[at]);
    return goesOn();
  };
  return { state, next };
}

/** Runs a campaign up to its end or its first failure. */
export function runCampaign(options: CampaignOptions): CampaignState {
  const { state, next } = campaign(options);
  while (next());
  return state;
}

/** The `sometimes` properties that a profile can meet. */
function witnessesOf(name: ProfileName, properties: readonly Property[]): [string, Property][] {
  const { profile } = setupOf({
    ...name,
    switches: { readDuplication: true },
    config: { pages: 1, page_bytes: 4096, devices: [] },
    bounds: {},
  });
  return properties.flatMap((p): [string, Property][] => (p.kind === "sometimes" && (p.possible?.(profile) ?? true) ? [[p.id, p]] : []));
}

function oneRun(
  options: CampaignOptions,
  state: CampaignState,
  run: number,
  checked: readonly Property[],
  unmet: Unmet,
  witnesses: ProfileWitnesses | undefined,
): void {
  const testCase = caseOf(options, run);
  const done = runCase(options.make, testCase, [...checked, ...unmet.values()], state.coverage);
  state.runs++;
  state.actions += done.actions;
  state.answers += done.answers;
  if (done.failure?.kind === "full") state.inconclusive.full++;
  if (done.failure?.kind === "crash") state.crashes++;
  if (done.end === "bound") state.inconclusive.bound++;
  for (const id of done.met) {
    unmet.delete(id);
    witnesses?.met.add(id);
    witnesses?.unmet.delete(id);
  }
  for (const finding of done.findings) {
    const known = state.findings.find((other) => findingId(other.finding) === findingId(finding));
    const name = `${testCase.core}/${testCase.driver}`;
    if (known === undefined)
      state.findings.push({ ...shown(options, checked, run, testCase, failureOfFinding(finding)), finding, profiles: [name] });
    else if (!known.profiles.includes(name)) known.profiles.push(name);
  }
  const { failure } = done;
  if (failure === null || failure.kind === "full" || failure.kind === "crash") return;
  state.failure = shown(options, checked, run, testCase, failure);
}

/** Takes the run again to write down its actions, and minimises it. */
function shown(
  options: CampaignOptions,
  properties: readonly Property[],
  run: number,
  testCase: TestCase,
  failure: Failure,
): CampaignFailure {
  const { make, alone } = options;
  const wanted = failure.kind === "finding" ? failure.id : null;
  const actions: Action[] = [];
  runCase(make, testCase, properties, null, { record: actions, finding: wanted });
  const { core, driver, switches, config, bounds } = testCase;
  const size = { config, bounds };
  const on =
    (subject: SubjectFactory): BenchFactory =>
    (smaller) =>
      benchOf(subject(setupOf({ core, driver, switches, ...smaller })), properties, wanted);
  if (alone !== undefined && failure.kind !== "refines") {
    // One side alone is much faster than both. What it shows must be so on both.
    const minimal = minimise(on(alone), size, actions, options.minimise);
    if (minimal?.failure.id === failure.id && symbolise(on(make)(minimal.size), minimal.actions).failure?.id === failure.id)
      return { failure, run, testCase, actions, minimal };
  }
  return { failure, run, testCase, actions, minimal: minimise(on(make), size, actions, options.minimise) };
}
