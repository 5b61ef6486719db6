/** Draws the test case of one run of a campaign. Run `i` of a seed has a stream of its own, so that it can be run alone. */
import { profile } from "../model/index.ts";
import type { Operation, ProfileName, TestCase } from "../properties/test-case.ts";
import type { CoreSwitches } from "../spec/profile.ts";
import type { Bounds } from "../spec/system.ts";
import type { Config } from "../spec/vocabulary.ts";
import { randomStream, type RandomStream } from "./random.ts";

/** Operations of dummy devices and of v14's own name for open: elsewhere they answer an errno, which is seldom of interest. */
const V14_ONLY: readonly Operation[] = ["hmm_device_new", "hmm_device_put", "hmm_mirror_register", "wrong_put"];
const EXCLUSIVE: readonly Operation[] = ["make_exclusive", "check_exclusive"];
/** Without these hardly anything happens. */
const BASIC: readonly Operation[] = ["cpu_write", "device_read", "migrate_to_device"];

const PAGE_BYTES = 4096;
const PAGES = [1, 2, 2, 3, 3, 3, 4, 4, 5, 6] as const;
const LENGTHS = [60, 120, 240, 240, 480] as const;
/** Windows wider than the batches of a driver, and than a huge page: they cost much, so they are rare and their runs short. */
const WIDE = [
  { one_in: 128, pages: 66, length: 100 },
  { one_in: 768, pages: 516, length: 60 },
] as const;
const TASKS = [1, 2, 2, 2, 3, 3, 3, 4] as const;
const ACTORS = [1, 1, 2, 2, 3] as const;
/** How many of sixteen operations a mask has. */
const DENSITIES = [3, 6, 9, 12, 16] as const;

/**
 * Operations that belong together, and that a random part seldom holds at once: processes with inherited files, pins and fork, swap, memory that
 * comes and goes, migration under device writes, exclusive access.
 */
const THEMES: readonly (readonly Operation[])[] = [
  ["device_read", "device_write", "fork", "exit"],
  ["cpu_write", "device_read", "device_write", "migrate_to_device", "open", "fork", "exit"],
  ["cpu_write", "fork", "exit", "pin", "get", "device_write"],
  ["cpu_write", "cpu_read", "madvise", "fork", "reclaim", "get"],
  ["cpu_write", "migrate_to_device", "devmem_add", "devmem_remove", "devmem_release"],
  ["cpu_write", "migrate_to_device", "devmem_remove"],
  ["cpu_write", "device_write", "migrate_to_device", "migrate_to_system"],
  ["cpu_write", "device_write", "make_exclusive", "mprotect"],
];
/** One run in so many has a theme. Few other operations are drawn beside it. */
const THEME_ONE_IN = 2;
const THEME_DENSITY = 2;

const among = <T>(list: readonly T[], { below }: RandomStream): T => list[below(list.length)] as T;

/** What is fixed beforehand; everything else is drawn. */
export type Fixed = Partial<Omit<TestCase, "core" | "driver" | "choices" | "style" | "mask">>;

/** The stream of one run. */
export function runStream(seed: number, run: number): RandomStream {
  return randomStream((seed >>> 0) + run * 2 ** 32);
}

/**
 * Draws a test case.
 *
 * @param mask operations to draw from; a mask that is given whole (`whole`) is taken as it is
 */
export function drawCase(name: ProfileName, random: RandomStream, mask: readonly Operation[], whole: boolean, fixed: Fixed = {}): TestCase {
  const theme = !whole && random.below(THEME_ONE_IN) === 0 ? among(THEMES, random) : [];
  const duplicates = mask.includes("duplicate") && random.below(3) === 0;
  const wide = fixed.config === undefined ? (WIDE.find(({ one_in }) => random.below(one_in) === 0) ?? null) : null;
  const config = fixed.config ?? drawConfig(name, random);
  return {
    core: name.core,
    driver: name.driver,
    switches: fixed.switches ?? drawSwitches(duplicates),
    config: wide === null ? config : { ...config, pages: wide.pages },
    bounds: fixed.bounds ?? drawBounds(random),
    mask: whole ? mask : drawMask(name, mask, theme, duplicates, random),
    limits: fixed.limits ?? { tasks_max: among(TASKS, random), actors_max: among(ACTORS, random) + (theme.includes("fork") ? 1 : 0) },
    style: random.next(),
    choices: { seed: random.next(), length: wide?.length ?? among(LENGTHS, random) },
  };
}

function drawSwitches(duplicates: boolean): Partial<CoreSwitches> {
  return duplicates ? { readDuplication: true } : {};
}

function drawConfig({ core, driver }: ProfileName, random: RandomStream): Config {
  const { coherent } = profile(core, driver);
  const kind = (): "private" | "coherent" => (coherent && random.below(3) === 0 ? "coherent" : "private");
  const devices = Array.from({ length: random.below(5) < 3 ? 1 : 2 }, () => ({ kind: kind() }));
  return { pages: among(PAGES, random), page_bytes: PAGE_BYTES, devices };
}

/** Little device memory, so that it runs out; with or without room for more. */
function drawBounds(random: RandomStream): Bounds {
  if (random.below(3) < 2) return { deviceFrames: 1 + random.below(3), physicalPages: 0 };
  return { deviceFrames: random.below(4), physicalPages: 2 + 2 * random.below(2), sectionPages: 1 + random.below(2) };
}

/** A random part of the operations: swarm testing. Now and then an operation that the profile does not know stays in. */
function drawMask(
  { core }: ProfileName,
  mask: readonly Operation[],
  theme: readonly Operation[],
  duplicates: boolean,
  random: RandomStream,
): Operation[] {
  const density = theme.length > 0 ? THEME_DENSITY : among(DENSITIES, random);
  const strange = random.below(8) === 0;
  const wanted: Operation[] = ["mmap", ...(theme.length > 0 ? theme : BASIC.filter(() => random.below(4) !== 0))];
  return mask.filter((op) => {
    if (wanted.includes(op)) return true;
    const known = core === "v14" ? !EXCLUSIVE.includes(op) : !V14_ONLY.includes(op);
    if (!known && !strange) return false;
    if (op === "duplicate") return duplicates || (strange && random.below(2) === 0);
    return random.below(16) < density;
  });
}
