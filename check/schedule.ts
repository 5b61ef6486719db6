/** A schedule: every action of one interleaved run by name, so that it replays without a seed. */
import type { CoreSwitches } from "../spec/profile.ts";
import type { Bounds } from "../spec/system.ts";
import type { Action, Config, Core, DriverName, Ret } from "../spec/vocabulary.ts";

/** The first line of a schedule. */
export interface ScheduleHeader {
  readonly format: "hmm-schedule";
  readonly version: 1;
  readonly id: string;
  readonly profile: Core;
  readonly driver: DriverName;
  /** Switches that are set otherwise than the core sets them. */
  readonly switches?: Partial<CoreSwitches>;
  readonly config: Config;
  readonly bounds: Bounds;
  /** The property that this run breaks, or `refines`. */
  readonly property?: string;
  /** The mutant that it breaks it on. */
  readonly mutant?: string;
  readonly source: string;
}

/** One action of a schedule, and what its task answered with it when it was recorded. */
export interface ScheduleAction {
  readonly seq: number;
  readonly action: Action;
  readonly outcome?: Ret;
}

/** A whole schedule. */
export interface Schedule {
  readonly header: ScheduleHeader;
  readonly actions: readonly ScheduleAction[];
}

/** Numbers actions, as a schedule holds them. */
export function numbered(actions: readonly Action[], outcomes: readonly (Ret | null)[] = []): ScheduleAction[] {
  return actions.map((action, i) => {
    const outcome = outcomes[i] ?? null;
    return { seq: i + 1, action, ...(outcome === null ? {} : { outcome }) };
  });
}

/** The text of a schedule file: JSON Lines, each with a line break. */
export function writeSchedule({ header, actions }: Schedule): string {
  return [header, ...actions].map((line) => `${JSON.stringify(line)}\n`).join("");
}
