/** The fault queue of a device: what its page walks could not resolve, in the order in which it was reported. */
import { ImplBug } from "../arena.ts";
import type { Arena } from "../arena.ts";
import { COMMAND, ENGINE, FAULT, FILE, errnoAnswer } from "../layout.ts";
import { COMMAND_STATE, commandRow, complete, orderRow } from "./command.ts";

/** Entries of the fault queue of a device. */
export const faultsOf = (h: Arena, dev: number): number => h.engine[dev * h.engineWords + ENGINE.faults]!;

/** The row of an entry; that of place 0 is resolved next. */
export const faultRow = (h: Arena, dev: number, i: number): number => orderRow(h, dev) + h.capacity.commands + i * FAULT.words;

/** Whether another entry fits. */
export const hasFaultRoom = (h: Arena, dev: number): boolean => faultsOf(h, dev) < h.capacity.faults;

/** Reports a page that a command cannot reach, and parks the command. The caller has looked whether there is room. */
export function reportFault(h: Arena, dev: number, slot: number, page: number, access: number): void {
  const n = faultsOf(h, dev);
  if (n >= h.capacity.faults) throw new ImplBug(`the fault queue of device ${dev} is full`);
  const f = faultRow(h, dev, n);
  h.engine[f + FAULT.command] = slot + 1;
  h.engine[f + FAULT.page] = page;
  h.engine[f + FAULT.access] = access;
  h.engine[dev * h.engineWords + ENGINE.faults] = n + 1;
  h.command[commandRow(h, dev, slot) + COMMAND.state] = COMMAND_STATE.parked;
}

/** Takes the entry at a place off. */
export function removeFault(h: Arena, dev: number, i: number): void {
  const n = faultsOf(h, dev) - 1;
  h.engine.copyWithin(faultRow(h, dev, i), faultRow(h, dev, i + 1), faultRow(h, dev, n + 1));
  h.engine.fill(0, faultRow(h, dev, n), faultRow(h, dev, n + 1));
  h.engine[dev * h.engineWords + ENGINE.faults] = n;
}

/**
 * The file is released: commands of it that are not done end with `errno` (its place in `ERRNOS`), and their faults are forgotten. None of them
 * is in flight, and the fault worker works for none of them, because both keep the file.
 */
export function abortCommands(h: Arena, file: number, errno: number): void {
  if (h.capacity.commands === 0) return;
  const dev = h.file[file * FILE.words + FILE.dev]!;
  for (let i = faultsOf(h, dev) - 1; i >= 0; i--) {
    const slot = h.engine[faultRow(h, dev, i) + FAULT.command]! - 1;
    if (h.command[commandRow(h, dev, slot) + COMMAND.file] === file + 1) removeFault(h, dev, i);
  }
  const first = commandRow(h, dev, 0);
  for (let c = first; c < first + h.capacity.commands * COMMAND.words; c += COMMAND.words)
    if (h.command[c + COMMAND.file] === file + 1) complete(h, c, errnoAnswer(errno));
}
