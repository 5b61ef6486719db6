/** The rows of the commands of a device: their words, and the memory behind a translation. */
import { DPTE, FRAME, TAG } from "../../spec/words.ts";
import type { Arena } from "../arena.ts";
import { COMMAND, ENGINE, F, FB, FILE, G, NIL } from "../layout.ts";

/** What a device can be asked to do. A command keeps the place of its name here. */
export const DEVICE_OPS = ["read", "write", "atomic_add", "fence", "copy"] as const;
/** Codes of what a device can be asked to do. */
export const DEVICE_OP = { read: 0, write: 1, atomic_add: 2, fence: 3, copy: 4 } as const;

/** What a command waits for: the step that it takes next is said beside each. Between `translated` and its last access it is in flight. */
export const COMMAND_STATE = {
  free: 0,
  /** fetch */
  queued: 1,
  /** translate */
  fetched: 2,
  /** walk */
  missed: 3,
  /** None: the fault worker has it. */
  parked: 4,
  /** access, or for a copy copy_first */
  translated: 5,
  /** copy_rest */
  copying: 6,
  /** None: its answer waits to be taken. */
  done: 7,
} as const;

/** Answer of a command whose fault ended with the death of the system. */
export const CRASHED = -4;

/** The row of a command of a device. */
export const commandRow = (h: Arena, dev: number, slot: number): number => (dev * h.capacity.commands + slot) * COMMAND.words;
/** Where the list of the commands of a device, in the order of submission, begins in `h.engine`. */
export const orderRow = (h: Arena, dev: number): number => dev * h.engineWords + ENGINE.words;

/** The access that a command needs on its page; a copy reads from it. */
export const accessOf = (h: Arena, c: number): number => {
  const op = h.command[c + COMMAND.op]!;
  return op === DEVICE_OP.write ? TAG.write : op === DEVICE_OP.atomic_add ? TAG.atomic : TAG.read;
};

/** Whether an access of a command is under way: whoever takes a translation back waits for it. */
export const isInFlight = (h: Arena, c: number): boolean => {
  const state = h.command[c + COMMAND.state]!;
  return state === COMMAND_STATE.translated || state === COMMAND_STATE.copying;
};

/** Whether one of the pages that a command is at, or will come to, lies in `[start, end)`. */
export function touches(h: Arena, c: number, start: number, end: number): boolean {
  const npages = h.command[c + COMMAND.npages]!;
  const page = h.command[c + COMMAND.page]!;
  if (page < end && start < page + npages) return true;
  const to = h.command[c + COMMAND.to]!;
  return h.command[c + COMMAND.op] === DEVICE_OP.copy && to < end && start < to + npages;
}

/** Whether a command uses, in this moment, a translation of a page in `[start, end)`. */
function uses(h: Arena, c: number, start: number, end: number): boolean {
  const page = h.command[c + COMMAND.page]! + h.command[c + COMMAND.at]!;
  if (start <= page && page < end) return true;
  const to = h.command[c + COMMAND.to]! + h.command[c + COMMAND.at]!;
  return h.command[c + COMMAND.op] === DEVICE_OP.copy && start <= to && to < end;
}

/** Whether a file has an access in flight through a translation of a page in `[start, end)`. */
export function accessInFlight(h: Arena, file: number, start: number, end: number): boolean {
  if (h.capacity.commands === 0) return false;
  const first = commandRow(h, h.file[file * FILE.words + FILE.dev]!, 0);
  for (let c = first; c < first + h.capacity.commands * COMMAND.words; c += COMMAND.words)
    if (isInFlight(h, c) && h.command[c + COMMAND.file] === file + 1 && uses(h, c, start, end)) return true;
  return false;
}

/** Ends a command with an answer, which stays in its row until it is taken. */
export function complete(h: Arena, c: number, answer: number): void {
  const op = h.command[c + COMMAND.op]!;
  const npages = h.command[c + COMMAND.npages]!;
  h.command.fill(0, c, c + COMMAND.words);
  h.command[c + COMMAND.state] = COMMAND_STATE.done;
  h.command[c + COMMAND.op] = op;
  h.command[c + COMMAND.npages] = npages;
  h.command[c + COMMAND.answer] = answer;
}

/** The contents behind a translation; 0 where nobody can know them. */
function contentsBehind(h: Arena, entry: number): number {
  if ((entry & DPTE.zero) !== 0) return 1 | (1 << FB.fill_shift);
  return h.frame[(entry >>> DPTE.payload_shift) * F.words + F.contents]! & FB.contents_mask;
}

/** Replaces the bits `mask` of the contents behind a translation. A frame that is free is not the device's to write to. */
function store(h: Arena, entry: number, mask: number, bits: number): void {
  const f = (entry >>> DPTE.payload_shift) * F.words;
  if ((h.frame[f + F.flags]! & FRAME.free) !== 0) {
    h.global[G.tainted] = 1;
    return;
  }
  h.frame[f + F.contents] = (h.frame[f + F.contents]! & ~mask) | (bits & mask);
  if (h.profile.driver.marksDirty) h.frame[f + F.flags]! |= FRAME.dirty;
}

/** The access of a command that reads, writes or adds: the first byte of its page. Then the command is done. */
export function access(h: Arena, c: number): void {
  const entry = h.command[c + COMMAND.entry]!;
  const value = h.command[c + COMMAND.value]!;
  const old = (contentsBehind(h, entry) & FB.byte_mask) - 1;
  switch (h.command[c + COMMAND.op]) {
    case DEVICE_OP.read:
      return complete(h, c, old < 0 ? NIL : old);
    case DEVICE_OP.write:
      store(h, entry, FB.byte_mask, value + 1);
      return complete(h, c, 0);
    default:
      if (old >= 0) store(h, entry, FB.byte_mask, ((old + value) & 255) + 1);
      return complete(h, c, old < 0 ? NIL : old);
  }
}

/** A part of the copy of one page: the first byte, or all others. */
function copyPart(h: Arena, c: number, mask: number): void {
  store(h, h.command[c + COMMAND.entry_to]!, mask, contentsBehind(h, h.command[c + COMMAND.entry]!));
}

/** The copy engine copies the first byte of a page. */
export function copyFirst(h: Arena, c: number): void {
  copyPart(h, c, FB.byte_mask);
  h.command[c + COMMAND.state] = COMMAND_STATE.copying;
}

/** The copy engine copies all other bytes of a page, and gives its two translations up. */
export function copyRest(h: Arena, c: number): void {
  copyPart(h, c, FB.contents_mask & ~FB.byte_mask);
  const at = h.command[c + COMMAND.at]! + 1;
  if (at === h.command[c + COMMAND.npages]) return complete(h, c, 0);
  h.command[c + COMMAND.at] = at;
  h.command[c + COMMAND.entry] = 0;
  h.command[c + COMMAND.entry_to] = 0;
  h.command[c + COMMAND.replays] = 0;
  h.command[c + COMMAND.state] = COMMAND_STATE.fetched;
}

/**
 * Waits, inside of one step, until no access of a file goes through the translation of a page: what is in flight there is brought to its end. The
 * callback of a notification waits in its own step (`invalidate.i2`); this is for those who change an entry in the middle of a step.
 */
export function drainPage(h: Arena, file: number, vpn: number): void {
  if (h.capacity.commands === 0) return;
  const first = commandRow(h, h.file[file * FILE.words + FILE.dev]!, 0);
  for (let c = first; c < first + h.capacity.commands * COMMAND.words; c += COMMAND.words) {
    if (!isInFlight(h, c) || h.command[c + COMMAND.file] !== file + 1 || !uses(h, c, vpn, vpn + 1)) continue;
    if (h.command[c + COMMAND.op] !== DEVICE_OP.copy) access(h, c);
    else {
      if (h.command[c + COMMAND.state] === COMMAND_STATE.translated) copyFirst(h, c);
      copyRest(h, c);
    }
  }
}
