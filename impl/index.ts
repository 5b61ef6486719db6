/** The optimized implementation: all of HMM in one flat buffer, with its simulated device. */
export { Full } from "./capacity.ts";
export type { Capacity } from "./capacity.ts";
export { deviceSystem } from "./device/device.ts";
export type { Completion, DeviceOptions, DeviceSystem, Submitted } from "./device/device.ts";
export type { DeviceCommand } from "./device/queue.ts";
export { implSystem } from "./system.ts";
export type { Implementation } from "./system.ts";
