/** What a property is: its kinds, and how a known defect of a core or a driver is told from a failure. */
import type { Profile } from "../spec/profile.ts";
import type { ReqId } from "../spec/requirements.ts";
import type { Move } from "./move.ts";
import type { Sweep } from "./sweep.ts";

/** Names of the known defects, as the list of bugs has them; one that only the specification tells of has the name of its requirement. */
export type Defect = "B1" | "DMR-14" | "MEM-46" | "T5" | "U1" | "U2" | "U3" | "U4" | "U6" | "U7";

/**
 * A defect that a core or a driver has by design, and that breaks a property. Where it is to blame the property itself is silent, so that
 * a campaign reports a finding and no failure; `check` of the exception says where it is.
 */
interface KnownOf<Check> {
  readonly defect: Defect;
  /** The requirements that describe the defect. */
  readonly spec: readonly ReqId[];
  /** When exactly the property is excused, in one sentence. */
  readonly when: string;
  /** Whether a system of this profile has the defect. */
  readonly applies: (profile: Profile) => boolean;
  /** One line that says where the defect has broken the property, or `null`. */
  readonly check: Check;
}

/** Looks at one state. Answers one line with page, frame and task, or `null`. */
export type StateCheck = (now: Sweep) => string | null;
/**
 * Looks at one step. `was` is the state before it and `now` the state after it; the ghost of both still is that of `was`.
 * Answers one line with page, frame and task, or `null`.
 */
export type StepCheck = (was: Sweep, move: Move, now: Sweep) => string | null;

interface Stated {
  /** Name of the property and of its file. */
  readonly id: string;
  /** The requirements that it stands for. */
  readonly spec: readonly ReqId[];
  readonly statement: string;
}

/** Holds in every state. */
export interface Always extends Stated {
  readonly kind: "always";
  readonly known?: readonly KnownOf<StateCheck>[];
  readonly check: StateCheck;
}

/** Holds of every step. */
export interface Step extends Stated {
  readonly kind: "step";
  readonly known?: readonly KnownOf<StepCheck>[];
  readonly check: StepCheck;
}

/** Must be met by some step of some run: shows that what another property speaks of is reached. */
export interface Sometimes extends Stated {
  readonly kind: "sometimes";
  /** The property whose antecedent this is. */
  readonly of: string;
  /** Whether a system of this profile can meet it at all; every one unless said otherwise. */
  readonly possible?: (profile: Profile) => boolean;
  readonly met: (was: Sweep, move: Move, now: Sweep) => boolean;
}

/** A known exception of either kind. */
export type Known = KnownOf<StateCheck> | KnownOf<StepCheck>;
/** Any property. */
export type Property = Always | Step | Sometimes;
