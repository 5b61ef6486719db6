/** Where a mutant is looked for, in short. */
import type { Operation, TestCase } from "../../properties/test-case.ts";
import type { DeviceKind } from "../../spec/vocabulary.ts";
import type { MutantScope } from "./mutant.ts";

/** What a scope has beyond the least one: one page, one device with private memory, two tasks of one process. */
export interface More extends Partial<Pick<TestCase, "core" | "driver" | "switches" | "bounds">> {
  readonly pages?: number;
  readonly devices?: readonly DeviceKind[];
  readonly tasks_max?: number;
  readonly actors_max?: number;
}

const PAGE_BYTES = 4096;
/** Frames that each device has: one can be in use while another is free. */
const DEVICE_FRAMES = 2;

/** The scope with these operations. */
export function scope(mask: readonly Operation[], more: More = {}): MutantScope {
  const { core = "linux-6.1", driver = "ideal", switches = {}, pages = 1, devices = ["private"] } = more;
  return {
    core,
    driver,
    switches,
    config: { pages, page_bytes: PAGE_BYTES, devices: devices.map((kind) => ({ kind })) },
    bounds: { deviceFrames: DEVICE_FRAMES, physicalPages: 0, ...more.bounds },
    mask,
    limits: { tasks_max: more.tasks_max ?? 2, actors_max: more.actors_max ?? 1 },
  };
}
