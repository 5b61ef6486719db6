/** The optimized implementation: all of HMM in one flat buffer, with its simulated device. */
export { Full } from "./capacity.ts";
export type { Capacity } from "./capacity.ts";
export { implSystem } from "./system.ts";
export type { Implementation } from "./system.ts";
