/**
 * A small language for tests of the model. A test reads as the calls of a process and what they answered:
 *
 *     const p = system({ pages: 4 });
 *     p.mmap(0, 4);
 *     expect(p.write(0, 7)).toBe("ok");
 *     expect(p.read(0)).toBe(7);
 *     expect(p.entry(0)).toBe("present rw dirty");
 *     expect(p.notices()).toEqual([]);
 *
 * The verbs answer in short: `"ok"`, the value or data that was read, the name of an errno or of a signal; `p.last()` is the whole answer.
 * `p.as(1)` are the verbs of actor 1, `p.as(0, { "handle_mm_fault.c4b": "no-memory" })` those of actor 0 where the environment takes other
 * choices than the first. `threads(p)` interleaves calls step by step.
 */
import { describe, expect } from "vitest";
import { enabledSteps, initial, pending, profile, run, step } from "../../model/index.ts";
import type { Activation, Environment, Frame, Profile, Pte, State, Vma } from "../../model/index.ts";
import { actorId } from "../../spec/vocabulary.ts";
import type {
  Action,
  Advice,
  Core,
  DeviceKind,
  DriverName,
  Errno,
  MapKind,
  ModelCall,
  Pfn,
  Prot,
  Ret,
  Signal,
} from "../../spec/vocabulary.ts";

export interface Setup {
  readonly core?: Core;
  readonly driver?: DriverName;
  readonly pages?: number;
  readonly devices?: readonly DeviceKind[];
  readonly deviceFrames?: number;
  /** Switches of the profile that the test sets otherwise. */
  readonly switches?: Partial<Profile>;
}

/** A call's answer in short. */
export type Answer = "ok" | Errno | Signal | "crash";
/** Choices of the environment by step name, as `{ "reclaim.r1": "swap" }`; steps that are not named take their first choice. */
export type Choices = Readonly<Record<string, string>>;

/** The calls of the vocabulary in short; ranges are one page long unless a count is given. */
export const calls = {
  mmap: (page: number, npages = 1, prot: Prot = "rw", map: MapKind = "private"): ModelCall => ({ op: "mmap", page, npages, prot, map }),
  munmap: (page: number, npages = 1): ModelCall => ({ op: "munmap", page, npages }),
  mprotect: (page: number, npages: number, prot: Prot): ModelCall => ({ op: "mprotect", page, npages, prot }),
  mremap: (page: number, npages: number, to: number): ModelCall => ({ op: "mremap", page, npages, to }),
  madvise: (page: number, npages: number, advice: Advice): ModelCall => ({ op: "madvise", page, npages, advice }),
  read: (page: number): ModelCall => ({ op: "cpu_read", page }),
  write: (page: number, value: number): ModelCall => ({ op: "cpu_write", page, value }),
  devRead: (dev: number, page: number, npages = 1): ModelCall => ({ op: "device_read", dev, page, npages }),
  devWrite: (dev: number, page: number, npages: number, value: number): ModelCall => ({ op: "device_write", dev, page, npages, value }),
  toDevice: (dev: number, page: number, npages = 1): ModelCall => ({ op: "migrate_to_device", dev, page, npages }),
  toSystem: (dev: number, page: number, npages = 1): ModelCall => ({ op: "migrate_to_system", dev, page, npages }),
  snap: (dev: number, page: number, npages = 1): ModelCall => ({ op: "snapshot", dev, page, npages }),
  exclusive: (dev: number, page: number, npages = 1): ModelCall => ({ op: "make_exclusive", dev, page, npages }),
  check: (dev: number, page: number, npages = 1): ModelCall => ({ op: "check_exclusive", dev, page, npages }),
  open: (dev: number): ModelCall => ({ op: "open", dev }),
  close: (dev: number): ModelCall => ({ op: "close", dev }),
  fork: (child: number, files?: "inherit"): ModelCall => ({ op: "fork", child, ...(files && { files }) }),
  exit: (child: number): ModelCall => ({ op: "exit", child }),
};

function short(ret: Ret): Answer {
  if (ret.status === "errno") return ret.errno;
  return ret.status === "signal" ? ret.signal : ret.status;
}

/** The verbs of one actor. */
export interface Verbs {
  mmap(page: number, npages?: number, prot?: Prot, map?: MapKind): Answer;
  munmap(page: number, npages?: number): Answer;
  mprotect(page: number, npages: number, prot: Prot): Answer;
  mremap(page: number, npages: number, to: number): Answer;
  madvise(page: number, npages: number, advice: Advice): Answer;
  /** Answers the byte. */
  read(page: number): number | Answer;
  write(page: number, value: number): Answer;
  /** Answers the bytes. */
  devRead(dev: number, page: number, npages?: number): readonly number[] | Answer;
  devWrite(dev: number, page: number, npages: number, value: number): Answer;
  toDevice(dev: number, page: number, npages?: number): Answer;
  toSystem(dev: number, page: number, npages?: number): Answer;
  /** Answers the codes with blanks between them: `"02 11"`. */
  snap(dev: number, page: number, npages?: number): string;
  exclusive(dev: number, page: number, npages?: number): Answer;
  check(dev: number, page: number, npages?: number): Answer;
  open(dev: number): Answer;
  close(dev: number): Answer;
  fork(child: number, files?: "inherit"): Answer;
  exit(child: number): Answer;
}

function verbs(call: (c: ModelCall) => Ret): Verbs {
  const of =
    <A extends unknown[]>(make: (...args: A) => ModelCall) =>
    (...args: A): Answer =>
      short(call(make(...args)));
  return {
    mmap: of(calls.mmap),
    munmap: of(calls.munmap),
    mprotect: of(calls.mprotect),
    mremap: of(calls.mremap),
    madvise: of(calls.madvise),
    read(page) {
      const ret = call(calls.read(page));
      return ret.status === "ok" ? (ret.value ?? "ok") : short(ret);
    },
    write: of(calls.write),
    devRead(dev, page, npages) {
      const ret = call(calls.devRead(dev, page, npages));
      return ret.status === "ok" ? (ret.data ?? "ok") : short(ret);
    },
    devWrite: of(calls.devWrite),
    toDevice: of(calls.toDevice),
    toSystem: of(calls.toSystem),
    snap(dev, page, npages) {
      const ret = call(calls.snap(dev, page, npages));
      return ret.status === "ok" ? (ret.entries ?? []).join(" ") : short(ret);
    },
    exclusive: of(calls.exclusive),
    check: of(calls.check),
    open: of(calls.open),
    close: of(calls.close),
    fork: of(calls.fork),
    exit: of(calls.exit),
  };
}

/** An entry in words, without its frame: `"none"`, `"zero"`, `"present rw dirty"`, `"swap"`, `"migration write"`, `"device_private r"`. */
export function show(pte: Pte): string {
  const words: string[] = [pte.kind];
  if (pte.kind === "migration") words.push(pte.mode);
  if ("write" in pte) words.push(pte.write ? "rw" : "r");
  if ("dirty" in pte && pte.dirty) words.push("dirty");
  if ("exclusive" in pte && pte.exclusive) words.push("exclusive");
  if ("huge" in pte && pte.huge) words.push("huge");
  return words.join(" ");
}

/** A mapping in words: `"0-4 rw private"`. */
export function showVma(vma: Vma): string {
  const { read, write, exec } = vma.flags;
  const prot = `${read ? "r" : ""}${write ? "w" : ""}${exec ? "x" : ""}`;
  return `${vma.start}-${vma.end} ${prot === "" ? "n" : prot} ${vma.map}`;
}

function there<T>(value: T | null | undefined, what: string): T {
  if (value === null || value === undefined) throw new Error(`the test expects ${what}`);
  return value;
}

/** One model with processes, driven by calls. */
export interface System extends Verbs {
  state: State;
  /** Each notification that has begun, as `"CLEAR 2-3"`; one of another address space than the first with its number before it: `"1:CLEAR 2-3"`. */
  readonly log: string[];
  /** The notifications since this was asked last. */
  notices(): readonly string[];
  /** The verbs of an actor, with other choices of the environment. */
  as(actor: number, choices?: Choices): Verbs;
  /** Runs one call alone. */
  call(actor: number, call: ModelCall, choices?: Choices): Ret;
  /** The whole answer of the last call. */
  last(): Ret;
  pte(page: number, actor?: number): Pte;
  /** The entry in words, see `show`. */
  entry(page: number, actor?: number): string;
  /** The entries of `npages` pages in words. */
  entries(page: number, npages: number, actor?: number): readonly string[];
  /** The frame that the entry names. */
  frameOf(page: number, actor?: number): Pfn;
  frame(page: number, actor?: number): Frame;
  vmas(actor?: number): readonly Vma[];
  /** The mappings in words, see `showVma`. */
  layout(actor?: number): readonly string[];
  /** Runs calls and expects that they neither change anything nor notify anybody. */
  nothing<T>(run: () => T): T;
}

const nameOf = (a: Pick<Activation, "op" | "pc">): string => `${a.op}.${a.pc}`;

function choose(choices: Choices): Environment {
  return (a, offered) => {
    const wanted = choices[nameOf(a)];
    return wanted !== undefined && offered.includes(wanted) ? [wanted] : offered.slice(0, 1);
  };
}

/** A system in its initial state: one process with an empty window. */
export function system(setup: Setup = {}): System {
  const { core = "linux-6.1", driver = core === "v14" ? "ideal" : "dmirror-fixed", pages = 4, devices = ["private", "private"] } = setup;
  const config = { pages, page_bytes: 4096, devices: devices.map((kind) => ({ kind })) };
  const bounds = setup.deviceFrames === undefined ? {} : { deviceFrames: setup.deviceFrames };
  const log: string[] = [];
  let last: Ret = { status: "ok" };
  let told = 0;
  const mm = (actor: number): State["mms"][number] => {
    const id = there(s.state.actors[actor], `actor ${actor}`).mm;
    return there(s.state.mms[id], `mm ${id}`);
  };
  const s: System = {
    ...verbs((c) => s.call(0, c)),
    state: initial({ ...profile(core, driver), ...setup.switches }, config, bounds),
    log,
    notices() {
      const news = log.slice(told);
      told = log.length;
      return news;
    },
    as: (actor, choices) => verbs((c) => s.call(actor, c, choices)),
    call(actor, call, choices = {}) {
      if (s.state.tasks.length > 0) throw new Error("a call alone while a task is in flight: start it with threads(...)");
      const { runs } = run(s.state, actorId(actor), call, choose(choices), 1, (a) => note(log, a));
      const first = there(runs[0], "an outcome");
      s.state = first.state;
      last = first.ret;
      return last;
    },
    last: () => last,
    pte: (page, actor = 0) => there(mm(actor).ptes[page], `page ${page}`),
    entry: (page, actor = 0) => show(s.pte(page, actor)),
    entries: (page, npages, actor = 0) => Array.from({ length: npages }, (_, i) => s.entry(page + i, actor)),
    frameOf(page, actor = 0) {
      const pte = s.pte(page, actor);
      if (!("pfn" in pte)) throw new Error(`the test expects a frame at page ${page}, found ${show(pte)}`);
      return pte.pfn;
    },
    frame: (page, actor = 0) => there(s.state.frames[s.frameOf(page, actor)], "a frame"),
    vmas: (actor = 0) => mm(actor).vmas,
    layout: (actor = 0) => mm(actor).vmas.map(showVma),
    nothing(body) {
      const before = s.state;
      const begun = log.length;
      const answer = body();
      expect(s.state).toEqual(before);
      expect(log.slice(begun)).toEqual([]);
      return answer;
    },
  };
  return s;
}

function note(log: string[], a: Readonly<Activation>): void {
  if (a.op === "invalidate" && a.pc === "i1") log.push(`${a.mm === 0 ? "" : `${a.mm}:`}${a.event} ${a.start}-${a.end}`);
}

/** Calls in flight, taken step by step. */
export interface Threads {
  /** An actor enters a call; answers its task. */
  start(actor: number, call: ModelCall): number;
  /** The kernel begins to reclaim a page; answers its task. */
  reclaim(pfn: number): number;
  /** Takes the next step of a task, with the first choice unless one is named; answers the call's answer if that was its last step. */
  step(task: number, choice?: string): Ret | null;
  /** Steps a task until the step with this name (`"migrate.m2"`) is next; the test fails if the task ends or waits before. */
  until(task: number, name: string): void;
  /** Steps a task to its end; the test fails if it waits. */
  finish(task: number, choices?: Choices): Ret;
  /** Steps a task until it has ended or waits for others; answers whether it waits. */
  drive(task: number, choices?: Choices): "ended" | "waits";
  /** Steps several tasks in an order that `seed` decides, until all have ended; the test fails if they only wait. */
  interleave(tasks: readonly number[], seed?: number): void;
  /** The step that a task takes next, `null` after its end. */
  at(task: number): string | null;
  /** Whether a task lives and cannot take its next step now. */
  blocked(task: number): boolean;
  /** The choices that the environment has in the next step of a task. */
  choices(task: number): readonly string[];
  /** An action of the environment that must be possible. */
  act(action: Action): void;
  /** Why an action is not possible, `null` if it is. Changes nothing. */
  refused(action: Action): string | null;
}

/** More steps than any call of a test takes. */
const STEPS_MAX = 20_000;

/** Interleaves calls on the state of a system. */
export function threads(s: System): Threads {
  const t: Threads = {
    start(actor, call) {
      t.act({ type: "call", actor, call });
      return there(s.state.tasks.at(-1), "a task").id;
    },
    reclaim(pfn) {
      t.act({ type: "reclaim", pfn });
      return there(s.state.tasks.at(-1), "a task").id;
    },
    step(task, choice) {
      const top = s.state.tasks.find((other) => other.id === task)?.stack.at(-1);
      const wanted = choice ?? t.choices(task)[0] ?? "";
      const stepped = step(s.state, { type: "step", task, choice: wanted });
      if (stepped.outcome.kind === "disabled") throw new Error(stepped.outcome.why);
      if (top) note(s.log, top as Activation);
      s.state = stepped.state;
      return stepped.outcome.kind === "return" ? stepped.outcome.ret : null;
    },
    until(task, name) {
      for (let n = 0; t.at(task) !== name; n++) {
        if (n > STEPS_MAX || t.step(task) !== null) throw new Error(`task ${task} never comes to ${name}`);
      }
    },
    finish(task, choices = {}) {
      for (let n = 0; n < STEPS_MAX; n++) {
        const ret = t.step(task, choices[t.at(task) ?? ""]);
        if (ret !== null) return ret;
      }
      throw new Error(`task ${task} does not end`);
    },
    drive(task, choices = {}) {
      for (let n = 0; n < STEPS_MAX; n++) {
        if (t.blocked(task)) return "waits";
        if (t.step(task, choices[t.at(task) ?? ""]) !== null) return "ended";
      }
      throw new Error(`task ${task} neither ends nor waits`);
    },
    interleave(tasks, seed = 1) {
      const next = random(seed);
      for (let n = 0; n < STEPS_MAX; n++) {
        const live = tasks.filter((task) => t.at(task) !== null);
        const ready = live.filter((task) => !t.blocked(task));
        if (live.length === 0) return;
        const task = ready[next(ready.length)];
        if (task === undefined) throw new Error(`tasks ${live.join(", ")} wait for each other`);
        t.step(task);
      }
      throw new Error("the tasks do not end");
    },
    at(task) {
      const next = pending(s.state).find((p) => p.task === task);
      return next ? `${next.op}.${next.pc}` : null;
    },
    blocked: (task) => t.at(task) !== null && t.choices(task).length === 0,
    choices: (task) => enabledSteps(s.state).flatMap((a) => (a.type === "step" && a.task === task ? [a.choice] : [])),
    act(action) {
      const { state, outcome } = step(s.state, action);
      if (outcome.kind === "disabled") throw new Error(outcome.why);
      s.state = state;
    },
    refused(action) {
      const { outcome } = step(s.state, action);
      return outcome.kind === "disabled" ? outcome.why : null;
    },
  };
  return t;
}

/** A pseudo-random sequence: each call answers a whole number below its argument. */
export function random(seed: number): (below: number) => number {
  let x = Math.imul(seed + 1, 2_654_435_761) >>> 0;
  return (below) => {
    x = (Math.imul(x, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((x / 2 ** 32) * below);
  };
}

/** Reclaims the page at `page` to swap, however many entries map it. */
export function swapOut(s: System, page: number, actor = 0): void {
  const t = threads(s);
  t.finish(t.reclaim(s.frameOf(page, actor)), { "reclaim.r1": "swap" });
}

/** The cores that Linux was released with. */
export const LINUX_CORES = ["linux-6.1", "linux-6.12"] as const;
/** Every core; `system` gives v14 the ideal driver. */
export const ALL_CORES = ["v14", ...LINUX_CORES] as const;

/** Describes the same tests for each core. */
export function eachCore(cores: readonly Core[], tests: (core: Core) => void): void {
  describe.each(cores)("%s", (core) => {
    tests(core);
  });
}
