/** A test case: what a random run is made from, as plain data that needs nothing else to be run again. */
import type { CoreSwitches } from "../spec/profile.ts";
import type { Bounds } from "../spec/system.ts";
import type { Config, Core, DriverName, ModelCall } from "../spec/vocabulary.ts";

/** Every core with every driver that it was ever used with: v14 is older than lib/test_hmm.c. */
export const PROFILE_NAMES = [
  { core: "v14", driver: "ideal" },
  { core: "linux-6.1", driver: "ideal" },
  { core: "linux-6.12", driver: "ideal" },
  { core: "linux-6.1", driver: "dmirror" },
  { core: "linux-6.12", driver: "dmirror" },
  { core: "linux-6.1", driver: "dmirror-fixed" },
  { core: "linux-6.12", driver: "dmirror-fixed" },
] as const satisfies readonly ProfileName[];

/** A profile by name. */
export interface ProfileName {
  readonly core: Core;
  readonly driver: DriverName;
}

/** Calls that a run may make. */
export const CALL_OPERATIONS = [
  "mmap",
  "munmap",
  "mprotect",
  "madvise",
  "mremap",
  "cpu_read",
  "cpu_write",
  "device_read",
  "device_write",
  "migrate_to_device",
  "migrate_to_system",
  "snapshot",
  "make_exclusive",
  "check_exclusive",
  "open",
  "close",
  "fork",
  "exit",
  "devmem_add",
  "devmem_remove",
  "devmem_release",
  "hmm_device_new",
  "hmm_device_put",
  "hmm_mirror_register",
  "duplicate",
] as const satisfies readonly ModelCall["op"][];
/** A call that a mask may name. */
export type CallOperation = (typeof CALL_OPERATIONS)[number];

/** What the surroundings of a run may do beside the calls: `pin` also unpins, `get` also puts. */
export const ENVIRONMENT_OPERATIONS = ["pin", "get", "reclaim", "move", "wrong_put"] as const;
/** Something that a mask may let the surroundings do. */
export type EnvironmentOperation = (typeof ENVIRONMENT_OPERATIONS)[number];

/** Everything that a mask may name. */
export const OPERATIONS = [...CALL_OPERATIONS, ...ENVIRONMENT_OPERATIONS] as const;
/** An operation that a mask may name. */
export type Operation = CallOperation | EnvironmentOperation;

/** How many things a run has at a time. */
export interface RunLimits {
  /** Tasks in flight, 1 to 3. */
  readonly tasks_max: number;
  /** Living processes, 1 to 4. */
  readonly actors_max: number;
}

/** Decisions from a generator: `length` of them from a seed. */
export interface SeededChoices {
  readonly seed: number;
  readonly length: number;
}

/** A random run. The same test case is the same run on every system. */
export interface TestCase extends ProfileName {
  /** Switches that are set otherwise than the core sets them: `{ readDuplication: true }`. */
  readonly switches: Partial<CoreSwitches>;
  readonly config: Config;
  readonly bounds: Bounds;
  /** The operations of the run: a random subset finds what a uniform choice among all of them does not. */
  readonly mask: readonly Operation[];
  readonly limits: RunLimits;
  /** How the run is interleaved, as 32 bits, two for each habit. 0 is the calmest. */
  readonly style: number;
  /** One 32-bit number for each decision, given or drawn from a seed. */
  readonly choices: readonly number[] | SeededChoices;
}
