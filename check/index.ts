/** The public face of `check`: reading traces, and what the verdicts are reported with. */
export { EXIT, type ExitCode } from "./exit-codes.ts";
export { excerpt } from "./excerpt.ts";
export { formatInputError, type InputError } from "./input-error.ts";
export { decodeLine, type TraceLine } from "./trace.ts";
export { TRACE_BOUNDS, type TraceBounds, traceReader, type TraceReader } from "./trace-reader.ts";
