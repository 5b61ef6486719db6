/** From a test case to the system that it is about. */
import { profile } from "../model/index.ts";
import type { TestCase } from "../properties/test-case.ts";
import type { Setup } from "../spec/system.ts";

/** The part of a test case that a system is made from. */
export type Scope = Pick<TestCase, "core" | "driver" | "switches" | "config" | "bounds">;

/** What a system for a test case is made from. */
export function setupOf({ core, driver, switches, config, bounds }: Scope): Setup {
  return { profile: { ...profile(core, driver), ...switches }, config, bounds };
}
