/** The command queue of a device: submission, the order in which commands may begin, and taking what is done. */
import type { Arena } from "../arena.ts";
import { ACTOR, COMMAND, ENGINE } from "../layout.ts";
import { COMMAND_STATE, DEVICE_OP, commandRow, orderRow, touches } from "./command.ts";

/** A command for a device. Pages are those of the address space that the file mirrors; `read`, `write` and `atomic_add` are about the first byte. */
export type DeviceCommand =
  | { readonly op: "read"; readonly page: number }
  | { readonly op: "write"; readonly page: number; readonly value: number }
  /** Adds to a byte, modulo 256, and answers what was there: atomic also against the CPU and other devices. */
  | { readonly op: "atomic_add"; readonly page: number; readonly value: number }
  /** Is done when all commands that were submitted before it for the same file are, and holds those behind it back until then. */
  | { readonly op: "fence" }
  /** Copies whole pages, first to last. */
  | { readonly op: "copy"; readonly page: number; readonly to: number; readonly npages: number };

/** The open file of an actor for a device, or -1. */
function fileOfActor(h: Arena, actor: number, dev: number): number {
  if (actor < 0 || actor >= h.capacity.actors || dev < 0 || dev >= h.devices) return -1;
  const row = actor * h.actorWords;
  return h.actor[row + ACTOR.live] === 0 ? -1 : h.actor[row + ACTOR.files + dev]! - 1;
}

/** Whether `[page, page + npages)` is a range of the address window. */
const inWindow = (h: Arena, page: number, npages: number): boolean =>
  Number.isInteger(page) && Number.isInteger(npages) && page >= 0 && npages > 0 && page + npages <= h.pages;

/** Why a command makes no sense, whatever the room in the queue; or `null`. */
export function commandRefusal(h: Arena, actor: number, dev: number, command: DeviceCommand): string | null {
  if (fileOfActor(h, actor, dev) < 0) return `actor ${actor} has not opened device ${dev}`;
  if (command.op === "fence") return null;
  const npages = command.op === "copy" ? command.npages : 1;
  if (!inWindow(h, command.page, npages)) return `${command.op} leaves the window of ${h.pages} pages`;
  if (command.op === "copy") {
    if (!inWindow(h, command.to, npages)) return `${command.op} leaves the window of ${h.pages} pages`;
    return Math.abs(command.page - command.to) < npages ? "copy has ranges that overlap" : null;
  }
  if (command.op === "read") return null;
  const byte = Number.isInteger(command.value) && command.value >= 0 && command.value <= 255;
  return byte ? null : `${command.op} has a value that is no byte`;
}

/** Puts a command that `commandRefusal` has nothing against behind the others. Answers its row in the queue, or -1 where the queue is full. */
export function submitCommand(h: Arena, actor: number, dev: number, command: DeviceCommand): number {
  const n = h.engine[dev * h.engineWords + ENGINE.commands]!;
  if (n >= h.capacity.commands) return -1;
  let slot = 0;
  while (h.command[commandRow(h, dev, slot) + COMMAND.state] !== COMMAND_STATE.free) slot++;
  const c = commandRow(h, dev, slot);
  h.command[c + COMMAND.state] = COMMAND_STATE.queued;
  h.command[c + COMMAND.op] = DEVICE_OP[command.op];
  h.command[c + COMMAND.file] = fileOfActor(h, actor, dev) + 1;
  if (command.op !== "fence") {
    h.command[c + COMMAND.page] = command.page;
    h.command[c + COMMAND.npages] = command.op === "copy" ? command.npages : 1;
    if (command.op === "copy") h.command[c + COMMAND.to] = command.to;
    else if (command.op !== "read") h.command[c + COMMAND.value] = command.value;
  }
  h.engine[orderRow(h, dev) + n] = slot + 1;
  h.engine[dev * h.engineWords + ENGINE.commands] = n + 1;
  return slot;
}

/** Whether an older command of the same file must be done before a newer one begins: a fence, and one on the same page, keep their place. */
function goesBefore(h: Arena, older: number, newer: number): boolean {
  const { command } = h;
  if (command[older + COMMAND.state] === COMMAND_STATE.done || command[older + COMMAND.file] !== command[newer + COMMAND.file])
    return false;
  if (command[older + COMMAND.op] === DEVICE_OP.fence || command[newer + COMMAND.op] === DEVICE_OP.fence) return true;
  const npages = command[newer + COMMAND.npages]!;
  const page = command[newer + COMMAND.page]!;
  if (touches(h, older, page, page + npages)) return true;
  const to = command[newer + COMMAND.to]!;
  return command[newer + COMMAND.op] === DEVICE_OP.copy && touches(h, older, to, to + npages);
}

/** Whether a queued command may begin. */
export function mayBegin(h: Arena, dev: number, slot: number): boolean {
  const c = commandRow(h, dev, slot);
  const order = orderRow(h, dev);
  for (let at = order; h.engine[at] !== slot + 1; at++) if (goesBefore(h, commandRow(h, dev, h.engine[at]! - 1), c)) return false;
  return true;
}

/** The first command in the order of submission that is done, or -1. */
export function firstDone(h: Arena, dev: number): number {
  const order = orderRow(h, dev);
  const end = order + h.engine[dev * h.engineWords + ENGINE.commands]!;
  for (let at = order; at < end; at++) {
    const slot = h.engine[at]! - 1;
    if (h.command[commandRow(h, dev, slot) + COMMAND.state] === COMMAND_STATE.done) return slot;
  }
  return -1;
}

/** Takes a command that is done out of the queue. */
export function removeCommand(h: Arena, dev: number, slot: number): void {
  const c = commandRow(h, dev, slot);
  h.command.fill(0, c, c + COMMAND.words);
  const order = orderRow(h, dev);
  const end = order + h.engine[dev * h.engineWords + ENGINE.commands]!;
  let at = order;
  while (h.engine[at] !== slot + 1) at++;
  h.engine.copyWithin(at, at + 1, end);
  h.engine[end - 1] = 0;
  h.engine[dev * h.engineWords + ENGINE.commands]! -= 1;
}
