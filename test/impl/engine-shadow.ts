/**
 * What memory should hold, beside what it holds. Every access is noted in the step in which it happens, and compared: it reads the last byte that
 * anybody wrote. While a page is being thrown away (munmap, MADV_DONTNEED) nothing is said about it.
 */
import { errnoIndex } from "../../impl/arena.ts";
import type { Arena } from "../../impl/arena.ts";
import { COMMAND_STATE, DEVICE_OP, commandRow } from "../../impl/device/command.ts";
import { COMMAND, TASK, errnoAnswer } from "../../impl/layout.ts";
import type { Ret } from "../../spec/vocabulary.ts";
import { LOCAL, STEP, STEPS } from "../../spec/words.ts";
import { valueAt } from "./engine-run.ts";
import type { Rig } from "./engine-run.ts";

const { state: STATE, op: OP, page: PAGE, to: TO, at: AT, value: VALUE, answer: ANSWER } = COMMAND;
const EIO = errnoAnswer(errnoIndex("EIO"));
/** Steps that read a page through the device page table into the data of their call. */
const READS = new Set([STEP["device_access.a1"], STEP["make_exclusive.a1"], STEP["migrate_call.a1"]]);

/** Memory of the first process as it should be. */
export class Shadow {
  /** The byte of each page, or -1 where nothing is said. */
  private readonly byte: number[];
  private readonly thrown: number[];
  private readonly before: Int32Array;
  private readonly rig: Rig;
  /** Who has accessed a page, by kind: to see that all of them did. */
  readonly count: Record<string, number> = {};

  constructor(r: Rig) {
    this.rig = r;
    this.byte = Array.from({ length: r.h.pages }, () => -1);
    this.thrown = Array.from({ length: r.h.pages }, () => 0);
    this.before = r.h.command.slice();
  }

  /** A call begins that throws pages away. */
  throwAway(page: number, npages: number): void {
    for (let v = page; v < page + npages; v++) {
      this.thrown[v]! += 1;
      this.byte[v] = -1;
    }
  }

  /** It has ended: what is there now counts, if the pages are mapped. */
  thrownAway(page: number, npages: number): void {
    for (let v = page; v < page + npages; v++) {
      this.thrown[v]! -= 1;
      this.byte[v] = this.thrown[v] === 0 && this.rig.d.system.view.vmaAt(0, v) >= 0 ? valueAt(this.rig.h, 0, v) : -1;
    }
  }

  private read(who: string, page: number, got: number): void {
    this.count[who] = (this.count[who] ?? 0) + 1;
    if (this.byte[page]! >= 0 && got !== this.byte[page])
      throw new Error(`${who} of page ${page} got ${got}, last written was ${this.byte[page]}`);
  }

  private wrote(who: string, page: number, value: number): void {
    this.count[who] = (this.count[who] ?? 0) + 1;
    if (this.thrown[page] === 0) this.byte[page] = value;
  }

  /** Takes a step of a device, and notes what it accesses. */
  takeDevice(word: number): void {
    this.remember();
    this.rig.d.take(word);
    this.noteCommands(true);
    this.compare();
  }

  /** Takes a step of a task, and notes what it accesses. Answers what the task answered, or `null`. */
  takeTask(word: number): Ret | null {
    const { h, d } = this.rig;
    const { view } = d.system;
    const t = word >>> 8;
    const level = view.taskDepth(t) - 1;
    const step = view.taskStep(t, level);
    const page = view.taskLocal(t, 0, LOCAL.start);
    const at = view.taskLocal(t, 0, LOCAL.at);
    const write = view.taskLocal(t, 0, LOCAL.write) === 1;
    const value = view.taskLocal(t, 0, LOCAL.value);
    const data = h.task[t * h.taskWords + TASK.data]!;
    this.remember();
    const returned = d.system.take(word) === 1;
    this.noteCommands(false);
    if (step === STEP["cpu_access.access"] && returned) {
      const ret = d.system.answer();
      if (ret.status === "ok" && write) this.wrote("cpu_write", page, value);
      else if (ret.status === "ok") this.read("cpu_read", page, ret.value ?? -1);
    } else if (READS.has(step) && !returned) {
      if (h.task[t * h.taskWords + TASK.data]! > data) this.read(STEPS[step]!, at, h.task[t * h.taskWords + h.data + data]! - 1);
      else if (write && view.taskLocal(t, 0, LOCAL.at) > at) this.wrote("device_write", at, value);
    }
    this.compare();
    return returned ? d.system.answer() : null;
  }

  private remember(): void {
    this.before.set(this.rig.h.command);
  }

  private noteCommands(own: boolean): void {
    const { h } = this.rig;
    for (let dev = 0; dev < h.devices; dev++)
      for (let slot = 0; slot < h.capacity.commands; slot++) {
        const c = commandRow(h, dev, slot);
        const old = this.before[c + STATE]!;
        const flew = old === COMMAND_STATE.translated || old === COMMAND_STATE.copying;
        if (!flew || h.command[c + STATE] === old) continue;
        if (!own) this.count["drained in a step"] = (this.count["drained in a step"] ?? 0) + 1;
        this.noteAccess(h, c);
      }
  }

  private noteAccess(h: Arena, c: number): void {
    const page = this.before[c + PAGE]! + this.before[c + AT]!;
    const answer = h.command[c + ANSWER]!;
    switch (this.before[c + OP]) {
      case DEVICE_OP.read:
        return this.read("read", page, answer);
      case DEVICE_OP.write:
        return this.wrote("write", page, this.before[c + VALUE]!);
      case DEVICE_OP.atomic_add:
        this.read("atomic_add", page, answer);
        return this.wrote("atomic_add", page, (answer + this.before[c + VALUE]!) & 255);
      default: {
        const done = h.command[c + STATE] === COMMAND_STATE.done;
        if (this.before[c + STATE] === COMMAND_STATE.copying || (done && answer === EIO)) return;
        const to = this.before[c + TO]! + this.before[c + AT]!;
        if (this.byte[page]! >= 0) this.wrote("copy", to, this.byte[page]!);
        else if (this.thrown[to] === 0) this.byte[to] = valueAt(h, 0, to);
      }
    }
  }

  /** Whether every page holds what was written to it last. */
  private compare(): void {
    const { h } = this.rig;
    for (let v = 0; v < h.pages; v++) {
      if (this.byte[v]! < 0) continue;
      const got = valueAt(h, 0, v);
      if (got !== this.byte[v]) throw new Error(`page ${v} holds ${got}, last written was ${this.byte[v]}`);
    }
  }
}
