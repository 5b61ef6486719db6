/**
 * Transparency, the first promise of HMM: a process cannot tell by its loads, its stores and its calls whether devices use its memory.
 *
 * Calls run one after the other. What a device does without writing (migrations, reads, snapshots, exclusive access, opening and closing) may
 * change no answer of a CPU call. Two contracts of the kernel let it show, and are left out: a lazily freed page (MADV_FREE) may be dropped or
 * kept as the kernel likes, and an mremap over several mappings fails, which depends on what has kept neighbours from becoming one.
 */
import fc from "fast-check";
import type { Arbitrary } from "fast-check";
import type { System } from "../spec/system.ts";
import { TAKEN } from "../spec/system.ts";
import { ADVICES, MAP_KINDS, PROTS } from "../spec/vocabulary.ts";
import type { ModelCall, Ret } from "../spec/vocabulary.ts";

/** A call with the process that makes it. */
export interface ActorCall {
  readonly actor: number;
  readonly call: ModelCall;
}

/** Words of steps that a lone call can have. */
const WORDS_MAX = 64;
/** Steps of one call, for each page of the window. More are a call that never ends. */
const STEPS_PER_PAGE = 10_000;

const SILENT: readonly ModelCall["op"][] = [
  "open",
  "close",
  "device_read",
  "snapshot",
  "migrate_to_device",
  "migrate_to_system",
  "make_exclusive",
  "check_exclusive",
  "duplicate",
];

/** Whether a call is the activity of a device that writes nothing. */
export function isSilent({ op }: ModelCall): boolean {
  return SILENT.includes(op);
}

/**
 * Makes all calls on one system, and those of the CPU alone on another one of the same setup.
 *
 * @returns `null`, or one line about the first answer that differs. A crash of the first system ends the comparison.
 */
export function transparencyViolation(full: System, alone: System, calls: readonly ActorCall[]): string | null {
  for (const [n, { actor, call }] of calls.entries()) {
    if (isSilent(call)) {
      const answer = answerOf(full, actor, call);
      if (answer === "crash") return null;
      if (answer === "waits") return `call ${n}, ${call.op} of actor ${actor}, never ends`;
      continue;
    }
    const seen = answerOf(full, actor, call);
    const expected = answerOf(alone, actor, call);
    if (seen !== expected) return `call ${n}, ${call.op} of actor ${actor}: ${seen} beside devices, ${expected} without`;
  }
  return null;
}

/** Carries out one call with nothing in between, and answers what it answered, in words. */
function answerOf(system: System, actor: number, call: ModelCall): string {
  if (system.refusal({ type: "call", actor, call }) !== null) return "refused";
  system.apply({ type: "call", actor, call });
  const words = new Int32Array(WORDS_MAX);
  const most = STEPS_PER_PAGE * (system.view.pages + 1);
  for (let n = 0; n < most; n++) {
    // The first choice of a step is what happens when nothing interferes.
    if (system.steps(words) === 0) return "waits";
    if (system.take(words[0]!) === TAKEN.returned) return inWords(system.answer());
  }
  return "waits";
}

function inWords(ret: Ret): string {
  switch (ret.status) {
    case "ok":
      return ret.value === undefined ? "ok" : `ok ${ret.value}`;
    case "errno":
      return ret.errno;
    case "signal":
      return ret.signal;
    case "crash":
      return "crash";
  }
}

/** Calls of up to three processes, with devices that write nothing. */
export function anyTransparentRun(pages: number, devices: number, calls_max = 40): Arbitrary<readonly ActorCall[]> {
  const actor = fc.nat({ max: 2 });
  const begins = fc.constant<ActorCall>({ actor: 0, call: { op: "mmap", page: 0, npages: pages, prot: "rw", map: "private" } });
  const one = fc.record({
    actor,
    call: fc.oneof({ weight: 3, arbitrary: cpuCall(pages) }, { weight: 2, arbitrary: silentCall(pages, devices) }),
  });
  return fc.tuple(begins, fc.array(one, { maxLength: calls_max, size: "max" })).map(([first, others]) => [first, ...others]);
}

function anyRange(pages: number): Arbitrary<{ page: number; npages: number }> {
  return fc
    .nat({ max: pages - 1 })
    .chain((page) => fc.record({ page: fc.constant(page), npages: fc.integer({ min: 1, max: pages - page }) }));
}

function cpuCall(pages: number): Arbitrary<ModelCall> {
  const range = anyRange(pages);
  const page = fc.nat({ max: pages - 1 });
  const child = fc.integer({ min: 1, max: 2 });
  const advice = fc.constantFrom(...ADVICES.filter((name) => name !== "free"));
  return fc.oneof(
    { weight: 6, arbitrary: fc.record({ op: fc.constant("cpu_read" as const), page }) },
    { weight: 6, arbitrary: fc.record({ op: fc.constant("cpu_write" as const), page, value: fc.integer({ min: 1, max: 255 }) }) },
    {
      weight: 2,
      arbitrary: fc.tuple(range, fc.constantFrom(...PROTS), fc.constantFrom(...MAP_KINDS)).map(([r, prot, map]): ModelCall => {
        return { op: "mmap", ...r, prot, map };
      }),
    },
    { weight: 1, arbitrary: range.map((r): ModelCall => ({ op: "munmap", ...r })) },
    { weight: 2, arbitrary: fc.tuple(range, fc.constantFrom(...PROTS)).map(([r, prot]): ModelCall => ({ op: "mprotect", ...r, prot })) },
    { weight: 2, arbitrary: fc.tuple(range, advice).map(([r, name]): ModelCall => ({ op: "madvise", ...r, advice: name })) },
    { weight: 1, arbitrary: fc.tuple(page, page).map(([at, to]): ModelCall => ({ op: "mremap", page: at, npages: 1, to })) },
    { weight: 1, arbitrary: child.map((n): ModelCall => ({ op: "fork", child: n })) },
    { weight: 1, arbitrary: child.map((n): ModelCall => ({ op: "exit", child: n })) },
  );
}

function silentCall(pages: number, devices: number): Arbitrary<ModelCall> {
  const dev = fc.nat({ max: devices - 1 });
  const on = fc.tuple(dev, anyRange(pages)).map(([d, range]) => ({ dev: d, ...range }));
  const ranged = ["device_read", "snapshot", "migrate_to_device", "migrate_to_device", "migrate_to_system", "make_exclusive"] as const;
  return fc.oneof(
    { weight: 6, arbitrary: fc.tuple(fc.constantFrom(...ranged), on).map(([op, range]): ModelCall => ({ op, ...range })) },
    {
      weight: 1,
      arbitrary: fc.tuple(fc.constantFrom("open" as const, "close" as const), dev).map(([op, d]): ModelCall => ({ op, dev: d })),
    },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.constantFrom("check_exclusive" as const, "duplicate" as const), on)
        .map(([op, r]): ModelCall => ({ op, ...r })),
    },
  );
}
