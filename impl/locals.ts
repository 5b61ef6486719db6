/** Which locals (`LOCAL`) the record of each operation has, and where. */
import { LOCAL, STEPS } from "../spec/words.ts";
import { R } from "./layout.ts";

const { mm, start, end, at, file, dev, pfn, write, value, purpose, event, child, to } = LOCAL;
const RANGE = [mm, start, end] as const;
const CALL = [...RANGE, dev, file] as const;

const LOCALS: Readonly<Record<string, readonly number[]>> = {
  cpu_access: [...RANGE, write, value],
  check_exclusive: CALL,
  close: [dev],
  device_access: [dev, start, end, at, write, value, file],
  devmem_add: [dev],
  devmem_remove: [dev],
  dmirror_fault: [...RANGE, file, at, write],
  do_munmap: RANGE,
  drop_replicas: [pfn],
  duplicate: [...CALL, at, pfn],
  exit: [child],
  exit_mmap: [mm],
  fork: [mm, at, child],
  handle_mm_fault: [...RANGE, write],
  hmm_mirror_register: [dev],
  hmm_range_fault: [...RANGE, file, write, at],
  invalidate: [...RANGE, event],
  madvise: [...RANGE, at],
  make_exclusive: [...CALL, at],
  migrate: [...RANGE, at, dev, file, pfn, purpose],
  migrate_call: [...CALL, at],
  mmap: [...RANGE, file],
  mprotect: [...RANGE, at],
  mremap: [...RANGE, to],
  munmap: RANGE,
  open: [dev],
  populate: [...RANGE, at, write],
  reclaim: [pfn],
  release: [file],
  remove_chunk: [dev],
  rmap_walk: [pfn],
  snapshot: [...CALL, at],
};

const PLACE: Readonly<Record<number, number>> = {
  [mm]: R.mm,
  [start]: R.start,
  [end]: R.end,
  [at]: R.at,
  [file]: R.file,
  [dev]: R.dev,
  [pfn]: R.pfn,
  [write]: R.write,
  [value]: R.x0,
  [purpose]: R.x0,
  [event]: R.x0,
  [child]: R.x0,
  [to]: R.x0,
};

const COUNT = Object.keys(LOCAL).length;

/** By step and local: the place in the record, or -1 where the operation does not have it. */
const TABLE = new Int8Array(STEPS.length * COUNT).fill(-1);
STEPS.forEach((name, step) => {
  for (const local of LOCALS[name.split(".", 1)[0]!] ?? []) TABLE[step * COUNT + local] = PLACE[local]!;
});

/** The place of a local in the record of an operation that is at a step, or -1. */
export const placeOf = (step: number, local: number): number => TABLE[step * COUNT + local] ?? -1;
