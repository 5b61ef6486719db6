import { STEP } from "../../spec/words.ts";
import type { Sometimes } from "../property.ts";

const C6 = STEP["handle_mm_fault.c6"];
const M1 = STEP["migrate.m1"];

/** A CPU fault calls the handler of a device. */
export const handlerCalled: Sometimes = {
  id: "handler-called",
  kind: "sometimes",
  of: "fault-holds-frame",
  spec: ["MEM-22"],
  statement: "A CPU fault calls the handler of a device.",
  met(_was, move, now) {
    return move.step === C6 && now.taskStep[move.task] === M1;
  },
};
