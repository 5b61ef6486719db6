import { describe, expect, it } from "vitest";
import { profile } from "../../model/index.ts";
import { Arena } from "../../impl/arena.ts";
import { BUS_ERROR, cpuLoad, cpuStore, onBus } from "../../impl/device/memory.ts";
import { allocDevice, allocSystem, setContents } from "../../impl/frames.ts";
import { beginCpuAccess, cpuAccessSteps } from "../../impl/ops/cpu-access.ts";
import { implSystem } from "../../impl/index.ts";
import { topRecord } from "../../impl/tasks.ts";
import type { DeviceKind } from "../../spec/vocabulary.ts";
import { PTE } from "../../spec/words.ts";

const setupFor = (kind: DeviceKind) => ({
  profile: profile("linux-6.1", "ideal"),
  config: { pages: 2, page_bytes: 4096, devices: [{ kind }] },
  bounds: { deviceFrames: 2, physicalPages: 2 },
});

/** A state with two mapped pages, and a present entry of a frame of device 0 in the first. */
function present(kind: DeviceKind): { h: Arena; pfn: number } {
  const setup = setupFor(kind);
  const system = implSystem(setup);
  system.run(0, { op: "mmap", page: 0, npages: 2, prot: "rw", map: "private" });
  const h = new Arena(setup);
  h.words.set(system.save() as Int32Array);
  const pfn = allocDevice(h, 0, 0);
  setContents(h, pfn, 8 | (8 << 9));
  h.pt.set(0, 0, PTE.present | PTE.write | (pfn << PTE.payload_shift));
  return { h, pfn };
}

describe("the CPU's way to memory", () => {
  it("[MEM-27] is a bus error for device-private memory, and touches no word of it", () => {
    const { h, pfn } = present("private");
    const before = h.words.slice();
    expect(onBus(h, pfn)).toBe(false);
    expect(cpuLoad(h, pfn)).toBe(BUS_ERROR);
    expect(cpuStore(h, pfn, 1)).toBe(false);
    expect(h.words).toEqual(before);
  });

  it("[MEM-27] ends a load or store through a present entry of such memory with SIGBUS", () => {
    for (const call of [{ op: "cpu_read", page: 0 } as const, { op: "cpu_write", page: 0, value: 3 } as const]) {
      const { h } = present("private");
      const before = h.frame.slice();
      beginCpuAccess(h, 0, call);
      cpuAccessSteps["access"]?.apply(h, 0, topRecord(h, 0), 0);
      expect(h.answer()).toEqual({ status: "signal", signal: "SIGBUS" });
      expect(h.frame).toEqual(before);
    }
  });

  it("[MEM-37] reaches coherent device memory", () => {
    const { h, pfn } = present("coherent");
    expect(cpuLoad(h, pfn)).toBe(7);
    expect(cpuStore(h, pfn, 9)).toBe(true);
    expect(cpuLoad(h, pfn)).toBe(9);
  });

  it("reaches system memory, writes the first byte only, and knows what nobody can know", () => {
    const { h } = present("private");
    const pfn = allocSystem(h);
    expect(cpuLoad(h, pfn)).toBe(0);
    expect(cpuStore(h, pfn, 255)).toBe(true);
    expect(cpuLoad(h, pfn)).toBe(255);
    setContents(h, pfn, 0);
    expect(cpuLoad(h, pfn)).toBe(-1);
    expect(cpuStore(h, pfn, 0)).toBe(true);
    expect(cpuLoad(h, pfn)).toBe(0);
  });

  it("is a bus error where no memory is", () => {
    const { h } = present("private");
    expect(onBus(h, h.windowFirst)).toBe(false);
    expect(cpuLoad(h, h.windowFirst)).toBe(BUS_ERROR);
    expect(cpuStore(h, h.windowFirst, 1)).toBe(false);
  });
});
