/** Random runs of calls on address spaces, on the model and on the implementation in lockstep. */
import { lockstep } from "../../check/lockstep.ts";
import { modelSystem } from "../../check/model-system.ts";
import { randomStream } from "../../check/random.ts";
import { setupOf } from "../../check/setup.ts";
import { walk } from "../../check/walk.ts";
import type { Walked } from "../../check/walk.ts";
import { Arena } from "../../impl/arena.ts";
import type { Capacity } from "../../impl/capacity.ts";
import { G, MM, VMA } from "../../impl/layout.ts";
import { implSystem } from "../../impl/index.ts";
import type { Operation, TestCase } from "../../properties/test-case.ts";
import type { CoreSwitches } from "../../spec/profile.ts";
import type { Core, DriverName } from "../../spec/vocabulary.ts";

/** Calls on address spaces and files, and what the surroundings do. */
export const ADDRESS_SPACE: readonly Operation[] = [
  "mmap",
  "munmap",
  "mprotect",
  "madvise",
  "mremap",
  "cpu_read",
  "cpu_write",
  "fork",
  "exit",
  "open",
  "close",
  "hmm_mirror_register",
  "pin",
  "get",
  "reclaim",
];

/** What one run came to. */
export interface Ran extends Walked {
  /** The first difference, and the action after which it was found; `null` where there is none. */
  readonly difference: string | null;
  /** What is left in the words of the implementation where nothing should be. */
  readonly litter: string | null;
}

/** A test case from a seed: who, how many, how interleaved. */
export function testCaseOf(
  core: Core,
  driver: DriverName,
  seed: number,
  mask: readonly Operation[],
  switches: Partial<CoreSwitches>,
): TestCase {
  const { below, next } = randomStream(seed);
  return {
    core,
    driver,
    switches,
    config: { pages: [2, 4, 6, 20][below(4)] ?? 4, page_bytes: 4096, devices: [{ kind: "private" }, { kind: "coherent" }] },
    bounds: { deviceFrames: 4, physicalPages: 0 },
    mask: below(2) === 0 ? mask : mask.filter((op) => op === "mmap" || op === "cpu_write" || below(3) !== 0),
    limits: { tasks_max: 1 + below(4), actors_max: 1 + below(4) },
    style: next(),
    choices: { seed: next(), length: 300 },
  };
}

/** Runs a test case on both; the codes of the steps that are taken go to `seen`. */
export function runBoth(testCase: TestCase, seen = new Set<number>(), capacity: Partial<Capacity> = {}): Ran {
  const setup = setupOf(testCase);
  const impl = implSystem(setup, capacity);
  const pair = lockstep(modelSystem(setup), impl);
  const walked = walk(pair, testCase, {
    stopped: () => pair.difference() !== null,
    before: (word) => seen.add(word < 0 ? -1 : pair.view.taskStep(word >> 8, pair.view.taskDepth(word >> 8) - 1)),
  });
  const words = new Arena(setup, capacity);
  words.words.set(impl.save() as Int32Array);
  const difference = pair.difference();
  return {
    ...walked,
    difference: difference === null ? null : difference.text,
    litter: difference === null ? litterOf(words) : null,
  };
}

/** Words that must be zero in a state without tasks, and are not: equal states have equal words. */
export function litterOf(h: Arena): string | null {
  if (h.task.some(Boolean)) return "a task row is not empty";
  for (let mm = 0; mm < h.capacity.mms; mm++) {
    const n = mm < (h.global[G.mms] ?? 0) ? (h.mm[mm * h.mmWords + MM.vmas] ?? 0) : 0;
    if (h.vma.subarray(mm * h.vmaWords + n * VMA.words, (mm + 1) * h.vmaWords).some(Boolean)) return `mm ${mm} has more than ${n} mappings`;
    for (let row = mm * h.vmaWords; row < mm * h.vmaWords + n * VMA.words; row += VMA.words) {
      const links = h.vma[row + VMA.links] ?? 0;
      if (h.vma.subarray(row + VMA.chain + links, row + VMA.words).some(Boolean)) return `mm ${mm} has a link behind the last`;
    }
  }
  return null;
}
