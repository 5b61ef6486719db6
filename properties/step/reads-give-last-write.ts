/** I3: every answer shows what was written last. */
import { LOCAL, STEP } from "../../spec/words.ts";
import { expectedFirst, UNKNOWN } from "../ghost/values.ts";
import type { Values } from "../ghost/values.ts";
import type { Move } from "../move.ts";
import type { Step } from "../property.ts";
import type { Sweep } from "../sweep.ts";

const CPU_ACCESS_ACCESS = STEP["cpu_access.access"];
const DEVICE_ACCESS_A1 = STEP["device_access.a1"];
const MAKE_EXCLUSIVE_A1 = STEP["make_exclusive.a1"];
const MIGRATE_CALL_A1 = STEP["migrate_call.a1"];

/** A load, and each byte that a device call answers, is the value that was written last when it was read. */
export const readsGiveLastWrite: Step = {
  id: "reads-give-last-write",
  kind: "step",
  spec: ["CPU-10", "DEV-2", "DEV-4", "EXC-12", "MIG-44", "MIG-50", "TRC-6", "TRC-9"],
  statement:
    "A load answers the byte that was written last to its page, and a device call the byte of each page as it was when the device read it.",
  check(was, move) {
    const ret = move.ret;
    if (ret?.status !== "ok" || was.ghost === null) return null;
    const { values } = was.ghost;
    if (ret.value !== undefined && move.step === CPU_ACCESS_ACCESS) return loaded(was, move, values, ret.value);
    if (ret.data === undefined || !isDeviceCall(move.step)) return null;
    const at = move.task * (was.pages + 1);
    if (ret.data.length !== values.read[at]) return `task ${move.task} answers ${ret.data.length} bytes and has read ${values.read[at]}`;
    for (let i = 0; i < ret.data.length; i++) {
      const expected = values.read[at + 1 + i]!;
      if (expected !== UNKNOWN && ret.data[i] !== expected)
        return `task ${move.task} answers ${ret.data[i]} for its page ${i}, last written ${expected}`;
    }
    return null;
  },
};

function isDeviceCall(step: number): boolean {
  return step === DEVICE_ACCESS_A1 || step === MIGRATE_CALL_A1 || step === MAKE_EXCLUSIVE_A1;
}

function loaded(was: Sweep, move: Move, values: Values, value: number): string | null {
  const mm = move.local[LOCAL.mm]!;
  const v = move.local[LOCAL.start]!;
  const expected = expectedFirst(values, was, mm, v);
  return value === expected || expected === UNKNOWN
    ? null
    : `mm ${mm} page ${v}: task ${move.task} has loaded ${value}, last written ${expected}`;
}
