/** What tests of device memory need beside `support.ts`: bounded physical addresses, the calls of a driver, and what must always hold. */
import { initial, profile } from "../../model/index.ts";
import type { Bounds, Frame, Note, Replica, State } from "../../model/index.ts";
import { pfn } from "../../spec/vocabulary.ts";
import type { DevmemFlag, ModelCall, Pfn, Ret } from "../../spec/vocabulary.ts";
import { system } from "./support.ts";
import type { Setup, System } from "./support.ts";

/** Flags of memory that v14's hmm_devmem_add asks for. */
export const PRIVATE: readonly DevmemFlag[] = ["device", "allow_migrate", "unaddressable"];
/** Flags of memory that the CPU reaches and pages can move to. */
export const COHERENT: readonly DevmemFlag[] = ["device", "allow_migrate"];
/** Flags of memory of other users of ZONE_DEVICE, such as persistent memory. */
export const PMEM: readonly DevmemFlag[] = ["device"];

/** A system whose device memory is bounded: nothing is there until it is added. Notes are kept. */
export function devmem(setup: Setup & Bounds = {}): System {
  const { core = "linux-6.1", driver = "ideal", pages = 4, devices = ["private", "private"], ...bounds } = setup;
  const s = system({ ...setup, core, driver, pages, devices });
  const config = { pages, page_bytes: 4096, devices: devices.map((kind) => ({ kind })) };
  s.state = initial({ ...profile(core, driver), ...setup.switches }, config, { physicalPages: 4, notes_max: 16, ...bounds });
  return s;
}

type Part<Op extends ModelCall["op"]> = Extract<ModelCall, { op: Op }>;

/** The calls of a driver in short. */
export const driver = {
  add: (
    dev: number,
    npages: number,
    flags: readonly DevmemFlag[] = PRIVATE,
    more: Partial<Pick<Part<"devmem_add">, "minor" | "lacks">> = {},
  ): ModelCall => ({ op: "devmem_add", dev, npages, flags, ...more }),
  remove: (dev: number, chunk: number): ModelCall => ({ op: "devmem_remove", dev, chunk }),
  release: (dev: number): ModelCall => ({ op: "devmem_release", dev }),
  newDevice: { op: "hmm_device_new" } as ModelCall,
  put: (minor: number): ModelCall => ({ op: "hmm_device_put", minor }),
  duplicate: (dev: number, page: number, npages = 1): ModelCall => ({ op: "duplicate", dev, page, npages }),
};

/** The answer of a call alone, in short: what it answers in `value`, or `"ok"`, or the name of the error. */
export function answer(s: System, call: ModelCall, choices: Readonly<Record<string, string>> = {}): number | string {
  return short(s.call(0, call, choices));
}

/** An answer in short. */
export function short(ret: Ret | null): number | string {
  if (ret === null) return "running";
  if (ret.status === "ok") return ret.value ?? "ok";
  return ret.status === "errno" ? ret.errno : ret.status;
}

/** Adds memory that must be had; answers the number of the chunk. */
export function added(s: System, dev: number, npages: number, flags: readonly DevmemFlag[] = PRIVATE): number {
  const chunk = answer(s, driver.add(dev, npages, flags));
  if (typeof chunk !== "number") throw new Error(`the test expects memory, found ${chunk}`);
  return chunk;
}

/** The frames of a device with what the model knows of them. */
export function framesOf(s: System, dev: number): { readonly pfn: Pfn; readonly frame: Frame }[] {
  return s.state.frames.flatMap((frame, n) => (frame.dev === dev ? [{ pfn: pfn(n), frame }] : []));
}

/** The notes of one kind. */
export function notes<K extends Note["kind"]>(s: System, kind: K): Extract<Note, { kind: K }>[] {
  return s.state.notes.filter((n): n is Extract<Note, { kind: K }> => n.kind === kind);
}

/** The ranges of a device. */
export function chunks(s: System, dev: number): State["devices"][number]["chunks"] {
  return s.state.devices[dev]?.chunks ?? [];
}

/** The free list of a device. */
export function freeList(s: System, dev: number): readonly number[] {
  return s.state.devices[dev]?.freeList ?? [];
}

/** Puts a frame in the place of the one that a page has, which is free then: no call does that. */
export function mapFrame(s: System, page: number, to: Pfn): void {
  const from = s.frameOf(page);
  const mm = s.state.actors[0]?.mm;
  s.state = {
    ...s.state,
    frames: s.state.frames.map((frame, n) => {
      if (n === from)
        return { ...frame, free: true, holders: [], mapping: null, index: 0, contents: { first: null, fill: null }, lru: false };
      const old = s.frame(page);
      return n === to ? { ...old, kind: frame.kind, dev: frame.dev, lru: false } : frame;
    }),
    mms: s.state.mms.map((m, n) =>
      n === mm ? { ...m, ptes: m.ptes.map((pte, v) => (v === page ? { ...s.pte(page), pfn: to } : pte) as typeof pte) } : m,
    ),
  };
}

/** Writes a page and moves it to a device; answers its frame there. */
export function onDevice(s: System, page: number, value: number, dev = 0): Pfn {
  s.write(page, value);
  s.toDevice(dev, page);
  if (s.frame(page).dev !== dev) throw new Error(`the test expects page ${page} on device ${dev}`);
  return s.frameOf(page);
}

const inside = (n: number, { first, npages }: { readonly first: number; readonly npages: number }): boolean =>
  first <= n && n < first + npages;

function auditDevice(state: State, dev: number): string[] {
  const device = state.devices[dev];
  if (!device) return [];
  const found: string[] = [];
  if (new Set(device.freeList).size !== device.freeList.length) found.push(`MEM-9: a frame is twice on the free list of device ${dev}`);
  const ready = device.chunks.filter((c) => c.state === "online" && c.flags.includes("allow_migrate"));
  state.frames.forEach((frame, n) => {
    const listed = device.freeList.includes(pfn(n));
    const expected = frame.dev === dev && frame.free && ready.some((c) => inside(n, c));
    if (listed !== expected) found.push(`MEM-9: frame ${n} is ${listed ? "" : "not "}on the free list of device ${dev}`);
    if (frame.dev === dev && !device.chunks.some((c) => inside(n, c)))
      found.push(`MEM-29: frame ${n} of device ${dev} belongs to no chunk`);
  });
  return found;
}

function auditFrame(frame: Frame, n: number): string[] {
  if (!frame.free) return [];
  const { mapping, index, driverWord, holders, locked, contents } = frame;
  const blank =
    mapping === null && index === 0 && driverWord === null && holders.length === 0 && locked === null && contents.first === null;
  return blank ? [] : [`MEM-14: the free frame ${n} shows what it was`];
}

function auditReplica(state: State, replica: Replica): string[] {
  const found: string[] = [];
  const { page, dev, installed } = replica;
  const [owner, copy] = [state.frames[page], state.frames[replica.pfn]];
  if (!state.profile.readDuplication) found.push("DUP-1: a replica although read duplication is off");
  if (!owner || owner.free) found.push(`DUP-5: frame ${page} with a replica is free`);
  if (copy?.dev !== dev || copy.holders.filter((h) => h.kind === "replica").length !== 1)
    found.push(`DUP-5: frame ${replica.pfn} is no replica`);
  if (state.replicas.filter((r) => r.page === page && r.dev === dev).length !== 1)
    found.push(`DUP-3: frame ${page} has two replicas on a device`);
  const entries = state.mms.flatMap(({ ptes }) => ptes.filter((pte) => "pfn" in pte && pte.pfn === page));
  if (entries.some((pte) => pte.kind !== "present" || pte.write)) found.push(`DUP-2: a CPU entry of frame ${page} is not read-only`);
  const mirrored = state.files.flatMap(({ dpt }) => dpt.filter((e) => e !== null && !e.zero && (e.pfn === page || e.pfn === replica.pfn)));
  if (mirrored.some((e) => e?.tag !== "read")) found.push(`DUP-2: a mirror entry of frame ${page} is not read-only`);
  const reached = mirrored.some((e) => e?.pfn === replica.pfn);
  if (reached && JSON.stringify(owner?.contents) !== JSON.stringify(copy?.contents))
    found.push(`DUP-3: a replica of frame ${page} differs`);
  if (reached !== installed) found.push(`DUP-5: a replica of frame ${page} is ${reached ? "reached" : "kept"} wrongly`);
  return found;
}

/** What is wrong with device memory in a state; each finding begins with the requirement that is broken. */
export function auditDevmem(state: State): string[] {
  const bad = state.mms.flatMap(({ ptes }) =>
    ptes.filter((pte) => {
      const frame = "pfn" in pte ? state.frames[pte.pfn] : undefined;
      return frame?.kind === "absent" || (frame?.kind === "private" && pte.kind === "present");
    }),
  );
  return [
    ...bad.map((pte) => `MEM-27: a ${pte.kind} entry of what the CPU cannot reach`),
    ...state.devices.flatMap((_, dev) => auditDevice(state, dev)),
    ...state.frames.flatMap((frame, n) => auditFrame(frame, n)),
    ...state.replicas.flatMap((replica) => auditReplica(state, replica)),
  ];
}
