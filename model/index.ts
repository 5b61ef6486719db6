/** The reference model: an immutable state, one public transition, and sequential runs of the same steps. */
export { initial } from "./initial.ts";
export type { Bounds } from "./initial.ts";
export { CORE_SWITCHES, profile } from "./profile.ts";
export type { CoreSwitches, Profile } from "./profile.ts";
export type { Driver } from "./drivers/driver.ts";
export { QUIET, run } from "./run.ts";
export type { Environment, Observer, Run } from "./run.ts";
export { enabledSteps, pending, step } from "./step.ts";
export type { Stepped } from "./step.ts";
export { RULES } from "./rules/index.ts";
export { ModelBug } from "./rule.ts";
export type { Rule } from "./rule.ts";
export type { Activation } from "./activation.ts";
export type { Contents, Dpte, Frame, Frozen, Holder, Mapping, Pte, State, Vma } from "./state.ts";
export { describePages } from "./view.ts";
export type { PageLine } from "./view.ts";
