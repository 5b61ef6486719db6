/** Equal states are equal words: a device call that has left nothing behind has left no word behind. */
import { expect, it } from "vitest";
import { implSystem } from "../../impl/index.ts";
import { setupOf } from "../../check/setup.ts";
import type { System } from "../../spec/system.ts";
import { TAKEN } from "../../spec/system.ts";
import type { Core, ModelCall } from "../../spec/vocabulary.ts";
import { mapped, on, store } from "./device-support.ts";

function ready(core: Core): System {
  const config = { pages: 3, page_bytes: 4096, devices: [{ kind: "private" as const }] };
  return implSystem(setupOf({ core, driver: "ideal", switches: {}, config, bounds: { deviceFrames: 2, physicalPages: 2 } }));
}

/** Carries a call out alone; the first choice is taken everywhere. */
function call(system: System, what: ModelCall): void {
  const words = new Int32Array(64);
  expect(system.apply({ type: "call", actor: 0, call: what }).kind).toBe("running");
  do expect(system.steps(words)).toBeGreaterThanOrEqual(1);
  while (system.take(words[0] ?? 0) !== TAKEN.returned);
}

const words = (system: System): number[] => [...(system.save() as Int32Array)];

it.each(["v14", "linux-6.1"] as const)("calls that change nothing: %s", (core) => {
  const system = ready(core);
  for (const first of [mapped(0, 2), store(0, 1), on("device_read", 0, 2), on("make_exclusive", 0), on("device_read", 0, 2)])
    call(system, first);
  const before = words(system);
  const refused: readonly ModelCall[] = [
    on("device_read", 2),
    on("snapshot", 0, 3),
    on("make_exclusive", 2),
    on("make_exclusive", 0, 0),
    on("duplicate", 0),
    { op: "devmem_add", dev: 0, npages: 3, flags: ["device", "allow_migrate", "unaddressable"] },
    { op: "devmem_remove", dev: 0, chunk: 4 },
  ];
  for (const what of [on("device_read", 0, 2), on("snapshot", 0, 2), on("check_exclusive", 0, 2), ...refused]) {
    call(system, what);
    expect([what.op, words(system)]).toEqual([what.op, before]);
  }
});

it("memory that is added and removed again", () => {
  const system = ready("linux-6.1");
  const before = words(system);
  call(system, { op: "devmem_add", dev: 0, npages: 2, flags: ["device", "allow_migrate", "unaddressable"] });
  expect(words(system)).not.toEqual(before);
  call(system, { op: "devmem_remove", dev: 0, chunk: 1 });
  expect(words(system)).toEqual(before);
});

it("pages that were taken for exclusive use and touched by the CPU", () => {
  const system = ready("linux-6.1");
  for (const first of [mapped(0, 2), store(0, 1), store(1, 1), on("make_exclusive", 0, 2), store(0, 1), store(1, 1)]) call(system, first);
  const before = words(system);
  for (const next of [on("make_exclusive", 0, 2), store(0, 1), store(1, 1)]) call(system, next);
  const after = words(system);
  // The sequence of the subscriptions goes on, nothing else does.
  expect(after.filter((word, i) => word !== before[i]).length).toBe(2);
});
