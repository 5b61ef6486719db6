/** The system does not die, and answers every call. */
import { STEP } from "../../spec/words.ts";
import type { Move } from "../move.ts";
import type { Step } from "../property.ts";
import { stepText } from "../text.ts";

const DEVICE_ACCESS_A1 = STEP["device_access.a1"];
const DMIRROR_FAULT_GET = STEP["dmirror_fault.get"];
const MAKE_EXCLUSIVE_A1 = STEP["make_exclusive.a1"];
const MIGRATE_CALL_A1 = STEP["migrate_call.a1"];

/** No call ends in a crash. */
export const noCrash: Step = {
  id: "no-crash",
  kind: "step",
  spec: ["IDL-10", "MEM-7", "TRC-13", "TRC-14", "TRC-15"],
  statement: "No call makes the system die or stop answering.",
  known: [
    {
      defect: "U3",
      spec: ["DMR-10", "TRC-14"],
      when: "a device goes through an entry that names the device frame itself",
      applies: ({ driver }) => driver.storesDevicePage,
      check: (_was, move) => (isTouch(move) ? crash(move) : null),
    },
    {
      defect: "U4",
      spec: ["DMR-13", "TRC-15"],
      when: "a device fault finds the mirrored address space gone",
      applies: ({ driver, goneMirrorFault }) => driver.hangsOnGoneMirror && goneMirrorFault === null,
      check: (_was, move) => (isGone(move) ? crash(move) : null),
    },
  ],
  check(_was, move, now) {
    const { driver, goneMirrorFault } = now.view.profile;
    if (driver.storesDevicePage && isTouch(move)) return null;
    if (driver.hangsOnGoneMirror && goneMirrorFault === null && isGone(move)) return null;
    return crash(move);
  },
};

const isTouch = ({ step }: Move): boolean => step === DEVICE_ACCESS_A1 || step === MIGRATE_CALL_A1 || step === MAKE_EXCLUSIVE_A1;
const isGone = ({ step }: Move): boolean => step === DMIRROR_FAULT_GET;

function crash({ ret, task, step }: Move): string | null {
  return ret?.status === "crash" ? `task ${task} dies at ${stepText(step)}: ${ret.log}` : null;
}
