/** The public face of `check`: reading traces, and what the verdicts are reported with. */
export { DISTURBANCES, type Disturbance, environment } from "./environment.ts";
export { EXIT, type ExitCode } from "./exit-codes.ts";
export { type CitedRequirement, type Explanation } from "./explain.ts";
export { judge, JUDGE_DEFAULTS, JUDGE_RULES, type JudgeOptions, type Rejection, type TraceJudge, type TraceVerdict } from "./oracle.ts";
export { sensitivity, type Sensitivity, type Survivor, type WholeTrace } from "./sensitivity.ts";
export { excerpt } from "./excerpt.ts";
export { formatInputError, type InputError } from "./input-error.ts";
export { decodeLine, type TraceLine } from "./trace.ts";
export { TRACE_BOUNDS, type TraceBounds, traceReader, type TraceReader } from "./trace-reader.ts";
