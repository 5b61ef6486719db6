/** Random runs of devices beside CPU tasks, interleaved step by step, with every state looked at. A seed stands for one run. */
import { randomStream } from "../../check/random.ts";
import type { RandomStream } from "../../check/random.ts";
import { COMMAND_STATE, commandRow, isInFlight } from "../../impl/device/command.ts";
import { COMMAND, ENGINE, F, FB, FILE, G, R, TASK } from "../../impl/layout.ts";
import type { DeviceCommand } from "../../impl/device/queue.ts";
import type { ModelCall, Ret } from "../../spec/vocabulary.ts";
import { STEP } from "../../spec/words.ts";
import { rig, stateFault } from "./engine-run.ts";
import type { Kind, Rig } from "./engine-run.ts";
import { Shadow } from "./engine-shadow.ts";

/** How a run goes. */
export interface Walk extends Kind {
  readonly seed: number;
  readonly steps: number;
  /** Calls that the process may make; commands of devices are always submitted. */
  readonly calls: readonly ModelCall["op"][];
  /** Whether memory is compared with what it should hold: only where no call copies or moves address spaces. */
  readonly values: boolean;
  /** Whether devices may keep an entry of a page that is gone: v14 does not see an invalidation that began before its walk. */
  readonly stale?: boolean;
}

/** What a run came across, by name. */
export type Met = Record<string, number>;

const TASKS_MAX = 3;

function callOf(op: ModelCall["op"], h: Rig["h"], random: RandomStream): ModelCall | null {
  const page = random.below(h.pages);
  const range = { page, npages: 1 + random.below(h.pages - page) };
  const dev = random.below(h.devices);
  switch (op) {
    case "mmap":
      return { op, ...range, prot: random.below(8) === 0 ? "r" : "rw", map: "private" };
    case "munmap":
      return { op, ...range };
    case "mprotect":
      return { op, ...range, prot: random.below(2) === 0 ? "r" : "rw" };
    case "madvise":
      return { op, ...range, advice: (["dontneed", "pageout", "populate_w"] as const)[random.below(3)]! };
    case "cpu_read":
      return { op, page };
    case "cpu_write":
      return { op, page, value: random.below(256) };
    case "device_write":
      return { op, ...range, dev, value: random.below(256) };
    case "device_read":
    case "migrate_to_device":
    case "migrate_to_system":
    case "make_exclusive":
      return { op, ...range, dev };
    case "open":
    case "close":
      return { op, dev };
    case "fork":
      return { op, child: 1, ...(random.below(2) === 0 ? { files: "inherit" as const } : {}) };
    case "exit":
      return { op, child: 1 };
    case "devmem_add":
      return {
        op,
        dev,
        npages: 1 + random.below(2),
        flags: h.setup.config.devices[dev]!.kind === "private" ? ["device", "allow_migrate", "unaddressable"] : ["device", "allow_migrate"],
      };
    case "devmem_remove":
      return { op, dev, chunk: random.below(3) };
    default:
      return null;
  }
}

function commandOf(h: Rig["h"], random: RandomStream): DeviceCommand {
  const page = random.below(h.pages);
  const value = random.below(256);
  switch (random.below(8)) {
    case 0:
    case 1:
      return { op: "read", page };
    case 2:
    case 3:
      return { op: "write", page, value };
    case 4:
    case 5:
      return { op: "atomic_add", page, value };
    case 6:
      return { op: "copy", page, to: random.below(h.pages), npages: 1 + random.below(2) };
    default:
      return { op: "fence" };
  }
}

/** Pages that a call throws away. */
const throwsAway = (call: ModelCall): { page: number; npages: number } | null =>
  call.op === "munmap" || call.op === "mmap" || (call.op === "madvise" && call.advice === "dontneed") ? call : null;

/** One run in progress. */
class Run {
  readonly met: Met = {};
  private readonly r: Rig;
  private readonly random: RandomStream;
  private readonly walk: Walk;
  private readonly shadow: Shadow | null;
  private readonly words = new Int32Array(1024);
  private readonly running = new Map<number, ModelCall>();
  private readonly order = new Map<number, number>();
  private submitted = 0;

  constructor(walk: Walk) {
    this.walk = walk;
    this.r = rig(walk);
    this.random = randomStream(walk.seed);
    const { system } = this.r.d;
    system.run(0, { op: "mmap", page: 0, npages: this.r.h.pages, prot: "rw", map: "private" });
    for (let dev = 0; dev < this.r.h.devices; dev++) system.run(0, { op: "open", dev });
    this.shadow = walk.values ? new Shadow(this.r) : null;
    this.shadow?.throwAway(0, this.r.h.pages);
    this.shadow?.thrownAway(0, this.r.h.pages);
  }

  meet(name: string): void {
    this.met[name] = (this.met[name] ?? 0) + 1;
  }

  go(): Met {
    for (let n = 0; n < this.walk.steps; n++) {
      const roll = this.random.below(64);
      if (roll < 4) this.call();
      else if (roll < 10) this.submit();
      else if (roll < 15) this.complete();
      else if (roll < 16) this.environment();
      else this.step();
      this.look();
    }
    this.calm();
    if (this.shadow !== null) for (const [who, n] of Object.entries(this.shadow.count)) this.met[who] = n;
    return this.met;
  }

  private call(): void {
    if (this.running.size >= TASKS_MAX) return;
    const { d, h } = this.r;
    const call = callOf(this.walk.calls[this.random.below(this.walk.calls.length)]!, h, this.random);
    const actor = d.system.view.actorMm(1) >= 0 ? this.random.below(2) : 0;
    if (call === null || (call.op === "exit" && actor === 1)) return;
    let t = 0;
    while (h.task[t * h.taskWords + TASK.live] !== 0) t++;
    if (d.system.apply({ type: "call", actor, call }).kind === "disabled") return;
    this.running.set(t, call);
    const away = throwsAway(call);
    if (away !== null) this.shadow?.throwAway(away.page, away.npages);
  }

  private submit(): void {
    const { h, d } = this.r;
    const actor = d.system.view.actorMm(1) >= 0 ? this.random.below(2) : 0;
    const dev = this.random.below(h.devices);
    const before = d.queued(dev);
    const got = d.submit(actor, dev, commandOf(h, this.random));
    this.meet(`submit: ${got.kind}`);
    if (got.kind === "queued") this.order.set(commandRow(h, dev, got.ticket), this.submitted++);
    if (got.kind === "full" && before !== h.capacity.commands) throw new Error(`device ${dev} is full with ${before} commands`);
    if (got.kind !== "queued" && d.queued(dev) !== before) throw new Error(`device ${dev} has taken a command that it refused`);
  }

  private complete(): void {
    const { d, h } = this.r;
    const done = d.completed(this.random.below(h.devices));
    if (done !== null) this.meet(`${done.op}: ${outcome(done.ret)}`);
  }

  private environment(): void {
    const { h, d } = this.r;
    const pfn = this.random.below(h.global[G.frames]!);
    const type = (["reclaim", "pin", "unpin", "unpin", "move"] as const)[this.random.below(5)]!;
    let t = 0;
    while (t < h.capacity.tasks && h.task[t * h.taskWords + TASK.live] !== 0) t++;
    const begins = type === "reclaim" || type === "move";
    if (begins && this.running.size >= TASKS_MAX) return;
    if (d.system.apply({ type, pfn }).kind === "disabled") return;
    if (begins) this.running.set(t, { op: "open", dev: 0 });
  }

  private step(): void {
    const { d } = this.r;
    const devices = d.steps(this.words);
    const tasks = d.system.steps(this.words.subarray(devices));
    if (devices + tasks === 0) return;
    const n = this.random.below(devices + tasks);
    const word = this.words[n]!;
    if (n < devices) this.stepDevice(word);
    else this.stepTask(word);
  }

  private stepDevice(word: number): void {
    const { h, d } = this.r;
    const name = d
      .nameOf(word)
      .replace(/device \d+: /, "")
      .replace(/ \(.*/, "");
    this.meet(`step: ${name}`);
    const dev = word >>> 16;
    const unit = (word >>> 8) & 255;
    if (name === "fetch") this.checkOrder(dev, unit);
    const c = unit === 255 ? -1 : commandRow(h, dev, unit);
    if (this.shadow) this.shadow.takeDevice(word);
    else d.take(word);
    if (c >= 0 && name === "walk") this.meet(h.command[c + COMMAND.state] === COMMAND_STATE.parked ? "walk: parked" : "walk: found");
    if (c >= 0 && name === "translate")
      this.meet(h.command[c + COMMAND.state] === COMMAND_STATE.missed ? "translate: miss" : "translate: hit");
  }

  private stepTask(word: number): void {
    const t = word >>> 8;
    const { d, h } = this.r;
    const { view } = d.system;
    const worker = this.workerOf(t);
    const before = worker < 0 ? -1 : worker;
    let ret: Ret | null = null;
    if (this.shadow) ret = this.shadow.takeTask(word);
    else if (d.system.take(word) === 1) ret = d.system.answer();
    if (view.taskLive(t) === 1) return;
    if (before >= 0) this.meet(`worker: ${h.command[before + COMMAND.state] === COMMAND_STATE.fetched ? "replay" : "error"}`);
    this.ended(t, ret);
  }

  /** The row of the command that a task is a fault worker's for, or -1. */
  private workerOf(t: number): number {
    const { h } = this.r;
    for (let dev = 0; dev < h.devices; dev++)
      if (h.engine[dev * h.engineWords + ENGINE.task] === t + 1)
        return commandRow(h, dev, h.engine[dev * h.engineWords + ENGINE.command]! - 1);
    return -1;
  }

  private ended(t: number, ret: Ret | null): void {
    const call = this.running.get(t);
    if (call === undefined) return;
    this.running.delete(t);
    const away = throwsAway(call);
    if (away !== null) this.shadow?.thrownAway(away.page, away.npages);
    if (ret !== null) this.meet(`${call.op}: ${ret.status}`);
    if (call.op === "munmap" && ret?.status === "ok" && call.npages > 0) this.checkUnmapped(call.page, call.npages);
  }

  /** After munmap nothing leads from a device to what was there, unless somebody maps there again. */
  private checkUnmapped(page: number, npages: number): void {
    const { h, d } = this.r;
    const { view } = d.system;
    for (let v = page; v < page + npages; v++) {
      if (view.vmaAt(0, v) >= 0) continue;
      this.meet("munmap: looked at");
      for (let file = 0; file < h.global[G.files]!; file++)
        if (h.file[file * FILE.words + FILE.mm] === 0 && h.dpt.get(file, v) !== 0)
          throw new Error(`file ${file} reaches page ${v} after munmap`);
    }
  }

  /** A command begins only when those that it must not overtake are done. */
  private checkOrder(dev: number, slot: number): void {
    const { h } = this.r;
    const c = commandRow(h, dev, slot);
    const own = this.order.get(c)!;
    for (let s = 0; s < h.capacity.commands; s++) {
      const o = commandRow(h, dev, s);
      const state = h.command[o + COMMAND.state]!;
      if (s === slot || state === COMMAND_STATE.free || state === COMMAND_STATE.done || this.order.get(o)! > own) continue;
      if (h.command[o + COMMAND.file] !== h.command[c + COMMAND.file]) continue;
      const ops = [h.command[o + COMMAND.op], h.command[c + COMMAND.op]];
      if (ops.includes(3)) throw new Error(`command ${slot} of device ${dev} begins before command ${s}, and one of them is a fence`);
      const mine = this.pagesOf(c);
      if (this.pagesOf(o).some((page) => mine.includes(page)))
        throw new Error(`command ${slot} of device ${dev} overtakes command ${s} on the same page`);
    }
    if (this.order.size > 0) this.meet("order: looked at");
  }

  private pagesOf(c: number): number[] {
    const { command } = this.r.h;
    const page = command[c + COMMAND.page]!;
    const pages: number[] = [];
    for (let i = 0; i < command[c + COMMAND.npages]!; i++)
      pages.push(page + i, command[c + COMMAND.op] === 4 ? command[c + COMMAND.to]! + i : page + i);
    return pages;
  }

  /** Looks at the state that the run has come to. */
  private look(): void {
    const { h } = this.r;
    const fault = stateFault(h, this.walk.stale);
    if (fault !== null) throw new Error(fault);
    let flying = 0;
    for (let dev = 0; dev < h.devices; dev++) {
      let waits = 0;
      for (let slot = 0; slot < h.capacity.commands; slot++) {
        const c = commandRow(h, dev, slot);
        if (isInFlight(h, c)) flying++;
        if (h.command[c + COMMAND.state] === COMMAND_STATE.missed) waits++;
      }
      if (h.engine[dev * h.engineWords + ENGINE.faults] === h.capacity.faults && waits > 0) this.meet("fault queue full");
      if (h.device[dev * 4 + 3]! > 1) this.meet("another chunk");
    }
    if (flying > 1) this.meet("two accesses in flight");
    if (flying > 0) this.lookAtCallbacks();
  }

  /** Whether a callback waits for a device now, and for nothing else. */
  private lookAtCallbacks(): void {
    const { h } = this.r;
    for (let t = 0; t < h.capacity.tasks; t++) {
      const row = t * h.taskWords;
      const r = row + TASK.records + (h.task[row + TASK.depth]! - 1) * R.words;
      if (h.task[row + TASK.live] === 0 || h.task[r + R.step] !== STEP["invalidate.i2"]) continue;
      const offered = [...this.words.subarray(0, this.r.d.system.steps(this.words))].filter((word) => word >>> 8 === t).length;
      let mirrors = 0;
      for (let file = 0; file < h.global[G.files]!; file++)
        if ((h.task[r + R.x2]! & (1 << file)) !== 0 && h.file[file * FILE.words + FILE.mutex] === 0) mirrors++;
      if (offered < mirrors) this.meet("a callback waits for a device");
    }
  }

  /** Ends the run: nothing new begins, pins are given back, and everything that was begun must come to its end. */
  private calm(): void {
    const { h, d } = this.r;
    for (let pfn = 0; pfn < h.global[G.frames]!; pfn++) while (d.system.apply({ type: "unpin", pfn }).kind !== "disabled") continue;
    for (let n = 0; n < 20_000; n++) {
      this.step();
      this.look();
      if (d.steps(this.words) + d.system.steps(this.words) === 0) break;
    }
    for (let dev = 0; dev < h.devices; dev++) {
      for (let done = d.completed(dev); done !== null; done = d.completed(dev)) this.meet(`${done.op}: ${outcome(done.ret)}`);
      if (d.queued(dev) > 0) throw new Error(`${d.queued(dev)} commands of device ${dev} have not ended`);
    }
    if (this.running.size > 0) throw new Error(`${this.running.size} calls have not ended`);
    for (let f = 0; f < h.frame.length; f += F.words)
      if ((h.frame[f + F.flags]! & FB.locked_mask) !== 0) throw new Error("a page is left locked");
  }
}

const outcome = (ret: Ret): string => (ret.status === "errno" ? ret.errno : ret.status);

/** Makes a run. Throws where something does not hold; answers what it came across. */
export function walkDevices(walk: Walk): Met {
  return new Run(walk).go();
}
