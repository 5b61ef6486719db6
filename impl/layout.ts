/**
 * Where each field lies. A row is a run of 32-bit words; ids that may be missing are stored one higher, so that 0 is "none" and an unused row
 * is all zeroes.
 */

/** Words about the whole state. */
export const G = { frames: 0, mms: 1, files: 2, anonVmas: 3, shmems: 4, slots: 5, actors: 6, replicas: 7, tainted: 8, words: 9 } as const;

/** An actor; then the file (+1) of each device. */
export const ACTOR = { live: 0, mm: 1, files: 2 } as const;

/** An address space; then how many times each task holds its lock for reading. */
export const MM = { users: 0, active: 1, seq: 2, writer: 3, hmm: 4, vmas: 5, readers: 6, held: 7 } as const;

/** Links of a mapping to anon_vmas: one for each fork that its process descends from, and its own. */
export const CHAIN_MAX = 8;
/** A mapping. Those of one address space lie one behind the other, in the order of addresses. */
export const VMA = {
  start: 0,
  end: 1,
  flags: 2,
  map: 3,
  object: 4,
  pgoff: 5,
  anon: 6,
  stamp: 7,
  links: 8,
  chain: 9,
  words: 9 + CHAIN_MAX,
} as const;

/** An open device file. */
export const FILE = { dev: 0, mm: 1, users: 2, seq: 3, interval: 4, mutex: 5, words: 6 } as const;

/**
 * A frame, in 24 bytes.
 *
 *     flags    | 30 .. 24: file + 1 | 23 .. 16: page lock, task + 1 | 15: link is slot | 14: link is head | 13 .. 10: device + 1 | 9 .. 0: FRAME |
 *     counts   | 31 .. 22: device page table entries | 21 .. 12: CPU page table entries | 11 .. 0: references |
 *     contents | 30 .. 25: exclusive entries | 24 .. 22: brief holds | 21 .. 18: pins | 17 .. 9: other bytes + 1 | 8 .. 0: first byte + 1 |
 *     link     next frame of the free list + 1, swap slot, or first frame of the compound page
 */
export const F = { flags: 0, counts: 1, mapping: 2, index: 3, contents: 4, link: 5, words: 6 } as const;
/** Bits of the words of a frame. */
export const FB = {
  public: (1 << 10) - 1,
  dev_shift: 10,
  dev_mask: 15 << 10,
  head: 1 << 14,
  slot: 1 << 15,
  locked_shift: 16,
  locked_mask: 255 << 16,
  file_shift: 24,
  file_mask: 127 << 24,
  ref: 1,
  ref_mask: (1 << 12) - 1,
  map: 1 << 12,
  map_shift: 12,
  map_mask: 1023 << 12,
  reach: 1 << 22,
  reach_shift: 22,
  fill_shift: 9,
  contents_mask: (1 << 18) - 1,
  byte_mask: 511,
  pin: 1 << 18,
  pin_shift: 18,
  pin_mask: 15 << 18,
  brief: 1 << 22,
  brief_shift: 22,
  brief_mask: 7 << 22,
  exclusive: 1 << 25,
  exclusive_shift: 25,
  exclusive_mask: 63 << 25,
} as const;
/** Contents of a page of zeroes; those that nobody can know are 0. */
export const ZEROES = 1 | (1 << 9);

/** A device; then its ranges. */
export const DEVICE = { kind: 0, free_head: 1, free: 2, chunks: 3, words: 4 } as const;
/** A range of device memory. `minor` is stored one higher. */
export const CHUNK_ROW = { first: 0, npages: 1, state: 2, flags: 3, linear: 4, minor: 5, words: 6 } as const;
/** An anon_vma. */
export const ANON = { used: 0, parent: 1, root: 2, words: 3 } as const;
/** A swap slot. */
export const SLOT = { users: 0, cache: 1, contents: 2, words: 3 } as const;
/** One entry of the translation cache of a device: the page (+1) and its device page table entry. */
export const TLB = { vpn: 0, entry: 1, words: 2 } as const;
/** A command of a device. `state` is a number of `COMMAND_STATE`, `op` a place in `DEVICE_OPS`, `file` is stored one higher. */
export const COMMAND = {
  state: 0,
  op: 1,
  file: 2,
  page: 3,
  npages: 4,
  to: 5,
  value: 6,
  /** How many pages of a copy are done. */
  at: 7,
  /** The translations that the access in flight goes through: of `page`, and of `to`. */
  entry: 8,
  entry_to: 9,
  replays: 10,
  answer: 11,
  words: 12,
} as const;
/**
 * Registers of a device: rows of its queue in use, entries of its fault queue, the task (+1) of its fault worker and the command (+1) that this
 * task is for, and how often a command may be replayed (0: for ever). Then the commands (+1) in the order of submission, then the fault queue.
 */
export const ENGINE = { commands: 0, faults: 1, task: 2, command: 3, replays_max: 4, words: 5 } as const;
/** An entry of a fault queue: the command (+1), the page that it could not reach, and the access (`TAG`) that it needs there. */
export const FAULT = { command: 0, page: 1, access: 2, words: 3 } as const;
/** A replica. */
export const REPLICA = { page: 0, dev: 1, pfn: 2, installed: 3, words: 4 } as const;

/** A task: its header, then `DEPTH_MAX` records, then its arrays. */
export const TASK = { live: 0, actor: 1, depth: 2, data: 3, records: 4 } as const;
/** Operations that one task can have entered: a device access that faults a page which migrates, whose reverse map walk notifies. */
export const DEPTH_MAX = 8;
/** The record of an operation in flight. `x0` and so on are its own locals; which is which is said in its file. */
export const R = {
  step: 0,
  got: 1,
  mm: 2,
  start: 3,
  end: 4,
  at: 5,
  file: 6,
  dev: 7,
  pfn: 8,
  write: 9,
  x0: 10,
  x1: 11,
  x2: 12,
  x3: 13,
  x4: 14,
  x5: 15,
  x6: 16,
  x7: 17,
  x8: 18,
  words: 19,
} as const;
/** One candidate of a migration. */
export const CANDIDATE = { src: 0, dst: 1, vpn: 2, words: 3 } as const;

/** What an operation answers to the one that entered it, beside numbers from 0 on. Error numbers are `ERR - index`. */
export const NIL = -1;
/** The access ends with SIGBUS. */
export const SIGBUS = -2;
/** There was no memory. */
export const OOM = -3;
const ERR = -16;
/** The answer that stands for an error number, by its place in `ERRNOS`. */
export const errnoAnswer = (index: number): number => ERR - index;
/** The place in `ERRNOS` of an answer, or -1. */
export const answerErrno = (got: number): number => (got <= ERR ? ERR - got : -1);
