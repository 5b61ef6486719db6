import { describe, expect, it } from "vitest";
import { enabledSteps, step } from "../../model/index.ts";
import type { Action, Core, DeviceKind, DriverName, ModelCall } from "../../spec/vocabulary.ts";
import { audit } from "./audit.ts";
import { auditDevmem, COHERENT, devmem, driver, PMEM, PRIVATE } from "./devmem-support.ts";
import { calls } from "./support.ts";
import type { System } from "./support.ts";

const PAGES = 3;
const ACTIONS = 250;
const WALKS = 16;

/** Numbers below `n`, the same ones for the same seed. */
function numbers(seed: number): (n: number) => number {
  let x = Math.imul(seed + 1, 2654435761) >>> 0;
  return (n) => {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    return Math.floor((x / 2 ** 32) * n);
  };
}

function anyCall(below: (n: number) => number): ModelCall {
  const page = below(PAGES);
  const npages = 1 + below(PAGES - page);
  const dev = below(2);
  const flags = [PRIVATE, PRIVATE, COHERENT, PMEM][below(4)] ?? PRIVATE;
  const seldom = [
    () => calls.mremap(page, npages, below(PAGES - npages + 1)),
    () => calls.mmap(page, npages, "rw", below(4) ? "private" : "shared"),
    () => calls.mprotect(page, npages, below(2) ? "rw" : "r"),
    () => calls.madvise(page, npages, below(2) ? "dontneed" : "pageout"),
    () => calls.exit(1 + below(2)),
    () => calls.close(dev),
    () => calls.exclusive(dev, page, npages),
    () => driver.remove(dev, below(3)),
    () => driver.release(dev),
    () => driver.newDevice,
    () => driver.put(below(2)),
    () => driver.add(dev, 1, flags, { minor: below(2) }),
  ];
  const often = [
    () => calls.write(page, 1 + below(9)),
    () => calls.write(page, 1 + below(9)),
    () => calls.read(page),
    () => calls.devRead(dev, page, npages),
    () => calls.devWrite(dev, page, npages, 20 + below(9)),
    () => calls.toDevice(dev, page, npages),
    () => calls.toDevice(dev, page, npages),
    () => calls.toSystem(dev, page, npages),
    () => calls.fork(1 + below(2)),
    () => driver.add(dev, 1 + below(3), flags),
    () => driver.duplicate(dev, page, npages),
    () => driver.duplicate(dev, page, npages),
  ];
  const any = below(4) === 0 ? seldom : often;
  return any[below(any.length)]?.() ?? calls.read(page);
}

function anyAction(s: System, below: (n: number) => number): Action | null {
  const busy = s.state.tasks.length;
  const wanted = below(100);
  if (wanted < 12 ? busy < 3 : busy === 0 && wanted < 90) {
    const living = s.state.actors.flatMap((actor, n) => (actor?.alive ? [n] : []));
    return { type: "call", actor: living[below(living.length)] ?? 0, call: anyCall(below) };
  }
  const failures = below(8) === 0;
  const steps = enabledSteps(s.state).filter((a) => failures || a.type !== "step" || !/^(?:no-memory|error|busy)$/.test(a.choice));
  if (wanted < 92) return steps[below(steps.length)] ?? null;
  const types = ["pin", "unpin", "get", "put", "reclaim", "move", "wrong_put"] as const;
  return { type: types[below(types.length)] ?? "get", pfn: below(s.state.frames.length) };
}

/** Takes random actions and expects that nothing is wrong in any state. */
function expectWalk(s: System, seed: number): void {
  const below = numbers(seed);
  const taken: string[] = [];
  s.mmap(0, PAGES);
  for (let n = 0; n < ACTIONS; n++) {
    const action = anyAction(s, below);
    if (action === null) continue;
    const { state, outcome } = step(s.state, action);
    if (outcome.kind === "disabled") continue;
    s.state = state;
    taken.push(JSON.stringify(action));
    const bad = [...audit(state), ...auditDevmem(state)];
    expect(bad, `seed ${seed}:\n${taken.slice(-40).join("\n")}`).toEqual([]);
  }
}

const SYSTEMS: readonly (readonly [Core, DriverName, readonly DeviceKind[]])[] = [
  ["v14", "ideal", ["private", "private"]],
  ["linux-6.1", "ideal", ["private", "coherent"]],
  ["linux-6.12", "ideal", ["private", "private"]],
  ["linux-6.1", "dmirror-fixed", ["private", "coherent"]],
];

describe.each(SYSTEMS)("%s, %s", (core, name, devices) => {
  it("[MEM-9, MEM-14, MEM-27, MEM-29] hold in every state of random walks, with replicas also [DUP-2, DUP-3, DUP-5]", () => {
    for (let seed = 0; seed < WALKS; seed++) {
      const s = devmem({
        core,
        driver: name,
        devices,
        pages: PAGES,
        deviceFrames: 2,
        physicalPages: 4,
        switches: { readDuplication: seed % 2 === 0 },
      });
      expectWalk(s, seed);
    }
  });
});
