import { describe, expect, it } from "vitest";
import { lockstep } from "../../check/lockstep.ts";
import type { Lockstep } from "../../check/lockstep.ts";
import { modelSystem } from "../../check/model-system.ts";
import { setupOf } from "../../check/setup.ts";
import { implSystem } from "../../impl/index.ts";
import type { Action, Core, ModelCall } from "../../spec/vocabulary.ts";
import { CHOICES, FRAME, PTE, STEP, ptePayload } from "../../spec/words.ts";
import type { StepName } from "../../spec/words.ts";

const STEPS_MAX = 1000;
const SWAP = CHOICES.indexOf("swap");

/** Model and implementation, whose tasks are moved one by one. Each step throws where they differ. */
class Races {
  readonly pair: Lockstep;
  private readonly words = new Int32Array(64);

  constructor(core: Core = "linux-6.1") {
    const setup = setupOf({
      core,
      driver: "ideal",
      switches: {},
      config: { pages: 6, page_bytes: 4096, devices: [{ kind: "private" }] },
      bounds: { deviceFrames: 4, physicalPages: 0 },
    });
    this.pair = lockstep(modelSystem(setup), implSystem(setup));
  }

  private agree(): void {
    const difference = this.pair.difference();
    if (difference !== null) throw new Error(difference.text);
  }

  private begin(action: Action): number {
    const { view } = this.pair;
    let task = 0;
    while (view.taskLive(task) === 1) task++;
    this.pair.apply(action);
    this.agree();
    return task;
  }

  /** Begins a call, and answers its task. */
  call(actor: number, call: ModelCall): number {
    return this.begin({ type: "call", actor, call });
  }

  /** Pins a page. */
  pin(pfn: number): void {
    this.pair.apply({ type: "pin", pfn });
    this.agree();
  }

  /** Begins to reclaim a page. */
  reclaim(pfn: number): number {
    return this.begin({ type: "reclaim", pfn });
  }

  /** Whether a task can take a step. */
  ready(task: number): boolean {
    return this.next(task) >= 0;
  }

  private next(task: number): number {
    const mine = [...this.words.subarray(0, this.pair.steps(this.words))].filter((word) => word >> 8 === task);
    return mine.find((word) => (word & 0xff) === SWAP) ?? mine[0] ?? -1;
  }

  /** Moves a task to a step of its innermost operation, with swap space and without trouble; without a step to its end. */
  run(task: number, to?: StepName): void {
    const { view } = this.pair;
    for (let n = 0; n < STEPS_MAX; n++) {
      if (to !== undefined && view.taskStep(task, view.taskDepth(task) - 1) === STEP[to]) return;
      const word = this.next(task);
      if (word < 0) throw new Error(`task ${task} waits`);
      const returned = this.pair.take(word) === 1;
      this.agree();
      if (returned && to === undefined) return;
    }
    throw new Error(`task ${task} does not come to ${to ?? "its end"}`);
  }

  /** A call from its beginning to its end. */
  whole(actor: number, call: ModelCall): void {
    this.run(this.call(actor, call));
  }

  /** An entry of a process. */
  pte(actor: number, page: number): number {
    const { view } = this.pair;
    return view.pte(view.actorMm(actor), page);
  }

  pfn(actor: number, page: number): number {
    return ptePayload(this.pte(actor, page));
  }
}

const on = (page: number, npages: number): { page: number; npages: number } => ({ page, npages });

describe("mappings that munmap has taken out and not emptied yet", () => {
  it("keep shared memory while another process unmaps something", () => {
    const p = new Races();
    p.whole(0, { op: "mmap", ...on(4, 1), prot: "rw", map: "private" });
    p.whole(0, { op: "fork", child: 1 });
    p.whole(0, { op: "mmap", ...on(0, 2), prot: "rw", map: "shared" });
    p.whole(0, { op: "cpu_write", page: 1, value: 5 });
    const unmapping = p.call(0, { op: "munmap", ...on(0, 2) });
    p.run(unmapping, "do_munmap.zap");
    p.whole(1, { op: "munmap", ...on(4, 1) });
    expect(p.pair.view.shmemPages(0)).toBe(2);
    p.run(unmapping);
    expect(p.pair.view.shmemPages(0)).toBe(0);
  });

  it("keep their anon_vma while another process unmaps something", () => {
    const p = new Races();
    p.whole(0, { op: "mmap", ...on(4, 1), prot: "rw", map: "private" });
    p.whole(0, { op: "fork", child: 1 });
    p.whole(0, { op: "mmap", ...on(0, 2), prot: "rw", map: "private" });
    p.whole(0, { op: "cpu_write", page: 1, value: 5 });
    const unmapping = p.call(0, { op: "munmap", ...on(0, 2) });
    p.run(unmapping, "do_munmap.zap");
    p.whole(1, { op: "munmap", ...on(4, 1) });
    expect(p.pair.view.anonParent(0)).toBe(0);
    p.run(unmapping);
    expect(p.pair.view.anonParent(0)).toBe(-1);
  });

  it("are found by the reverse map: the mapping itself, and the copy of a child", () => {
    for (const forked of [false, true]) {
      const p = new Races();
      p.whole(0, { op: "mmap", ...on(0, 2), prot: "rw", map: "private" });
      p.whole(0, { op: "cpu_write", page: 1, value: 5 });
      if (forked) p.whole(0, { op: "fork", child: 1 });
      const pfn = p.pfn(0, 1);
      const unmapping = p.call(0, { op: "munmap", ...on(0, 2) });
      p.run(unmapping, "do_munmap.zap");
      p.run(p.reclaim(pfn));
      expect(p.pair.view.slotUsers(0)).toBe(forked ? 2 : 1);
      p.run(unmapping);
      expect(p.pair.view.slotUsers(0)).toBe(forked ? 1 : 0);
    }
  });
});

describe("files and address spaces that are given up", () => {
  it("[MIR-9] a file is released when the calls on it have ended", () => {
    const p = new Races();
    p.whole(0, { op: "mmap", ...on(0, 2), prot: "rw", map: "private" });
    const write = p.call(0, { op: "device_write", dev: 0, ...on(0, 1), value: 200 });
    p.run(write, "device_access.lock");
    const close = p.call(0, { op: "close", dev: 0 });
    p.run(close, "close.fput");
    expect(p.ready(close)).toBe(false);
    p.run(write);
    expect(p.ready(close)).toBe(true);
    p.run(close);
    expect(p.pair.view.fileInterval(0)).toBe(0);
  });

  it("an address space that a file still mirrors is not used again", () => {
    const p = new Races();
    p.whole(0, { op: "fork", child: 1 });
    p.whole(1, { op: "open", dev: 0 });
    const exit = p.call(0, { op: "exit", child: 1 });
    p.run(exit, "exit.fput");
    p.whole(0, { op: "fork", child: 2 });
    expect(p.pair.view.actorMm(2)).toBe(2);
    p.run(exit);
    p.whole(0, { op: "fork", child: 3 });
    expect(p.pair.view.actorMm(3)).toBe(1);
  });

  it("[MIR-8] struct hmm goes with its address space", () => {
    const p = new Races("v14");
    p.whole(0, { op: "fork", child: 1 });
    p.whole(1, { op: "open", dev: 0 });
    expect(p.pair.view.mmHmm(1)).toBe(1);
    p.whole(0, { op: "exit", child: 1 });
    expect(p.pair.view.mmHmm(1)).toBe(0);
  });

  it("a mapping of the device's own file keeps it open", () => {
    const p = new Races();
    p.whole(0, { op: "mmap", ...on(0, 1), prot: "rw", map: "device" });
    p.whole(0, { op: "close", dev: 0 });
    expect(p.pair.view.fileInterval(0)).toBe(2);
    p.whole(0, { op: "munmap", ...on(0, 1) });
    expect(p.pair.view.fileInterval(0)).toBe(0);
  });

  it("a closed file keeps its number while a page on the device names it", () => {
    const p = new Races("v14");
    p.whole(0, { op: "mmap", ...on(0, 1), prot: "rw", map: "private" });
    p.whole(0, { op: "cpu_write", page: 0, value: 5 });
    p.whole(0, { op: "migrate_to_device", dev: 0, ...on(0, 1) });
    p.whole(0, { op: "close", dev: 0 });
    p.whole(0, { op: "open", dev: 0 });
    expect(p.pair.view.actorFile(0, 0)).toBe(1);
    p.whole(0, { op: "cpu_read", page: 0 });
    p.whole(0, { op: "close", dev: 0 });
    p.whole(0, { op: "open", dev: 0 });
    expect(p.pair.view.actorFile(0, 0)).toBe(0);
  });
});

describe("what fork and madvise make of single pages", () => {
  const mapped = (): Races => {
    const p = new Races();
    p.whole(0, { op: "mmap", ...on(0, 2), prot: "rw", map: "private" });
    p.whole(0, { op: "cpu_write", page: 0, value: 5 });
    return p;
  };

  it("[FRK-6] the child's copy of a pinned page allows what its mapping allows", () => {
    for (const prot of ["rw", "r"] as const) {
      const p = mapped();
      p.pin(p.pfn(0, 0));
      p.whole(0, { op: "mprotect", ...on(0, 2), prot });
      p.whole(0, { op: "fork", child: 1 });
      expect(p.pfn(1, 0)).not.toBe(p.pfn(0, 0));
      expect(p.pte(1, 0) & (PTE.write | PTE.dirty)).toBe(prot === "rw" ? PTE.write | PTE.dirty : PTE.dirty);
    }
  });

  it("[FRK-3] the child's entries of the device's own file are clean", () => {
    const p = new Races();
    p.whole(0, { op: "mmap", ...on(0, 2), prot: "rw", map: "device" });
    p.whole(0, { op: "cpu_write", page: 0, value: 5 });
    p.whole(0, { op: "fork", child: 1 });
    expect(p.pfn(1, 0)).toBe(p.pfn(0, 0));
    expect([0, 1].map((page) => p.pte(1, page) & PTE.dirty)).toEqual([0, 0]);
    expect(p.pte(0, 0) & PTE.dirty).toBe(PTE.dirty);
  });

  it("[RCL-1] MADV_FREE cleans a clean page also where a child maps it", () => {
    const p = mapped();
    p.whole(0, { op: "fork", child: 1 });
    p.whole(0, { op: "madvise", ...on(0, 2), advice: "free" });
    expect(p.pair.view.frame(p.pfn(0, 0)) & FRAME.swap_backed).toBe(0);
    expect(p.pte(0, 0) & PTE.dirty).toBe(0);
  });

  it("[RCL-1] MADV_FREE drops a swap entry", () => {
    const p = mapped();
    p.run(p.reclaim(p.pfn(0, 0)));
    expect(p.pair.view.slotUsers(0)).toBe(1);
    p.whole(0, { op: "madvise", ...on(0, 2), advice: "free" });
    expect([p.pte(0, 0), p.pair.view.slotUsers(0)]).toEqual([0, 0]);
  });
});
