/** Each known defect of a core or of a driver, shown by the run that brings it about, and found as that defect and nothing else. */
import { describe, expect, it } from "vitest";
import type { Defect } from "../../properties/property.ts";
import { PROPERTIES, SOMETIMES } from "../../properties/registry.ts";
import type { TestCase } from "../../properties/test-case.ts";
import { calling, on, script } from "./script.ts";
import type { Script } from "./script.ts";

const V14: Partial<TestCase> = { core: "v14", driver: "ideal" };
const DMIRROR: Partial<TestCase> = { core: "linux-6.1", driver: "dmirror" };
const FIXED: Partial<TestCase> = { core: "linux-6.12", driver: "dmirror-fixed" };
const COHERENT: Partial<TestCase> = { config: { pages: 1, page_bytes: 4096, devices: [{ kind: "coherent" }] } };
const TWO_DEVICES: Partial<TestCase> = { config: { pages: 1, page_bytes: 4096, devices: [{ kind: "private" }, { kind: "private" }] } };

interface Shown {
  readonly defect: Defect;
  readonly property: string;
  readonly scope: Partial<TestCase>;
  readonly run: (s: Script) => void;
}

/** A page that was written, on the device. */
function onDevice(s: Script): void {
  s.call(on.mmap);
  s.call(on.write);
  s.call(on.toDevice);
}

/** A device call of which `step` is next while the page is dropped. */
function dropped(s: Script, call: typeof on.exclusive | typeof on.toDevice, step: "make_exclusive.x8" | "migrate.m8_map"): void {
  s.call(on.mmap);
  s.call(on.write);
  const task = s.begin(calling(call));
  s.until(task, step);
  s.call(on.dontneed);
  s.finish(task);
}

/** A device fault that has looked at the page before a migration takes it away, and that installs it behind it. */
function late(s: Script): void {
  s.call(on.mmap);
  s.call(on.write);
  const fault = s.begin(calling(on.deviceRead));
  s.until(fault, "hmm_range_fault.d8");
  const migration = s.begin(calling(on.toDevice));
  s.until(migration, "migrate.m3");
  s.until(fault, "device_access.a1");
  s.step(fault);
}

/** v14: a range that is registered when a drop has been announced and not yet done. */
function registeredLate(s: Script): void {
  s.call(on.mmap);
  s.call(on.write);
  s.call(on.open);
  const drop = s.begin(calling(on.dontneed));
  s.until(drop, "madvise.page");
  const fault = s.begin(calling(on.deviceWrite));
  s.until(fault, "hmm_range_fault.d8");
  s.step(fault);
}

const SHOWN: readonly Shown[] = [
  {
    defect: "U1",
    property: "mirror-consistency",
    scope: FIXED,
    run(s) {
      s.call(on.mmap);
      s.call(on.deviceWrite);
      s.until(s.begin(calling(on.toDevice)), "migrate.m3");
    },
  },
  {
    defect: "U1",
    property: "no-stale-access",
    scope: FIXED,
    run(s) {
      s.call(on.mmap);
      s.call(on.deviceWrite);
      s.until(s.begin(calling(on.toDevice)), "migrate.m8");
      const write = s.begin(calling(on.deviceWrite));
      s.until(write, "device_access.a1");
      s.step(write);
    },
  },
  { defect: "U2", property: "mirror-consistency", scope: FIXED, run: late },
  { defect: "U2", property: "no-stale-access", scope: FIXED, run: late },
  {
    defect: "U3",
    property: "un-addressability",
    scope: DMIRROR,
    run(s) {
      onDevice(s);
      s.call(on.readOnly);
      s.call(on.deviceRead);
    },
  },
  {
    defect: "U3",
    property: "no-crash",
    scope: DMIRROR,
    run(s) {
      onDevice(s);
      s.call(on.readOnly);
      s.call(on.deviceRead);
    },
  },
  {
    defect: "U4",
    property: "no-crash",
    scope: FIXED,
    run(s) {
      s.call(on.fork);
      s.call(on.open, 1);
      s.call({ op: "fork", child: 2, files: "inherit" }, 1);
      s.call(on.exit);
      s.call(on.deviceRead, 2);
    },
  },
  { defect: "U6", property: "mirror-consistency", scope: FIXED, run: (s) => dropped(s, on.exclusive, "make_exclusive.x8") },
  { defect: "U6", property: "no-stale-access", scope: FIXED, run: (s) => dropped(s, on.exclusive, "make_exclusive.x8") },
  {
    defect: "U6",
    property: "no-entry-after-callback",
    scope: FIXED,
    run(s) {
      s.call(on.mmap);
      const taking = s.begin(calling(on.exclusive));
      s.until(taking, "make_exclusive.x8");
      s.until(s.begin(calling(on.dontneed)), "madvise.page");
      s.step(taking);
    },
  },
  { defect: "U7", property: "mirror-consistency", scope: FIXED, run: (s) => dropped(s, on.toDevice, "migrate.m8_map") },
  { defect: "U7", property: "no-stale-access", scope: FIXED, run: (s) => dropped(s, on.toDevice, "migrate.m8_map") },
  {
    defect: "U7",
    property: "no-entry-after-callback",
    scope: FIXED,
    run(s) {
      s.call(on.mmap);
      s.call(on.write);
      const moving = s.begin(calling(on.toDevice));
      s.until(moving, "migrate.m8_map");
      s.until(s.begin(calling(on.dontneed)), "madvise.page");
      s.step(moving);
    },
  },
  { defect: "T5", property: "no-entry-after-callback", scope: V14, run: registeredLate },
  {
    defect: "T5",
    property: "no-stale-access",
    scope: V14,
    run(s) {
      registeredLate(s);
      s.finish(0);
      s.finish(1);
    },
  },
  {
    defect: "T5",
    property: "mirror-consistency",
    scope: V14,
    run(s) {
      registeredLate(s);
      s.finish(0);
    },
  },
  {
    defect: "B1",
    property: "fault-holds-frame",
    scope: V14,
    run(s) {
      onDevice(s);
      const fault = s.begin(calling(on.read));
      s.until(fault, "handle_mm_fault.c6");
      s.call(on.toSystem);
      s.call(on.toDevice);
      s.call(on.toSystem);
      s.step(fault);
    },
  },
  {
    defect: "MEM-46",
    property: "announced-downgrades",
    scope: COHERENT,
    run(s) {
      onDevice(s);
      s.call(on.exclusive);
      s.call(on.close);
    },
  },
  {
    defect: "MEM-46",
    property: "exclusivity",
    scope: { config: { pages: 1, page_bytes: 4096, devices: [{ kind: "coherent" }, { kind: "coherent" }] } },
    run(s) {
      onDevice(s);
      s.call({ ...on.exclusive, dev: 1 });
      s.call(on.close);
    },
  },
  {
    defect: "DMR-14",
    property: "dirty-tracking",
    scope: FIXED,
    run(s) {
      s.call(on.shared);
      s.call(on.read);
      s.call(on.deviceWrite);
    },
  },
];

describe("a known defect is found", () => {
  it.each(SHOWN)("$defect breaks $property", ({ defect, property, scope, run }) => {
    const s = script(scope);
    run(s);
    expect(s.watch.violation).toBeNull();
    expect(s.watch.findings.filter((found) => found.property === property).map((found) => found.defect)).toEqual([defect]);
  });

  it("all that are listed with the properties are among these or among their like", () => {
    const listed = PROPERTIES.flatMap((p) => (p.kind === "sometimes" ? [] : (p.known ?? []).map(({ defect }) => defect)));
    expect([...new Set(listed)].toSorted()).toEqual([...new Set(SHOWN.map(({ defect }) => defect))].toSorted());
  });
});

interface Met {
  readonly id: string;
  readonly scope: Partial<TestCase>;
  readonly run: (s: Script) => void;
}

const RARE: readonly Met[] = [
  {
    id: "removal-with-pages-in-use",
    scope: { core: "v14" },
    run(s) {
      onDevice(s);
      s.until(s.begin(calling({ op: "devmem_release", dev: 0 })), "remove_chunk.e7");
    },
  },
  {
    id: "gone-mirror-faulted",
    scope: {},
    run(s) {
      s.call(on.fork);
      s.call(on.open, 1);
      s.call({ op: "fork", child: 2, files: "inherit" }, 1);
      s.call(on.exit);
      expect(s.call(on.deviceRead, 2)).toEqual({ status: "errno", errno: "EFAULT" });
    },
  },
  {
    id: "swap-slot-shared",
    scope: {},
    run(s) {
      s.call(on.mmap);
      s.call(on.write);
      const pfn = s.system.view.pte(0, 0) >>> 8;
      s.finish(s.begin({ type: "reclaim", pfn }), "swap");
      s.call(on.fork);
    },
  },
  {
    id: "clean-page-in-swap-cache",
    scope: {},
    run(s) {
      s.call(on.mmap);
      s.call(on.write);
      s.finish(s.begin({ type: "reclaim", pfn: s.system.view.pte(0, 0) >>> 8 }), "swap");
      s.call(on.read);
    },
  },
  {
    id: "memory-object-shared",
    scope: {},
    run(s) {
      s.call(on.shared);
      s.call(on.fork);
      s.call(on.write);
      s.call(on.read, 1);
    },
  },
  {
    id: "replica-reachable",
    scope: { switches: { readDuplication: true } },
    run(s) {
      s.call(on.mmap);
      s.call(on.write);
      s.call(on.duplicate);
    },
  },
  {
    id: "pinned-page-forked",
    scope: {},
    run(s) {
      s.call(on.mmap);
      s.call(on.write);
      s.act({ type: "pin", pfn: s.system.view.pte(0, 0) >>> 8 });
      s.call(on.fork);
    },
  },
  {
    id: "device-meets-private-page-of-another",
    scope: TWO_DEVICES,
    run(s) {
      onDevice(s);
      s.call({ ...on.deviceRead, dev: 1 });
    },
  },
  {
    id: "overlapping-notifications",
    scope: {},
    run(s) {
      s.call(on.mmap);
      s.until(s.begin(calling(on.dontneed)), "madvise.page");
      s.until(s.begin(calling(on.dontneed)), "madvise.page");
    },
  },
];

describe("what is rare is met", () => {
  it.each(RARE)("$id", ({ id, scope, run }) => {
    const s = script(scope);
    run(s);
    expect(s.watch.violation).toBeNull();
    expect(s.watch.met).toContain(id);
    expect(SOMETIMES.map((property) => property.id)).toContain(id);
  });
});
