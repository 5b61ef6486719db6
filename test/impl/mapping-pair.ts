/** The mappings of the model and those of the implementation, changed by the same calls of their functions and compared after each. */
import { compareViews } from "../../check/compare.ts";
import { ModelView } from "../../check/model-view.ts";
import { randomStream } from "../../check/random.ts";
import { Arena } from "../../impl/arena.ts";
import type { Capacity } from "../../impl/capacity.ts";
import { G, MM, VMA } from "../../impl/layout.ts";
import { reap as reapWords } from "../../impl/reap.ts";
import { rmapTargets } from "../../impl/rmap.ts";
import { taskRow } from "../../impl/tasks.ts";
import { ArenaView } from "../../impl/view.ts";
import { copyMapping } from "../../impl/vma-copy.ts";
import { changeFlags as changeRow, insertVma } from "../../impl/vma-merge.ts";
import { detachVmas } from "../../impl/vma-split.ts";
import { prepareAnonVma as prepareRow } from "../../impl/vmas.ts";
import { copyWork } from "../../model/copy.ts";
import { rmap } from "../../model/frames.ts";
import { initial, profile } from "../../model/index.ts";
import type { Vma } from "../../model/index.ts";
import { reap } from "../../model/reap.ts";
import type { MmWork, VmFlags, Work } from "../../model/state.ts";
import { changeFlags, copyStamp, detach, findVma, forkAnonVma, insert, prepareAnonVma } from "../../model/vmas.ts";
import type { CoreSwitches, Profile } from "../../spec/profile.ts";
import { MAP, MAPPING, VM } from "../../spec/words.ts";

export const PAGES = 12;
const MMS = 3;
const CONFIG = { pages: PAGES, page_bytes: 4096, devices: [] };

const flagBits = (f: VmFlags): number =>
  (f.read ? VM.read : 0) |
  (f.write ? VM.write : 0) |
  (f.exec ? VM.exec : 0) |
  (f.account ? VM.account : 0) |
  (f.hugepage ? VM.hugepage : 0);

export const FLAGS: VmFlags = { read: true, write: true, exec: false, account: true, hugepage: false };

/** A mapping of private memory that nobody has faulted. */
export function untouched(start: number, end: number, change: Partial<Vma> = {}): Vma {
  return { start, end, flags: FLAGS, map: "private", object: null, pgoff: start, anonVma: null, chain: [], stamp: 0, ...change };
}

/** Throws unless the implementation says what the model says. */
function agree<T extends string | number | boolean | null>(actual: T, model: T): void {
  if (actual !== model) throw new Error(`${String(actual)} instead of ${String(model)}`);
}

function rowOf(vma: Vma): Int32Array {
  const row = new Int32Array(VMA.words);
  row[VMA.start] = vma.start;
  row[VMA.end] = vma.end;
  row[VMA.flags] = flagBits(vma.flags);
  row[VMA.map] = MAP[vma.map];
  row[VMA.object] = (vma.object ?? -1) + 1;
  row[VMA.pgoff] = vma.pgoff;
  row[VMA.anon] = (vma.anonVma ?? -1) + 1;
  row[VMA.stamp] = vma.stamp;
  row[VMA.links] = vma.chain.length;
  row.set(vma.chain, VMA.chain);
  return row;
}

/** Three address spaces without entries, twice. */
export class MappingPair {
  readonly model: Work;
  readonly words: Arena;
  private readonly view: ArenaView;

  constructor(switches: Partial<CoreSwitches> = {}, capacity: Partial<Capacity> = {}) {
    const switched: Profile = { ...profile("linux-6.12", "ideal"), ...switches };
    this.model = copyWork(initial(switched, CONFIG));
    this.words = new Arena({ profile: switched, config: CONFIG, bounds: {} }, capacity);
    this.view = new ArenaView(this.words);
    const first = this.mm(0);
    for (let mm = 1; mm < MMS; mm++) {
      this.model.mms.push({ ...first, vmas: [], ptes: first.ptes.slice(), lock: { writer: null, readers: [] } });
      this.words.mm[mm * this.words.mmWords + MM.users] = 1;
      this.words.mm[mm * this.words.mmWords + MM.seq] = 2;
    }
    this.words.global[G.mms] = MMS;
  }

  mm(id: number): MmWork {
    const mm = this.model.mms[id];
    if (mm === undefined) throw new Error(`no mm ${id}`);
    return mm;
  }

  /** Mappings as `start-end`, with their anon_vma. */
  mappings(mm: number): string[] {
    return this.mm(mm).vmas.map((v) => `${v.start}-${v.end}${v.anonVma === null ? "" : ` anon ${v.anonVma}`}`);
  }

  insert(mm: number, region: Vma, fresh: boolean): void {
    insert(this.model, this.mm(mm), region, fresh);
    insertVma(this.words, mm, rowOf(region), fresh);
    this.compare();
  }

  /** Takes a range out and forgets it. */
  detach(mm: number, start: number, end: number): void {
    const n = detach(this.model, this.mm(mm), start, end).length;
    agree(detachVmas(this.words, 0, mm, start, end), n);
    const at = taskRow(this.words, 0) + this.words.detached;
    this.words.task.fill(0, at, at + n * VMA.words);
    this.compare();
  }

  change(mm: number, start: number, end: number, flags: VmFlags): void {
    changeFlags(this.model, this.mm(mm), start, end, flags);
    changeRow(this.words, mm, start, end, flagBits(flags));
    this.compare();
  }

  prepare(mm: number, page: number): void {
    prepareAnonVma(this.model, this.mm(mm), page);
    const row = prepareRow(this.words, mm, page);
    agree(row < 0, findVma(this.mm(mm), page) === null);
    this.compare();
  }

  /** What fork does with the mappings: all of one address space are copied to another, which is empty. */
  fork(from: number, to: number): void {
    const { model, words } = this;
    this.detach(to, 0, PAGES);
    this.reap();
    for (let i = 0; i < this.mm(from).vmas.length; i++) {
      const vma = this.mm(from).vmas[i] as Vma;
      const copy = { ...vma, ...forkAnonVma(model, vma), stamp: copyStamp(model, vma) };
      this.mm(to).vmas.push(copy);
      copyMapping(words, from * words.vmaWords + i * VMA.words, to);
      this.compare();
    }
  }

  reap(): void {
    reap(this.model);
    reapWords(this.words);
    this.compare();
  }

  /** Compares the order of every walk through the reverse map. Answers how many places all of them have. */
  compareWalks(): number {
    const out = new Int32Array(2 * MMS * PAGES);
    let places = 0;
    for (let id = 0; id < this.model.anonVmas.length + 2; id++)
      for (let index = 0; index < 2 * PAGES; index++)
        for (const mapping of [{ kind: "anon", anonVma: id } as const, { kind: "shmem", object: id } as const]) {
          const model = rmap(this.model, mapping, index).flatMap((place) => [place.mm, place.vpn]);
          const n = rmapTargets(this.words, MAPPING[mapping.kind], id, index, out, 0);
          agree(out.subarray(0, 2 * n).join(), model.join());
          places += n;
        }
    return places;
  }

  private compare(): void {
    const { words } = this;
    agree(compareViews(new ModelView(this.model), this.view), null);
    for (let mm = 0; mm < MMS; mm++) {
      const end = mm * words.vmaWords + this.mm(mm).vmas.length * VMA.words;
      agree(words.vma.subarray(end, (mm + 1) * words.vmaWords).some(Boolean), false);
    }
  }
}

/** Draws one change after the other, and answers how many mappings there were after each, all told. */
export function drawChanges(pair: MappingPair, seed: number, count: number): number {
  const { below } = randomStream(seed);
  let mappings = 0;
  for (let n = 0; n < count; n++) {
    const mm = below(MMS);
    const start = below(PAGES - 1);
    const end = Math.min(PAGES, start + 1 + below(4));
    const flags = { ...FLAGS, write: below(4) !== 0, account: below(8) !== 0, hugepage: below(16) === 0 };
    const vma = findVma(pair.mm(mm), start);
    switch (below(8)) {
      case 0:
      case 1: {
        const map = (["private", "private", "shared", "device"] as const)[below(4)] ?? "private";
        pair.detach(mm, start, end);
        pair.insert(
          mm,
          untouched(start, end, { flags, map, object: map === "private" ? null : below(2), pgoff: below(8) === 0 ? 0 : start }),
          true,
        );
        break;
      }
      case 2: {
        // A mapping that moves to where nothing is.
        pair.detach(mm, start, end);
        const moved = pair.mm(mm).vmas[below(Math.max(1, pair.mm(mm).vmas.length))];
        if (moved) pair.insert(mm, { ...moved, start, end, pgoff: below(4) === 0 ? moved.pgoff : start, stamp: 90 + n }, false);
        break;
      }
      case 3:
        pair.detach(mm, start, end);
        break;
      case 4:
        if (vma) pair.change(mm, start, Math.min(end, vma.end), flags);
        break;
      case 5:
        pair.fork(mm, (mm + 1) % MMS);
        break;
      case 6:
        pair.reap();
        break;
      default:
        pair.prepare(mm, start);
    }
    for (let id = 0; id < MMS; id++) mappings += pair.mm(id).vmas.length;
  }
  return mappings;
}
