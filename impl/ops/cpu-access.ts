/**
 * A load or store of the CPU: the entry decides, a fault repairs it, the access is tried again. What answers behind the entry is `cpuLoad` and
 * `cpuStore` of the simulated memory.
 *
 * Record: `start` the page, `write`, `x0` value.
 */
import { PTE, STEP, VM, pteKind, ptePayload } from "../../spec/words.ts";
import type { ModelCall, OkRet } from "../../spec/vocabulary.ts";
import type { Arena } from "../arena.ts";
import { BUS_ERROR, cpuLoad, cpuStore } from "../device/memory.ts";
import { ACTOR, R, SIGBUS, TASK, VMA } from "../layout.ts";
import { canRead, readLock, readUnlock } from "../locks.ts";
import { goto, kill, ok, push, taskRow } from "../tasks.ts";
import type { ImplSteps } from "../tasks.ts";
import { findVma } from "../vmas.ts";
import { enterFault } from "./fault.ts";
import { follows } from "./populate.ts";

const ACCESS = STEP["cpu_access.access"];
const C1 = STEP["cpu_access.c1"];
const FAULT = STEP["cpu_access.fault"];

/** Begins a load or store. */
export function beginCpuAccess(h: Arena, t: number, call: Extract<ModelCall, { op: "cpu_read" | "cpu_write" }>): void {
  const r = push(h, t, ACCESS);
  h.task[r + R.mm] = h.actor[h.task[taskRow(h, t) + TASK.actor]! * h.actorWords + ACTOR.mm]!;
  h.task[r + R.start] = call.page;
  h.task[r + R.end] = call.page + 1;
  if (call.op === "cpu_read") return;
  h.task[r + R.write] = 1;
  h.task[r + R.x0] = call.value;
}

/** Whether the CPU may load: also from a mapping that is only writable, but not from one that is only executable (protection keys). */
const loadable = (h: Arena, vma: number): boolean => (h.vma[vma + VMA.flags]! & (VM.read | VM.write)) !== 0;

function load(h: Arena, t: number, pte: number): void {
  const value = pteKind(pte) === PTE.present ? cpuLoad(h, ptePayload(pte)) : 0;
  if (value === BUS_ERROR) return kill(h, t, "SIGBUS");
  const ret: { status: "ok"; value: number | null } = { status: "ok", value: value < 0 ? null : value };
  ok(h, t, ret as OkRet);
}

function store(h: Arena, t: number, mm: number, vpn: number, pte: number, value: number): void {
  if (!cpuStore(h, ptePayload(pte), value)) return kill(h, t, "SIGBUS");
  if ((pte & PTE.dirty) === 0) h.pt.set(mm, vpn, pte | PTE.dirty);
  ok(h, t);
}

/** The steps of a load or store. */
export const cpuAccessSteps: ImplSteps = {
  access: {
    apply(h, t, r) {
      const mm = h.task[r + R.mm]!;
      const vpn = h.task[r + R.start]!;
      const write = h.task[r + R.write] !== 0;
      const vma = findVma(h, mm, vpn);
      const pte = h.pt.get(mm, vpn);
      if (vma < 0 || !loadable(h, vma) || !follows(pte, write)) return goto(h, r, C1);
      if (write) store(h, t, mm, vpn, pte, h.task[r + R.x0]!);
      else load(h, t, pte);
    },
  },
  c1: {
    enabled: (h, _t, r) => canRead(h, h.task[r + R.mm]!),
    apply(h, t, r) {
      const mm = h.task[r + R.mm]!;
      const vpn = h.task[r + R.start]!;
      const write = h.task[r + R.write] !== 0;
      const vma = findVma(h, mm, vpn);
      if (vma < 0 || !loadable(h, vma) || (write && (h.vma[vma + VMA.flags]! & VM.write) === 0)) return kill(h, t, "SIGSEGV");
      readLock(h, mm, t);
      enterFault(h, t, r, FAULT, mm, vpn, write);
    },
  },
  fault: {
    apply(h, t, r) {
      readUnlock(h, h.task[r + R.mm]!, t);
      if (h.task[r + R.got] === SIGBUS) kill(h, t, "SIGBUS");
      else goto(h, r, ACCESS);
    },
  },
};
