/** What a reader may ask of an operation that the model has in flight: its next step, and its locals by the numbers of `LOCAL`. */
import type { Activation } from "../model/index.ts";
import { LOCAL, NOTIFY_EVENTS, PURPOSES, STEPS } from "../spec/words.ts";

/** Codes of steps by operation and step, so that nobody has to put a name together. */
const CODES: Record<string, Record<string, number>> = {};
for (const [code, name] of STEPS.entries()) {
  const [op = "", pc = ""] = name.split(".");
  (CODES[op] ??= {})[pc] = code;
}
const PURPOSE = Object.fromEntries(PURPOSES.map((name, code) => [name, code]));
const EVENT = Object.fromEntries(NOTIFY_EVENTS.map((name, code) => [name, code]));

/** The code of the step that an operation takes next. */
export function stepCode(a: Activation): number {
  return CODES[a.op]?.[a.pc] ?? -1;
}

/** A local of an operation; `actorMm` is the address space of the caller, whom fork copies. What the operation does not have is -1. */
export function localOf(a: Activation, local: number, actorMm: number): number {
  switch (local) {
    case LOCAL.mm:
      if (a.op === "fork") return actorMm;
      return "mm" in a ? a.mm : -1;
    case LOCAL.start:
      if ("vpn" in a) return a.vpn;
      return "start" in a ? a.start : -1;
    case LOCAL.end:
      if ("vpn" in a) return a.vpn + 1;
      return "end" in a ? a.end : -1;
    case LOCAL.at:
      if (a.op === "migrate") return a.i;
      return "at" in a ? a.at : -1;
    case LOCAL.file:
      return "file" in a ? (a.file ?? -1) : -1;
    case LOCAL.dev:
      return "dev" in a ? (a.dev ?? -1) : -1;
    case LOCAL.pfn:
      return frameLocal(a);
    case LOCAL.write:
      return "write" in a ? Number(a.write) : -1;
    case LOCAL.value:
      return "value" in a ? a.value : -1;
    case LOCAL.purpose:
      return a.op === "migrate" ? (PURPOSE[a.purpose] ?? -1) : -1;
    case LOCAL.event:
      return a.op === "invalidate" ? (EVENT[a.event] ?? -1) : -1;
    case LOCAL.child:
      return "child" in a ? a.child : -1;
    case LOCAL.to:
      return a.op === "mremap" ? a.to : -1;
    default:
      return -1;
  }
}

function frameLocal(a: Activation): number {
  switch (a.op) {
    case "migrate":
      return a.faultPage ?? -1;
    case "duplicate":
      return a.page ?? -1;
    case "drop_replicas":
      return a.page;
    case "rmap_walk":
    case "reclaim":
      return a.pfn;
    default:
      return -1;
  }
}
