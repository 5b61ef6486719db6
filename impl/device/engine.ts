/**
 * The engine of a device: the steps that its commands take.
 *
 *     fetch       queued -> fetched; a fence is done
 *     translate   fetched -> translated, where the translation cache has all that the command needs now; else -> missed
 *     walk        missed -> translated by the page table; or -> parked, with an entry on the fault queue. Waits while that queue is full.
 *     access      translated -> done: the first byte of the page is read, written or added to
 *     copy_first  translated -> copying, or done where the copy fails
 *     copy_rest   copying -> done, or fetched for the next page
 *
 * A copy gets both translations in one step or none, so that it never holds one while it waits for the other.
 */
import { DPTE, FRAME, TAG, dptePfn, dpteTag } from "../../spec/words.ts";
import { ImplBug, errnoIndex } from "../arena.ts";
import type { Arena } from "../arena.ts";
import { CHOICE } from "../choices.ts";
import { devOf, kindOf } from "../frames.ts";
import { COMMAND, errnoAnswer } from "../layout.ts";
import { COMMAND_STATE, DEVICE_OP, access, accessOf, commandRow, complete, copyFirst, copyRest } from "./command.ts";
import { hasFaultRoom, reportFault } from "./fault-queue.ts";
import { onBus } from "./memory.ts";
import { mayBegin } from "./queue.ts";
import { lookup, walk } from "./tlb.ts";

const EIO = errnoAnswer(errnoIndex("EIO"));
/** What the environment decides in `copy_first`. */
const COPIED_OR_FAILED = (1 << CHOICE.copied) | (1 << CHOICE.failed);

/** Names of the steps by the state of the command. */
export const ENGINE_STEPS: Readonly<Record<number, string>> = {
  [COMMAND_STATE.queued]: "fetch",
  [COMMAND_STATE.fetched]: "translate",
  [COMMAND_STATE.missed]: "walk",
  [COMMAND_STATE.translated]: "access",
  [COMMAND_STATE.copying]: "copy_rest",
};

/** Whether an entry of the page table, or of the cache, grants an access. Exclusive access includes writing. */
const grants = (entry: number, need: number): boolean => (entry & DPTE.valid) !== 0 && dpteTag(entry) >= need;

/** Whether memory answers a device behind an entry: its own, and what is on the bus. The private memory of another device is out of reach. */
function answers(h: Arena, dev: number, entry: number): boolean {
  if ((entry & DPTE.zero) !== 0) return true;
  if ((entry & DPTE.unreachable) !== 0) return false;
  const pfn = dptePfn(entry);
  return devOf(h, pfn) === dev ? kindOf(h, pfn) !== FRAME.absent : onBus(h, pfn);
}

const isCopy = (h: Arena, c: number): boolean => h.command[c + COMMAND.op] === DEVICE_OP.copy;
const pageOf = (h: Arena, c: number): number => h.command[c + COMMAND.page]! + h.command[c + COMMAND.at]!;
const pageTo = (h: Arena, c: number): number => h.command[c + COMMAND.to]! + h.command[c + COMMAND.at]!;

/** The command goes on to its access through these translations, unless no memory answers there. */
function latch(h: Arena, dev: number, c: number, entry: number, to: number): void {
  if (!answers(h, dev, entry) || (isCopy(h, c) && !answers(h, dev, to))) return complete(h, c, EIO);
  h.command[c + COMMAND.entry] = entry;
  h.command[c + COMMAND.entry_to] = to;
  h.command[c + COMMAND.state] = COMMAND_STATE.translated;
}

function translateStep(h: Arena, dev: number, c: number): void {
  const file = h.command[c + COMMAND.file]! - 1;
  const entry = lookup(h, file, pageOf(h, c));
  const to = isCopy(h, c) ? lookup(h, file, pageTo(h, c)) : 0;
  if (grants(entry, accessOf(h, c)) && (!isCopy(h, c) || grants(to, TAG.write))) latch(h, dev, c, entry, to);
  else h.command[c + COMMAND.state] = COMMAND_STATE.missed;
}

/** Whether a walk can be done now: it finds everything, or there is room to report what is missing. */
function mayWalk(h: Arena, dev: number, c: number): boolean {
  if (hasFaultRoom(h, dev)) return true;
  const file = h.command[c + COMMAND.file]! - 1;
  return grants(h.dpt.get(file, pageOf(h, c)), accessOf(h, c)) && (!isCopy(h, c) || grants(h.dpt.get(file, pageTo(h, c)), TAG.write));
}

function walkStep(h: Arena, dev: number, slot: number): void {
  const c = commandRow(h, dev, slot);
  const file = h.command[c + COMMAND.file]! - 1;
  const entry = walk(h, file, pageOf(h, c));
  if (!grants(entry, accessOf(h, c))) return reportFault(h, dev, slot, pageOf(h, c), accessOf(h, c));
  const to = isCopy(h, c) ? walk(h, file, pageTo(h, c)) : 0;
  if (isCopy(h, c) && !grants(to, TAG.write)) return reportFault(h, dev, slot, pageTo(h, c), TAG.write);
  latch(h, dev, c, entry, to);
}

/** What a command may do now: 0 for nothing, 1 for its one step, or the choices of the environment in it as bits. */
export function engineChoices(h: Arena, dev: number, slot: number): number {
  const c = commandRow(h, dev, slot);
  switch (h.command[c + COMMAND.state]) {
    case COMMAND_STATE.queued:
      return mayBegin(h, dev, slot) ? 1 : 0;
    case COMMAND_STATE.fetched:
    case COMMAND_STATE.copying:
      return 1;
    case COMMAND_STATE.missed:
      return mayWalk(h, dev, c) ? 1 : 0;
    case COMMAND_STATE.translated:
      return isCopy(h, c) ? COPIED_OR_FAILED : 1;
    default:
      return 0;
  }
}

/** Takes the next step of a command that `engineChoices` has named. */
export function engineStep(h: Arena, dev: number, slot: number, choice: number): void {
  const c = commandRow(h, dev, slot);
  switch (h.command[c + COMMAND.state]) {
    case COMMAND_STATE.queued:
      if (h.command[c + COMMAND.op] === DEVICE_OP.fence) complete(h, c, 0);
      else h.command[c + COMMAND.state] = COMMAND_STATE.fetched;
      return;
    case COMMAND_STATE.fetched:
      return translateStep(h, dev, c);
    case COMMAND_STATE.missed:
      return walkStep(h, dev, slot);
    case COMMAND_STATE.translated:
      if (!isCopy(h, c)) access(h, c);
      else if (choice === CHOICE.failed) complete(h, c, EIO);
      else copyFirst(h, c);
      return;
    case COMMAND_STATE.copying:
      return copyRest(h, c);
    default:
      throw new ImplBug(`command ${slot} of device ${dev} has no step`);
  }
}
