/** How a rule table is tampered with: one step of it does something else. */
import type { Activation, Profile, Rule, RuleTable } from "../../model/index.ts";
import type { Of } from "../../model/activation.ts";
import type { TaskWork, Work } from "../../model/state.ts";
import type { Tampering } from "./mutant.ts";

type Op = Activation["op"];
type StepsOf = Readonly<Record<string, Rule<Activation>>>;

/** Takes the step as the model takes it, with the choice that was made or another one. */
export type Go = (choice?: string) => void;

/** Replaces parts of the rule of one step. */
export function tamper<O extends Op>(op: O, pc: Of<O>["pc"], change: (rule: Rule<Of<O>>) => Partial<Rule<Of<O>>>): Tampering {
  return (rules: RuleTable): RuleTable => {
    const steps = rules[op] as unknown as StepsOf;
    const rule = steps[pc];
    if (rule === undefined) throw new Error(`no rule for ${op}.${pc}`);
    return { ...rules, [op]: { ...steps, [pc]: { ...rule, ...change(rule) } } };
  };
}

/** Does something before, after or instead of one step. */
export function around<O extends Op>(
  op: O,
  pc: Of<O>["pc"],
  instead: (go: Go, s: Work, t: TaskWork, a: Of<O>, choice: string) => void,
): Tampering {
  return tamper(op, pc, (rule) => ({
    apply: (s, t, a, choice) => instead((other = choice) => rule.apply(s, t, a, other), s, t, a, choice),
  }));
}

/** Lets one step be taken when its condition does not hold yet: it does not wait. */
export function always<O extends Op>(op: O, pc: Of<O>["pc"]): Tampering {
  return tamper(op, pc, () => ({ enabled: () => true }));
}

/** Takes one step as a core or a driver with other switches would take it, at least where `where` says so. */
export function under<O extends Op>(
  op: O,
  pc: Of<O>["pc"],
  change: (profile: Profile) => Profile,
  where: (a: Of<O>) => boolean = () => true,
): Tampering {
  const within = <T>(s: Work, a: Of<O>, act: () => T): T => {
    if (!where(a)) return act();
    const work = s as { profile: Profile };
    const { profile } = work;
    work.profile = change(profile);
    try {
      return act();
    } finally {
      work.profile = profile;
    }
  };
  return tamper(op, pc, (rule) => {
    const { enabled, choices } = rule;
    return {
      apply: (s, t, a, choice) => within(s, a, () => rule.apply(s, t, a, choice)),
      ...(enabled && { enabled: (s, t, a) => within(s, a, () => enabled(s, t, a)) }),
      ...(choices && { choices: (s, t, a) => within(s, a, () => choices(s, t, a)) }),
    };
  });
}

/** Several steps tampered with, which together are one bug. */
export function all(...parts: readonly Tampering[]): Tampering {
  return (rules) => parts.reduce((table, part) => part(table), rules);
}

/** A driver with other duties, for `under`. */
export function driverWith(duties: Partial<Profile["driver"]>): (profile: Profile) => Profile {
  return (profile) => ({ ...profile, driver: { ...profile.driver, ...duties } });
}
