import type { Call, Header, Ret, TraceEvent } from "../../spec/vocabulary.ts";

/** A header that is as it should be. */
export const HEADER: Header = {
  format: "hmm-trace",
  version: 1,
  id: "t-1",
  profile: "linux-6.1",
  driver: "dmirror-fixed",
  config: { pages: 8, page_bytes: 4096, devices: [{ kind: "private" }, { kind: "coherent" }] },
  source: "by hand",
};

/** A header with some fields replaced; `undefined` removes one. */
export const header = (changes: Record<string, unknown> = {}): string => JSON.stringify({ ...HEADER, ...changes });

/** A header whose config has some fields replaced. */
export const config = (changes: Record<string, unknown>): string => header({ config: { ...HEADER.config, ...changes } });

/** An event as a line; anything may be wrong in it. */
export const event = (seq: unknown, actor: unknown, call: unknown, ret?: unknown): string => JSON.stringify({ seq, actor, call, ret });

const OK = { status: "ok" } as const;

/** Each operation once, with an ok answer, in an order that a process could call them in. */
const CALLS: readonly (readonly [actor: number, call: Call, ret?: Ret])[] = [
  [0, { op: "mmap", page: 0, npages: 4, prot: "rw", map: "private" }, OK],
  [0, { op: "mmap", page: 4, npages: 4, prot: "r", map: "device" }, OK],
  [0, { op: "mprotect", page: 1, npages: 1, prot: "n" }, OK],
  [0, { op: "madvise", page: 0, npages: 8, advice: "dontneed" }, { status: "errno", errno: "EINVAL" }],
  [0, { op: "cpu_write", page: 0, value: 255 }, OK],
  [0, { op: "cpu_read", page: 0 }, { status: "ok", value: 255 }],
  [0, { op: "cpu_read", page: 1 }, { status: "signal", signal: "SIGSEGV" }],
  [0, { op: "device_read", dev: 0, page: 0, npages: 2 }, { status: "ok", cpages: 2, faults: 1, data: [255, 0] }],
  [0, { op: "device_write", dev: 1, page: 2, npages: 1, value: 7 }, { status: "ok", cpages: 1, faults: 1 }],
  [0, { op: "migrate_to_device", dev: 0, page: 0, npages: 1 }, { status: "ok", cpages: 1, data: [255] }],
  [0, { op: "snapshot", dev: 0, page: 0, npages: 3 }, { status: "ok", cpages: 3, entries: ["13", "0f", "a0"] }],
  [0, { op: "migrate_to_system", dev: 0, page: 0, npages: 1 }, { status: "ok", cpages: 1 }],
  [0, { op: "make_exclusive", dev: 0, page: 2, npages: 1 }, { status: "ok", cpages: 1, data: [7] }],
  [0, { op: "check_exclusive", dev: 0, page: 0, npages: 8 }, { status: "errno", errno: "EPERM" }],
  [0, { op: "mremap", page: 0, npages: 2, to: 4 }, OK],
  [0, { op: "fork", child: 7 }, OK],
  [7, { op: "fork", child: 3, files: "inherit" }],
  [7, { op: "open", dev: 0 }, OK],
  [7, { op: "close", dev: 0 }, OK],
  [0, { op: "exit", child: 7 }, OK],
  [3, { op: "munmap", page: 8, npages: 0 }, OK],
  [0, { op: "device_read", dev: 1, page: 0, npages: 1 }, { status: "crash", log: "BUG: kernel NULL pointer dereference" }],
];

/** A valid trace that has each operation and each kind of answer, one line each. */
export const VALID: readonly string[] = [
  header(),
  ...CALLS.map(([actor, call, ret], index) => {
    const line: TraceEvent = { seq: index + 1, actor, call, ...(ret === undefined ? {} : { ret }) };
    return JSON.stringify(line);
  }),
  header({ id: "t-2", config: { pages: 1, page_bytes: 65536, devices: [] } }),
  event(1, 0, { op: "cpu_read", page: 0 }),
];
