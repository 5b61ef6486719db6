/** The public face of `properties`: what must hold, how to look for it on a run, and arbitraries for anyone's own tests. */
export { ALWAYS, PROPERTIES, SOMETIMES, STEP_PROPERTIES } from "./registry.ts";
export type { Always, Defect, Known, Property, Sometimes, StateCheck, Step, StepCheck } from "./property.ts";
export { Watch } from "./watch.ts";
export type { Finding, Violation, WatchSaved } from "./watch.ts";
export { firstViolation } from "./first-violation.ts";
export { newSweep } from "./sweep.ts";
export type { Sweep } from "./sweep.ts";
export { readState } from "./read-state.ts";
export { MOVE } from "./move.ts";
export type { Move } from "./move.ts";
export type { Ghost } from "./ghost/ghost.ts";
export { DEVICE_MEMORY_ALONE, MIGRATION_ALONE, MIRROR_ALONE } from "./masks.ts";
export { anyTransparentRun, isSilent, transparencyViolation } from "./transparency.ts";
export type { ActorCall } from "./transparency.ts";
export * from "./arbitraries.ts";
export * from "./test-case.ts";
