/** Devices with their state laid open, and what must hold in each state of theirs, whatever has happened. */
import { setupOf } from "../../check/setup.ts";
import { Arena } from "../../impl/arena.ts";
import type { Capacity } from "../../impl/capacity.ts";
import { COMMAND_STATE, commandRow, isInFlight, orderRow } from "../../impl/device/command.ts";
import { devicesOn } from "../../impl/device/device.ts";
import type { DeviceSystem } from "../../impl/device/device.ts";
import { faultRow, faultsOf } from "../../impl/device/fault-queue.ts";
import { COMMAND, ENGINE, F, FAULT, FB, FILE, G, TLB } from "../../impl/layout.ts";
import { slotCache, slotContents } from "../../impl/swap.ts";
import type { Bounds } from "../../spec/system.ts";
import type { Core, DeviceKind, DriverName } from "../../spec/vocabulary.ts";
import { DPTE, FRAME, PTE, pteKind, ptePayload } from "../../spec/words.ts";

/** What devices are made from. */
export interface Kind {
  readonly core?: Core;
  readonly driver?: DriverName;
  readonly pages?: number;
  readonly devices?: readonly DeviceKind[];
  readonly bounds?: Bounds;
  readonly capacity?: Partial<Capacity>;
  readonly replays_max?: number;
}

/** The words of a state, and the devices on it. */
export interface Rig {
  readonly h: Arena;
  readonly d: DeviceSystem;
}

/** Devices in their first state. */
export function rig(kind: Kind = {}): Rig {
  const { core = "linux-6.12", driver = "ideal", pages = 3, devices = ["private", "coherent"], bounds = {}, capacity = {} } = kind;
  const config = { pages, page_bytes: 4096, devices: devices.map((k) => ({ kind: k })) };
  const setup = setupOf({ core, driver, switches: {}, config, bounds: { deviceFrames: 3, physicalPages: 4, ...bounds } });
  const h = new Arena(setup, { commands: 4, faults: 2, tlb: 2, tasks: 6, ...capacity });
  for (let dev = 0; dev < h.devices; dev++) h.engine[dev * h.engineWords + ENGINE.replays_max] = kind.replays_max ?? 0;
  return { h, d: devicesOn(h) };
}

/** The first byte of a page as its process would see it, whatever stands between; -1 where nobody can know it. */
export function valueAt(h: Arena, mm: number, vpn: number): number {
  const pte = h.pt.get(mm, vpn);
  const frame = (pfn: number): number => (h.frame[pfn * F.words + F.contents]! & FB.byte_mask) - 1;
  switch (pteKind(pte)) {
    case PTE.none:
    case PTE.zero:
      return 0;
    case PTE.swap: {
      const slot = ptePayload(pte);
      const cache = slotCache(h, slot);
      return cache >= 0 ? frame(cache) : (slotContents(h, slot) & FB.byte_mask) - 1;
    }
    default:
      return frame(ptePayload(pte));
  }
}

/** How often the list of a device names a command, and how often its fault queue and its worker do. */
function named(h: Arena, dev: number, slot: number): number {
  const order = orderRow(h, dev);
  let n = 0;
  for (let i = 0; i < h.capacity.commands; i++) if (h.engine[order + i] === slot + 1) n++;
  return n;
}

function waiting(h: Arena, dev: number, slot: number): number {
  let n = h.engine[dev * h.engineWords + ENGINE.command] === slot + 1 ? 1 : 0;
  for (let i = 0; i < faultsOf(h, dev); i++) if (h.engine[faultRow(h, dev, i) + FAULT.command] === slot + 1) n++;
  return n;
}

/** What is wrong with the queues of a device, or `null`. */
function queueFault(h: Arena, dev: number): string | null {
  const { engine } = h;
  const row = dev * h.engineWords;
  if (faultsOf(h, dev) > h.capacity.faults) return `device ${dev} has ${faultsOf(h, dev)} faults`;
  if (engine[row + ENGINE.command]! > 0 !== engine[row + ENGINE.task]! > 0)
    return `the worker of device ${dev} has a command without a task`;
  let n = 0;
  for (let slot = 0; slot < h.capacity.commands; slot++) {
    const state = h.command[commandRow(h, dev, slot) + COMMAND.state];
    if (state !== COMMAND_STATE.free) n++;
    if (named(h, dev, slot) !== (state === COMMAND_STATE.free ? 0 : 1))
      return `command ${slot} of device ${dev} is not listed as its state says`;
    const parked = state === COMMAND_STATE.parked ? 1 : 0;
    if (waiting(h, dev, slot) !== parked) return `command ${slot} of device ${dev} has ${waiting(h, dev, slot)} faults, not ${parked}`;
  }
  return engine[row + ENGINE.commands] === n ? null : `device ${dev} counts ${engine[row + ENGINE.commands]} commands, not ${n}`;
}

/** Whether the translations that a command in flight uses are still in the page table of its file. */
function inFlightFault(h: Arena, dev: number, stale: boolean): string | null {
  const { command } = h;
  for (let slot = 0; slot < h.capacity.commands; slot++) {
    const c = commandRow(h, dev, slot);
    if (!isInFlight(h, c)) continue;
    const file = command[c + COMMAND.file]! - 1;
    const page = command[c + COMMAND.page]! + command[c + COMMAND.at]!;
    const entry = command[c + COMMAND.entry]!;
    if (h.dpt.get(file, page) !== entry) return `command ${slot} of device ${dev} uses an old translation of page ${page}`;
    const frame = entry >>> DPTE.payload_shift;
    if (!stale && (entry & DPTE.zero) === 0 && (h.frame[frame * F.words + F.flags]! & FRAME.free) !== 0)
      return `command ${slot} of device ${dev} uses a free frame`;
    const to = command[c + COMMAND.entry_to]!;
    const target = command[c + COMMAND.to]! + command[c + COMMAND.at]!;
    if (to !== 0 && h.dpt.get(file, target) !== to) return `command ${slot} of device ${dev} uses an old translation of page ${target}`;
  }
  return null;
}

/** What is wrong with the devices in a state, or `null`: queues, translations in use, translation caches, taint. */
export function stateFault(h: Arena, stale = false): string | null {
  for (let dev = 0; dev < h.devices; dev++) {
    const fault = queueFault(h, dev) ?? inFlightFault(h, dev, stale);
    if (fault !== null) return fault;
  }
  for (let file = 0; file < h.global[G.files]!; file++)
    for (let i = 0; i < h.capacity.tlb; i++) {
      const at = (file * h.capacity.tlb + i) * TLB.words;
      const vpn = h.tlb[at + TLB.vpn]! - 1;
      if (vpn >= 0 && h.dpt.get(file, vpn) !== h.tlb[at + TLB.entry])
        return `the cache of file ${file} (device ${h.file[file * FILE.words + FILE.dev]}) has page ${vpn}, which its page table has not`;
    }
  return stale || h.global[G.tainted] === 0 ? null : "a device has written to memory that is not its own";
}
