/** The public face of `check`: systems under checks, random runs, campaigns, the minimiser, schedules, and the judge of traces. */
export { type Bench, type BenchFactory, benchOf, type Size } from "./bench.ts";
export {
  type Campaign,
  campaign,
  type CampaignFailure,
  type CampaignFinding,
  type CampaignOptions,
  type CampaignState,
  runCampaign,
} from "./campaign.ts";
export { compareViews } from "./compare.ts";
export { type Coverage, requirementsReached } from "./coverage.ts";
export { DISTURBANCES, type Disturbance, environment } from "./environment.ts";
export { EXIT, type ExitCode } from "./exit-codes.ts";
export { type CitedRequirement, type Explanation } from "./explain.ts";
export { type Failure, type FailureKind } from "./failure.ts";
export { judge, JUDGE_DEFAULTS, JUDGE_RULES, type JudgeOptions, type Rejection, type TraceJudge, type TraceVerdict } from "./oracle.ts";
export { type Difference, type Lockstep, lockstep } from "./lockstep.ts";
export { minimise, type Minimised, type MinimiseOptions } from "./minimise.ts";
export { modelSystem } from "./model-system.ts";
export { MUTANTS } from "./mutants/catalogue.ts";
export { type Mutant, type MutantScope } from "./mutants/mutant.ts";
export { randomStream, type RandomStream } from "./random.ts";
export { writeSchedule } from "./schedule.ts";
export type { Schedule } from "./schedule.ts";
export { type Scope, setupOf } from "./setup.ts";
export { type Subject, type SubjectFactory, subjectFactory } from "./subject.ts";
export { sensitivity, type Sensitivity, type Survivor, type WholeTrace } from "./sensitivity.ts";
export { excerpt } from "./excerpt.ts";
export { formatInputError, type InputError } from "./input-error.ts";
export { decodeLine, type TraceLine } from "./trace.ts";
export { TRACE_BOUNDS, type TraceBounds, traceReader, type TraceReader } from "./trace-reader.ts";
export { completed, type Observer, walk, type Walked, type WalkEnd, type WalkOptions } from "./walk.ts";
