/**
 * A load or store of the CPU: the entry decides, a fault repairs it, the access is tried again. What answers behind the entry is `cpuLoad` and
 * `cpuStore` of the simulated memory.
 *
 * Record: `start` the page, `write`, `x0` value.
 */
import { PTE, STEP, VM } from "../../spec/words.ts";
import type { ModelCall, OkRet } from "../../spec/vocabulary.ts";
import type { Arena } from "../arena.ts";
import { BUS_ERROR, cpuLoad, cpuStore } from "../device/memory.ts";
import { ACTOR, R, SIGBUS, TASK, VMA } from "../layout.ts";
import { canRead, readLock, readUnlock } from "../locks.ts";
import { kill, ok, push } from "../tasks.ts";
import type { ImplSteps } from "../tasks.ts";
import { findVma } from "../vmas.ts";
import { enterFault } from "./fault.ts";
import { follows } from "./populate.ts";

const ACCESS = STEP["cpu_access.access"];
const C1 = STEP["cpu_access.c1"];
const FAULT = STEP["cpu_access.fault"];

const { step: STEP_AT, got: GOT, mm: MM, start: START, end: END, write: WRITE, x0: VALUE } = R;
const { flags: VM_FLAGS } = VMA;
const { write: VM_WRITE } = VM;
const LOADABLE = VM.read | VM.write;
const { kind_mask: KIND, present: PRESENT, dirty: PTE_DIRTY, payload_shift: PAYLOAD_SHIFT } = PTE;
const { actor: ACTOR_AT } = TASK;
const { mm: ACTOR_MM } = ACTOR;

/** Begins a load or store. */
export function beginCpuAccess(h: Arena, t: number, call: Extract<ModelCall, { op: "cpu_read" | "cpu_write" }>): void {
  const { task } = h;
  const r = push(h, t, ACCESS);
  const { page } = call;
  task[r + MM] = h.actor[task[t * h.taskWords + ACTOR_AT]! * h.actorWords + ACTOR_MM]!;
  task[r + START] = page;
  task[r + END] = page + 1;
  if (call.op === "cpu_read") return;
  task[r + WRITE] = 1;
  task[r + VALUE] = call.value;
}

/** Whether the CPU may load from a mapping: also from one that is only writable, but not from one that is only executable (protection keys). */
const loadable = (h: Arena, vma: number): boolean => vma >= 0 && (h.vma[vma + VM_FLAGS]! & LOADABLE) !== 0;

function load(h: Arena, t: number, pte: number): void {
  const value = (pte & KIND) === PRESENT ? cpuLoad(h, pte >>> PAYLOAD_SHIFT) : 0;
  if (value === BUS_ERROR) return kill(h, t, "SIGBUS");
  const ret: { status: "ok"; value: number | null } = { status: "ok", value: value < 0 ? null : value };
  ok(h, t, ret as OkRet);
}

function store(h: Arena, t: number, mm: number, vpn: number, pte: number, value: number): void {
  if (!cpuStore(h, pte >>> PAYLOAD_SHIFT, value)) return kill(h, t, "SIGBUS");
  if ((pte & PTE_DIRTY) === 0) h.pt.set(mm, vpn, pte | PTE_DIRTY);
  ok(h, t);
}

/** The steps of a load or store. */
export const cpuAccessSteps: ImplSteps = {
  access: {
    apply(h, t, r) {
      const { task } = h;
      const mm = task[r + MM]!;
      const vpn = task[r + START]!;
      const write = task[r + WRITE] !== 0;
      const pte = h.pt.get(mm, vpn);
      if (!follows(pte, write) || !loadable(h, findVma(h, mm, vpn))) task[r + STEP_AT] = C1;
      else if (write) store(h, t, mm, vpn, pte, task[r + VALUE]!);
      else load(h, t, pte);
    },
  },
  c1: {
    enabled: (h, _t, r) => canRead(h, h.task[r + MM]!),
    apply(h, t, r) {
      const { task } = h;
      const mm = task[r + MM]!;
      const vpn = task[r + START]!;
      const write = task[r + WRITE] !== 0;
      const vma = findVma(h, mm, vpn);
      if (!loadable(h, vma) || (write && (h.vma[vma + VM_FLAGS]! & VM_WRITE) === 0)) return kill(h, t, "SIGSEGV");
      readLock(h, mm, t);
      enterFault(h, t, r, FAULT, mm, vpn, write);
    },
  },
  fault: {
    apply(h, t, r) {
      const { task } = h;
      readUnlock(h, task[r + MM]!, t);
      if (task[r + GOT] === SIGBUS) kill(h, t, "SIGBUS");
      else task[r + STEP_AT] = ACCESS;
    },
  },
};
